/* See waiters.h.  A waiter's value is WAITING, then WOKEN or LEFT, by whoever takes it out. */
#include "sync/waiters.h"

#include <errno.h>

#include "base/assert.h"

enum { WAITING, WOKEN, LEFT };

static void take_out(yibu_task *task, intptr_t value)
{
    yb_list_remove(&task->wait.waiter.links);
    task->wait.waiter.value = value;
    yb_task_wake(task);
}

static void interrupt(yibu_task *task)
{
    take_out(task, LEFT);
}

int yb_waiters_wait(yb_waiters *waiters, yibu_task *task)
{
    if (!waiters->tasks.next)
        yb_list_init(&waiters->tasks);
    task->wait.waiter.object = waiters;
    task->wait.waiter.value = WAITING;
    yb_list_push_back(&waiters->tasks, &task->wait.waiter.links);
    yb_task_suspend(task, interrupt);
    return task->wait.waiter.value == WOKEN ? 0 : -ECANCELED;
}

bool yb_waiters_wake_first(yb_waiters *waiters)
{
    if (yb_waiters_empty(waiters))
        return false;
    yibu_task *task = YB_CONTAINER_OF(waiters->tasks.next, yibu_task, wait.waiter.links);
    if (YB_UNLIKELY(task->loop != yb_loop_current))
        yb_abort("an object that task \"%s\" waits for was signalled from another thread: "
                 "use yibu_call_soon_threadsafe",
                 yibu_task_get_name(task));
    take_out(task, WOKEN);
    return true;
}
