/* A thread pool as an executor: the engine class over thread_pool.h. */
#include <errno.h>
#include <yibu/error.h>
#include <yibu/thread_pool.h>

#include "base/memory.h"
#include "base/options.h"
#include "exec/engine.h"
#include "exec/thread_pool.h"

typedef struct thread_executor {
    yibu_executor base; /* first */
    yb_thread_pool *pool;
} thread_executor;

static yb_thread_pool *pool_of(yibu_executor *executor)
{
    return ((thread_executor *)(void *)executor)->pool;
}

static int submit(yibu_executor *executor, yb_work *work)
{
    return yb_thread_pool_submit(pool_of(executor), work);
}

static bool cancel(yibu_executor *executor, yb_work *work)
{
    return yb_thread_pool_cancel(pool_of(executor), work);
}

static bool withdraw(yibu_executor *executor, yb_work *work)
{
    return yb_thread_pool_withdraw(pool_of(executor), work);
}

static void stop(yibu_executor *executor)
{
    yb_thread_pool *pool = pool_of(executor);
    if (atomic_load(&pool->thread_count) > 0)
        yb_thread_pool_stop(pool);
    else
        yb_engine_stopped(executor);
}

static void count(yibu_executor *executor, yibu_executor_stats *statistics)
{
    unsigned busy;
    statistics->workers += yb_thread_pool_count(pool_of(executor), &busy);
    statistics->idle += statistics->workers - busy;
}

static void free_executor(yibu_executor *executor)
{
    yb_thread_pool *pool = pool_of(executor);
    if (pool->forks == yb_thread_pool_forks()) {
        yb_thread_pool_join(pool);
        yb_thread_pool_unref(pool);
    } /* else a forked child, where the threads may have left anything half done */
    yb_engine_destroy(executor);
    yb_free(executor);
}

static const yb_engine_class class = {
    .kind = "threads",
    .submit = submit,
    .cancel = cancel,
    .withdraw = withdraw,
    .stop = stop,
    .count = count,
    .free = free_executor,
};

static void broken(yb_thread_pool *pool)
{
    yb_engine_refuse(pool->plan.owner, YIBU_EBROKENPOOL);
}

static void ended(yb_thread_pool *pool)
{
    yb_engine_stopped(pool->plan.owner);
}

yb_thread_pool *yb_thread_pool_of_executor(yibu_executor *executor)
{
    return executor->class == &class ? pool_of(executor) : NULL;
}

static int new_pool(thread_executor *e, const yibu_thread_pool_options *options)
{
    const yb_thread_pool_plan plan = {
        .max_threads = options->max_workers,
        .name_prefix = options->name_prefix,
        .initializer = options->initializer,
        .initializer_arg = options->initializer_arg,
        .cpus = options->cpus,
        .cpu_count = options->cpu_count,
        .exit_wait_ns = options->exit_wait_ns ? options->exit_wait_ns : YB_EXIT_WAIT_NS,
        .broken = broken,
        .ended = ended,
        .owner = &e->base,
    };
    return yb_thread_pool_new(&plan, &e->pool);
}

int yibu_thread_pool_executor_new(const yibu_thread_pool_options *options,
                                  yibu_executor **ret_executor)
{
    yibu_thread_pool_options taken;
    int r = ret_executor ? yb_options_take(&taken, sizeof(taken), options) : -EINVAL;
    if (r < 0 || (taken.cpu_count > 0 && !taken.cpus))
        return -EINVAL;
    if (yb_engine_is_out_of_place())
        return -ENOTSUP;
    thread_executor *e = yb_calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    r = new_pool(e, &taken);
    if (r < 0) {
        yb_free(e);
        return r;
    }
    yb_engine_init(&e->base, &class, e->pool->name_prefix, e->pool->plan.max_threads,
                   taken.max_queue);
    *ret_executor = &e->base;
    return 0;
}
