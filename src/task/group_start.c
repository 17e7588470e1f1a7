/* Starting a child and waiting until it is ready.
 *
 * The starter's own waiter is among those for the child's end.  Its status is PENDING until it
 * ends, with READY where the child said so, or with the child.  A starter that a cancel woke stays
 * enlisted, so the child's failure is its affair all the while. */
#include <errno.h>
#include <stdio.h>

#include "task/group.h"

enum { READY = 1, PENDING = 2 };

static void wake_starter(yb_waiter *waiter)
{
    yb_task *starter = YB_CONTAINER_OF(waiter, yb_task, wait.waiter);
    if (starter->future.state == YB_TASK_SUSPENDED)
        yb_task_wake(starter);
}

/* The waiter of the task that waits until child is ready, or NULL. */
static yb_waiter *starter_of(const yb_task *child)
{
    const yb_list *list = &child->future.waiters.list;
    for (yb_list *at = list->next; at && at != list; at = at->next) {
        yb_waiter *waiter = YB_CONTAINER_OF(at, yb_waiter, links);
        if (waiter->end == wake_starter)
            return waiter;
    }
    return NULL;
}

bool yb_group_awaited_by_starter(const yb_task *child)
{
    return starter_of(child) != NULL;
}

static yb_task *started_child(const yb_task *starter)
{
    return starter->wait.waiter.object;
}

static void describe_start(const yb_task *starter, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "task \"%s\" to be ready",
             yibu_task_get_name(&started_child(starter)->future));
}

static const yb_wait_class starting = {"start", yb_task_wake, started_child, describe_start};
static const yb_wait_class unstarting = {"start", NULL, started_child, describe_start};

/* Waits until the child is ready or has ended; a cancel of the starter cancels the child. */
static int wait_until_started(yb_task *starter, yb_task *child, intptr_t *ret_value)
{
    yb_waiter *waiter = &starter->wait.waiter;
    yb_task_begin_wait(starter, &child->future.waiters, child, 0);
    waiter->end = wake_starter;
    waiter->status = PENDING;
    yb_task_suspend(starter, &starting);
    bool interrupted = waiter->status == PENDING;
    if (interrupted) {
        (void)yibu_task_cancel(&child->future);
        yb_task_suspend(starter, &unstarting);
    }
    intptr_t value = waiter->value;
    if (waiter->status == READY) {
        if (ret_value)
            *ret_value = value;
        return 0;
    }
    if (yibu_failed(value) && value != -ECANCELED)
        return (int)value;
    return interrupted ? -ECANCELED : -ECHILD;
}

int yibu_group_start_at(yibu_group *handle, yibu_coroutine *fn, void *arg, intptr_t *ret_value,
                        const char *place)
{
    int r = 0;
    yibu_task *child;
    yb_task *starter = yb_task_enter(&r);
    if (!starter)
        return r;
    r = yibu_group_create_task_at(handle, fn, arg, NULL, &child, place);
    if (r < 0)
        return r;
    r = wait_until_started(starter, yb_task_of(child), ret_value);
    yibu_task_unref(child);
    return r;
}

int yibu_group_started(intptr_t value)
{
    int r = 0;
    yb_task *child = yb_task_require(&r);
    if (!child)
        return r;
    if (child->future.flags & YB_TASK_STARTED)
        return -EALREADY;
    yb_waiter *starter = starter_of(child);
    if (starter && yb_task_cancel_pending(child))
        return -ECANCELED;
    child->future.flags |= YB_TASK_STARTED;
    if (starter)
        yb_waiter_end(starter, value, READY);
    return 0;
}
