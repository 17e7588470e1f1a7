/* Owners of primitives, for reports and statistics. */
#include "sync/owner.h"

#include <stdio.h>

#include "task/scheduler.h"

yb_task *yb_owner_find(const yibu_loop *loop, uint64_t id)
{
    const yb_scheduler *s = loop ? yb_scheduler_of(loop) : NULL;
    if (!s || id == 0 || id == YB_OWNER_UNKNOWN)
        return NULL;
    for (yb_list *at = s->tasks.next; at != &s->tasks; at = at->next) {
        yb_task *task = YB_CONTAINER_OF(at, yb_task, all);
        if (task->id == id)
            return task;
    }
    return NULL;
}

void yb_owner_describe(const yibu_loop *loop, uint64_t id, const char *what, char *ret_text,
                       size_t size)
{
    yb_task *owner = yb_owner_find(loop, id);
    if (owner)
        snprintf(ret_text, size, "%s held by task \"%s\" (created at %s)", what,
                 yibu_task_get_name(&owner->future), owner->place);
    else if (id != 0 && id != YB_OWNER_UNKNOWN)
        snprintf(ret_text, size, "%s held by \"task-%llu\", which has ended", what,
                 (unsigned long long)id);
    else
        snprintf(ret_text, size, "%s", what);
}
