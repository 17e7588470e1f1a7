/* Who holds a primitive, remembered by the task's id: it may end, and be freed, as the owner. */
#ifndef YB_SYNC_OWNER_H
#define YB_SYNC_OWNER_H

#include "task/task.h"

/* 0 is nobody; an id of a task; or somebody who is no task, or not known. */
#define YB_OWNER_UNKNOWN UINT64_MAX

static inline uint64_t yb_owner_current(void)
{
    return YB_LIKELY(yb_task_current != NULL) ? yb_task_current->id : YB_OWNER_UNKNOWN;
}

/* The loop's task of that id, NULL where it has ended.  Walks the tasks. */
yb_task *yb_owner_find(const yibu_loop *loop, uint64_t id);

/* Writes what a waiting task waits for: "a lock held by task "x" (created at x.c:12)". */
void yb_owner_describe(const yibu_loop *loop, uint64_t id, const char *what, char *ret_text,
                       size_t size);

#endif
