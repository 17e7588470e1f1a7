/* Where a parallel loop runs: a task's on a thread of the executor, as any function; any other on
 * the thread that called, which may be one of a pool's already. */
#include <errno.h>
#include <yibu/error.h>
#include <yibu/executor.h>
#include <yibu/thread_pool.h>

#include "exec/engine.h"
#include "exec/parallel.h"
#include "task/task.h"

/* Whether the thread runs something of the pool's, which therefore stays. */
static bool is_within(const yb_thread_pool *pool)
{
    const yb_parallel *around = yb_parallel_here();
    return (around && around->pool == pool) ||
           (yb_worker_current && yb_worker_current->pool == pool);
}

static yb_thread_pool *pool_here(void)
{
    const yb_parallel *around = yb_parallel_here();
    if (around)
        return around->pool;
    return yb_worker_current ? yb_worker_current->pool : NULL;
}

static unsigned width_of(const yb_thread_pool *pool)
{
    bool is_worker = yb_worker_current && yb_worker_current->pool == pool;
    unsigned most = pool->plan.max_threads + !is_worker;
    return most < pool->processors ? most : pool->processors;
}

/* On this thread; who is in a loop of the same pool's already has been counted. */
static int run_here(yb_thread_pool *pool, yb_parallel *loop, yb_parallel_run *run)
{
    loop->pool = pool;
    loop->within = yb_work_current;
    loop->around = yb_parallel_here();
    loop->width = pool && loop->units.count > 1 ? width_of(pool) : 1;
    bool counts = pool && (!loop->around || loop->around->pool != pool);
    if (counts)
        atomic_fetch_add(&pool->computing, 1);
    int r = run(loop);
    if (counts)
        atomic_fetch_sub(&pool->computing, 1);
    return r;
}

typedef struct placed {
    yb_parallel *loop;
    yb_parallel_run *run;
} placed;

static intptr_t run_placed(void *arg)
{
    placed *p = arg;
    return run_here(pool_here(), p->loop, p->run);
}

static int run_on_executor(yibu_executor *executor, yb_parallel *loop, yb_parallel_run *run)
{
    yb_thread_pool *pool = yb_thread_pool_of_executor(executor);
    if (!pool)
        return -ENOTSUP;
    if (is_within(pool)) /* also while it is being shut down */
        return run_here(pool, loop, run);
    int r = yb_engine_forked(executor) ? YIBU_EFORKED : yb_engine_hold(executor);
    if (r < 0)
        return r;
    r = run_here(pool, loop, run);
    yb_engine_release(executor);
    return r;
}

int yb_parallel_place(yibu_executor *executor, yb_parallel *loop, yb_parallel_run *run)
{
    placed p = {loop, run};
    if (yb_task_current)
        return (int)yibu_run_in_executor(executor, run_placed, &p, NULL);
    if (executor)
        return run_on_executor(executor, loop, run);
    if (!yb_work_current && !yb_parallel_here())
        return -EINVAL;
    return run_here(pool_here(), loop, run);
}
