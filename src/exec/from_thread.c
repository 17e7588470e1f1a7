/* What functions on threads know of those who wait for them, and the way back to their loop.
 *
 * The loop may end while a function runs that was given up.  So the way to it (returns.h) is what
 * is kept: its `loop` is NULL once the loop has ended, under its lock, which is held while
 * something is posted.  Work that was given up does not even keep the way; who asks makes sure
 * under the pool's lock, which giving up takes too. */
#include <errno.h>
#include <yibu/concurrent_future.h>
#include <yibu/error.h>
#include <yibu/thread_pool.h>

#include "exec/returns.h"
#include "exec/thread_pool.h"
#include "task/local.h"

/* A coroutine for a function on a thread, which waits: in that one's memory. */
typedef struct return_call {
    yibu_coroutine *fn;
    void *arg;
    yb_locals *locals;
} return_call;

static intptr_t run_with_locals(void *arg)
{
    const return_call *c = arg;
    yb_task_current->locals = yb_locals_share(c->locals);
    return c->fn(c->arg);
}

static bool given_up(const yb_work *work)
{
    return work->class->release && atomic_load(&work->fate) == YB_WORK_GIVEN_UP;
}

/* The way back, with a reference; NULL with the reason in *ret_error. */
static yb_returns *way_back(const yb_work *work, int *ret_error)
{
    yb_worker *worker = yb_worker_current;
    yb_returns *returns = NULL;
    *ret_error = worker ? YIBU_ENOTHREAD : -ENOTSUP; /* a simulation runs it inline */
    if (worker)
        pthread_mutex_lock(&worker->pool->lock);
    if (given_up(work))
        *ret_error = -ECANCELED;
    else
        returns = work->class->asker ? work->class->asker(work) : work->returns;
    if (returns)
        (void)yb_returns_ref(returns);
    if (worker)
        pthread_mutex_unlock(&worker->pool->lock);
    return returns;
}

static int post(yb_returns *returns, return_call *c, yibu_concurrent_future **ret_future)
{
    pthread_mutex_lock(&returns->lock);
    int r = YIBU_ESHUTDOWN;
    if (returns->loop)
        r = returns->loop == yb_loop_current
                ? -EDEADLK
                : yibu_run_coroutine_threadsafe(returns->loop, run_with_locals, c, ret_future);
    pthread_mutex_unlock(&returns->lock);
    return r;
}

static intptr_t wait_for(yibu_concurrent_future *future)
{
    intptr_t result = yibu_concurrent_future_result(future, YIBU_FOREVER);
    yibu_concurrent_future_unref(future);
    return result;
}

/* What runs on this thread as on one of a pool's: no task, no callback of a loop within it. */
static yb_work *function_here(void)
{
    bool within_loop = yb_task_current || (yb_loop_current && yb_loop_current->running);
    return within_loop ? NULL : yb_work_current;
}

intptr_t yibu_from_thread_call(yibu_coroutine *fn, void *arg)
{
    const yb_work *work = function_here();
    if (!fn)
        return -EINVAL;
    if (!work)
        return yb_forked() ? YIBU_EFORKED : YIBU_ENOTHREAD;
    int r;
    yb_returns *returns = way_back(work, &r);
    if (!returns)
        return r;
    return_call c = {fn, arg, work->class->locals ? work->class->locals(work) : NULL};
    yibu_concurrent_future *future;
    r = post(returns, &c, &future);
    yb_returns_unref(returns);
    return r < 0 ? r : wait_for(future);
}

int yb_work_check_cancelled(void)
{
    yb_work *work = function_here();
    if (!work)
        return yb_task_missing();
    return atomic_load(&work->unwanted) || given_up(work) ? -ECANCELED : 0;
}
