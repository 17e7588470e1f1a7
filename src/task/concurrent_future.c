/* Futures that belong to no thread, and the coroutines behind them.
 *
 * States: PENDING -> DONE, under the lock; `result` is written before `done`, which is the word that
 * blocked threads sleep on.  `task` and `waiter` belong to the loop's thread.
 *
 * References: the owner's; one of the coroutine until it has ended; one of a cancel under way. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <yibu/concurrent_future.h>
#include <yibu/error.h>
#include <yibu/timeout.h>

#include "base/deadline.h"
#include "base/memory.h"
#include "platform/backend.h"
#include "platform/futex.h"
#include "task/task.h"

typedef struct done_callback {
    yb_list links;
    yibu_concurrent_callback *callback;
    void *arg;
} done_callback;

struct yibu_concurrent_future {
    _Atomic(uint32_t) done;
    _Atomic(uint32_t) references;
    intptr_t result;
    pthread_mutex_t lock;
    yb_list callbacks; /* under the lock, until done */
    yibu_loop *loop;
    yibu_coroutine *fn;
    void *arg;
    yibu_task *task;  /* once it has begun, until it has ended */
    yb_waiter waiter; /* for the task's end */
    yb_runnable start, cancel;
    atomic_bool cancel_posted;
    bool cancelled; /* before it began */
};

yibu_concurrent_future *yibu_concurrent_future_ref(yibu_concurrent_future *future)
{
    if (future)
        atomic_fetch_add_explicit(&future->references, 1, memory_order_relaxed);
    return future;
}

void yibu_concurrent_future_unref(yibu_concurrent_future *future)
{
    /* acq_rel: what every thread did with the future is over before it is freed. */
    if (!future || atomic_fetch_sub_explicit(&future->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&future->lock);
    yb_free(future);
}

bool yibu_concurrent_future_done(const yibu_concurrent_future *future)
{
    return atomic_load_explicit(&future->done, memory_order_acquire) != 0;
}

static void run_callbacks(yibu_concurrent_future *future, yb_list *callbacks)
{
    for (yb_list *item; (item = yb_list_pop_front(callbacks));) {
        done_callback call = *YB_CONTAINER_OF(item, done_callback, links);
        yb_free(YB_CONTAINER_OF(item, done_callback, links));
        call.callback(future, call.arg);
    }
}

static void move_list(yb_list *from, yb_list *to)
{
    yb_list_init(to);
    for (yb_list *item; (item = yb_list_pop_front(from));)
        yb_list_push_back(to, item);
}

/* Ends the future, and drops the coroutine's reference. */
static void complete(yibu_concurrent_future *future, intptr_t result)
{
    yb_list callbacks;
    future->result = result;
    pthread_mutex_lock(&future->lock);
    atomic_store_explicit(&future->done, 1, memory_order_release); /* pairs with …_done */
    move_list(&future->callbacks, &callbacks);
    pthread_mutex_unlock(&future->lock);
    yb_futex_wake_all(&future->done);
    run_callbacks(future, &callbacks);
    yibu_concurrent_future_unref(future);
}

int yibu_concurrent_future_add_done_callback(yibu_concurrent_future *future,
                                             yibu_concurrent_callback *callback, void *arg)
{
    if (!future || !callback)
        return -EINVAL;
    done_callback *call = yb_malloc(sizeof(*call));
    if (!call)
        return -ENOMEM;
    call->callback = callback;
    call->arg = arg;
    pthread_mutex_lock(&future->lock);
    bool done = yibu_concurrent_future_done(future);
    if (!done)
        yb_list_push_back(&future->callbacks, &call->links);
    pthread_mutex_unlock(&future->lock);
    if (done) {
        yb_free(call);
        callback(future, arg);
    }
    return 0;
}

/* The coroutine. */

static void finish(yb_runnable *item)
{
    yibu_concurrent_future *future = YB_CONTAINER_OF(item, yibu_concurrent_future, start);
    complete(future, future->waiter.value);
}

/* The task has ended, and is still what runs: callbacks need a turn of their own. */
static void end_task(yb_waiter *waiter)
{
    yibu_concurrent_future *future = YB_CONTAINER_OF(waiter, yibu_concurrent_future, waiter);
    yibu_task *task = future->task;
    future->task = NULL;
    future->start.run = finish;
    yb_loop_ready(future->loop, &future->start);
    yibu_task_unref(task);
}

static void start(yb_runnable *item)
{
    yibu_concurrent_future *future = YB_CONTAINER_OF(item, yibu_concurrent_future, start);
    if (future->loop->closing || future->cancelled) {
        complete(future, future->cancelled ? -ECANCELED : YIBU_ESHUTDOWN);
        return;
    }
    future->task =
        yibu_create_task_at(future->fn, future->arg, NULL, "yibu_run_coroutine_threadsafe");
    if (!future->task) {
        complete(future, -ENOMEM);
        return;
    }
    future->waiter.object = future->task;
    future->waiter.end = end_task;
    future->waiter.interest = YB_AWAITS;
    yb_waiters_add(&future->task->waiters, &future->waiter);
}

int yibu_run_coroutine_threadsafe(yibu_loop *loop, yibu_coroutine *fn, void *arg,
                                  yibu_concurrent_future **ret_future)
{
    if (!loop || !fn || !ret_future)
        return -EINVAL;
    yibu_concurrent_future *future = yb_calloc(1, sizeof(*future));
    if (!future)
        return -ENOMEM;
    pthread_mutex_init(&future->lock, NULL);
    yb_list_init(&future->callbacks);
    atomic_init(&future->references, 2);
    future->loop = loop;
    future->fn = fn;
    future->arg = arg;
    future->start.run = start;
    *ret_future = future;
    yb_loop_note_caller(loop);
    yb_loop_post(loop, &future->start);
    return 0;
}

static void run_cancel(yb_runnable *item)
{
    yibu_concurrent_future *future = YB_CONTAINER_OF(item, yibu_concurrent_future, cancel);
    atomic_store(&future->cancel_posted, false);
    if (future->task)
        (void)yibu_task_cancel(future->task);
    else
        future->cancelled = true;
    yibu_concurrent_future_unref(future);
}

/* Under the lock, which completion takes too: a loop whose coroutine has not ended is there. */
bool yibu_concurrent_future_cancel(yibu_concurrent_future *future)
{
    pthread_mutex_lock(&future->lock);
    bool done = yibu_concurrent_future_done(future);
    if (!done && !atomic_exchange(&future->cancel_posted, true)) {
        (void)yibu_concurrent_future_ref(future);
        future->cancel.run = run_cancel;
        yb_loop_post(future->loop, &future->cancel);
    }
    pthread_mutex_unlock(&future->lock);
    return !done;
}

/* Waiting. */

static intptr_t wait_in_task(yibu_concurrent_future *future, int64_t timeout_ns)
{
    yibu_future *wrapped = yibu_wrap_future(future);
    if (!wrapped)
        return -ENOMEM;
    yibu_timeout limit;
    intptr_t r = yibu_timeout_begin(&limit, timeout_ns);
    if (r == 0)
        r = yibu_timeout_end(&limit, yibu_shield(wrapped));
    if (r == -ECANCELED)
        (void)yibu_concurrent_future_cancel(future);
    wrapped->flags |= YB_FUTURE_RESULT_SEEN; /* whatever comes: others ask the leader */
    yibu_future_unref(wrapped);
    return r;
}

static intptr_t wait_in_thread(yibu_concurrent_future *future, int64_t timeout_ns)
{
    int64_t deadline_ns = yb_deadline_after(yb_clock_now(NULL), timeout_ns);
    while (!yibu_concurrent_future_done(future))
        if (timeout_ns <= 0 || !yb_futex_wait_until(&future->done, 0, deadline_ns))
            return -ETIMEDOUT;
    return future->result;
}

intptr_t yibu_concurrent_future_result(yibu_concurrent_future *future, int64_t timeout_ns)
{
    int r = yb_task_current ? yb_task_checkpoint(yb_task_current) : 0;
    if (r < 0)
        return r;
    if (yibu_concurrent_future_done(future))
        return future->result;
    if (yb_task_current)
        return wait_in_task(future, timeout_ns);
    if (yb_forked() || (yb_loop_current && yb_loop_current->running))
        return yb_task_missing();
    if (yb_loop_current && yb_loop_current == future->loop && timeout_ns > 0)
        return -EDEADLK;
    return wait_in_thread(future, timeout_ns);
}
