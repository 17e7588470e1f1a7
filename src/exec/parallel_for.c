/* yibu_parallel_for. */
#include <errno.h>
#include <yibu/parallel.h>

#include "exec/parallel.h"

typedef struct for_loop {
    yb_parallel parallel;
    yibu_parallel_body *body;
} for_loop;

static int call_body(yb_parallel *parallel, unsigned participant, uint32_t first, uint32_t end)
{
    (void)participant;
    for_loop *loop = YB_CONTAINER_OF(parallel, for_loop, parallel);
    return loop->body(yb_units_start(&parallel->units, first),
                      yb_units_start(&parallel->units, end), parallel->arg);
}

int yibu_parallel_for(yibu_executor *executor, int64_t first, int64_t end, int64_t grain,
                      yibu_parallel_body *body, void *arg)
{
    if (!body || grain < 0)
        return -EINVAL;
    for_loop loop = {.parallel = {.units = yb_units_of(first, end, grain, UINT32_MAX),
                                  .arg = arg,
                                  .call = call_body},
                     .body = body};
    return yb_parallel_place(executor, &loop.parallel, yb_parallel_work);
}
