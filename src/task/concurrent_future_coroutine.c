/* Coroutines started from other threads, and the futures that tell of their end.
 *
 * `task`, `waiter` and `cancelled` belong to the loop's thread; the coroutine holds a reference
 * until it has ended, and so does a cancel under way. */
#include <errno.h>
#include <yibu/error.h>

#include "base/memory.h"
#include "task/concurrent_future.h"
#include "task/task.h"

typedef struct call {
    yibu_concurrent_future future; /* first */
    yibu_loop *loop;
    yibu_coroutine *fn;
    void *arg;
    yibu_task *task;  /* once it has begun, until it has ended */
    yb_waiter waiter; /* for the task's end */
    yb_runnable start, cancel;
    atomic_bool cancel_posted;
    bool cancelled; /* before it began */
} call;

static call *call_of(yibu_concurrent_future *future)
{
    return (call *)(void *)future;
}

static void finish(yb_runnable *item)
{
    call *c = YB_CONTAINER_OF(item, call, start);
    yb_concurrent_future_complete(&c->future, c->waiter.value);
}

/* The task has ended, and is still what runs: callbacks need a turn of their own. */
static void end_task(yb_waiter *waiter)
{
    call *c = YB_CONTAINER_OF(waiter, call, waiter);
    yibu_task *task = c->task;
    c->task = NULL;
    c->start.run = finish;
    yb_loop_ready(c->loop, &c->start);
    yibu_task_unref(task);
}

static void start(yb_runnable *item)
{
    call *c = YB_CONTAINER_OF(item, call, start);
    if (c->loop->closing || c->cancelled) {
        yb_concurrent_future_complete(&c->future, c->cancelled ? -ECANCELED : YIBU_ESHUTDOWN);
        return;
    }
    c->task = yibu_create_task_at(c->fn, c->arg, NULL, "yibu_run_coroutine_threadsafe");
    if (!c->task) {
        yb_concurrent_future_complete(&c->future, -ENOMEM);
        return;
    }
    c->waiter.object = c->task;
    c->waiter.end = end_task;
    c->waiter.interest = YB_AWAITS;
    yb_waiters_add(&c->task->waiters, &c->waiter);
}

static void run_cancel(yb_runnable *item)
{
    call *c = YB_CONTAINER_OF(item, call, cancel);
    atomic_store(&c->cancel_posted, false);
    if (c->task)
        (void)yibu_task_cancel(c->task);
    else
        c->cancelled = true;
    yibu_concurrent_future_unref(&c->future);
}

/* Under the lock, which completion takes too: a loop whose coroutine has not ended is there. */
static bool request_cancel(yibu_concurrent_future *future)
{
    call *c = call_of(future);
    if (!atomic_exchange(&c->cancel_posted, true)) {
        (void)yibu_concurrent_future_ref(future);
        c->cancel.run = run_cancel;
        yb_loop_post(c->loop, &c->cancel);
    }
    return true;
}

/* The loop does not run while its thread blocks. */
static int before_blocking(yibu_concurrent_future *future)
{
    return yb_loop_current && yb_loop_current == call_of(future)->loop ? -EDEADLK : 0;
}

static void free_call(yibu_concurrent_future *future)
{
    yb_free(call_of(future));
}

static const yb_concurrent_class coroutine_class = {
    .request_cancel = request_cancel,
    .before_blocking = before_blocking,
    .free = free_call,
};

int yibu_run_coroutine_threadsafe(yibu_loop *loop, yibu_coroutine *fn, void *arg,
                                  yibu_concurrent_future **ret_future)
{
    if (!loop || !fn || !ret_future)
        return -EINVAL;
    call *c = yb_calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    yb_concurrent_future_init(&c->future, &coroutine_class);
    c->loop = loop;
    c->fn = fn;
    c->arg = arg;
    c->start.run = start;
    *ret_future = &c->future;
    yb_loop_note_caller(loop);
    yb_loop_post(loop, &c->start);
    return 0;
}
