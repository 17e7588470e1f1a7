/* The pool that each loop has of its own, which yibu_to_process uses, until it becomes the default
 * executor's. */
#include <errno.h>

#include "proc/pool.h"
#include <yibu/error.h>

static yb_process_pool *pool_of(yb_loop_part *part)
{
    return YB_CONTAINER_OF(part, yb_process_pool, executor.part);
}

static void free_pool(yb_loop_part *part)
{
    yb_process_pool *pool = pool_of(part);
    pool->loop->parts[YB_PART_PROCESSES] = NULL;
    yb_process_pool_free(pool, -ECANCELED);
}

static int64_t idle(yb_loop_part *part)
{
    return yb_process_pool_idle(pool_of(part));
}

bool yb_process_pool_is(const yb_loop_part *part)
{
    return part->free == free_pool;
}

static int make(yibu_loop *loop)
{
    const yibu_process_pool_options options = {.max_workers = loop->options.max_processes,
                                               .nice = loop->options.process_nice};
    yb_process_pool *pool = NULL;
    int r = yb_process_pool_new(loop, &options, NULL, &pool);
    if (r < 0)
        return r;
    pool->executor.make_payload = yb_process_pool_make_payload;
    pool->executor.part = (yb_loop_part){.free = free_pool, .idle = idle};
    loop->parts[YB_PART_PROCESSES] = &pool->executor.part;
    return 0;
}

yb_process_pool *yb_loop_pool_take(yibu_loop *loop)
{
    yb_loop_part *part = loop->parts[YB_PART_PROCESSES];
    if (!part || !yb_process_pool_is(part))
        return NULL;
    loop->parts[YB_PART_PROCESSES] = NULL;
    return pool_of(part);
}

int yb_job_executor_of(yibu_loop *loop, yb_job_executor **ret_executor)
{
    if (loop->closing)
        return YIBU_ESHUTDOWN;
    int r = loop->parts[YB_PART_PROCESSES] ? 0 : make(loop);
    if (r == 0)
        *ret_executor = YB_CONTAINER_OF(loop->parts[YB_PART_PROCESSES], yb_job_executor, part);
    return r;
}
