/* yibu_parallel_reduce: accumulators around a parallel loop.
 *
 * An accumulator belongs to a participant, who adds to it whatever units it does; or, where the
 * reduction is deterministic, to a unit.  Units then depend on nothing but the items and the grain,
 * each is one call of the body, and they are combined in their order.
 *
 * An accumulator is touched first by who adds to it, and lies in cache lines of its own. */
#include <errno.h>
#include <string.h>
#include <yibu/parallel.h>

#include "base/memory.h"
#include "exec/parallel.h"

/* Enough to balance what is uneven, few enough to combine one by one. */
enum { DETERMINISTIC_UNITS = 1024 };

typedef struct reduce_loop {
    yb_parallel parallel;
    const yibu_reduction *reduction;
    void *ret_result;
    char *accumulators;
    size_t stride; /* from one to the next */
    size_t count;
    bool *begun; /* which participants' have been */
} reduce_loop;

static char *accumulator(const reduce_loop *loop, size_t number)
{
    return loop->accumulators + number * loop->stride;
}

static void begin(const reduce_loop *loop, char *into)
{
    const yibu_reduction *reduction = loop->reduction;
    if (reduction->identity)
        memcpy(into, reduction->identity, reduction->accumulator_bytes);
    else
        memset(into, 0, reduction->accumulator_bytes);
}

static int add_units(reduce_loop *loop, size_t number, uint32_t first, uint32_t end)
{
    if (!loop->begun[number])
        begin(loop, accumulator(loop, number));
    loop->begun[number] = true;
    const yb_units *units = &loop->parallel.units;
    return loop->reduction->body(yb_units_start(units, first), yb_units_start(units, end),
                                 accumulator(loop, number), loop->parallel.arg);
}

static int add_as_participant(yb_parallel *parallel, unsigned number, uint32_t first, uint32_t end)
{
    return add_units(YB_CONTAINER_OF(parallel, reduce_loop, parallel), number, first, end);
}

static int add_one_by_one(yb_parallel *parallel, unsigned number, uint32_t first, uint32_t end)
{
    (void)number;
    reduce_loop *loop = YB_CONTAINER_OF(parallel, reduce_loop, parallel);
    int r = 0;
    for (uint32_t unit = first; unit < end && r >= 0; unit++)
        r = add_units(loop, unit, unit, unit + 1);
    return r;
}

/* One block: the accumulators, then who has begun. */
static int make_accumulators(reduce_loop *loop, char **ret_block)
{
    size_t line = YB_CACHE_LINE;
    size_t bytes = loop->reduction->accumulator_bytes;
    loop->count =
        loop->reduction->deterministic ? loop->parallel.units.count : loop->parallel.width;
    if (bytes > PTRDIFF_MAX / (loop->count + 1) - 2 * line)
        return -ENOMEM;
    loop->stride = (bytes + line - 1) / line * line;
    char *block = yb_malloc(line + loop->count * (loop->stride + sizeof(bool)));
    if (!block)
        return -ENOMEM;
    loop->accumulators = block + (line - (uintptr_t)block % line);
    loop->begun = (bool *)(loop->accumulators + loop->count * loop->stride);
    memset(loop->begun, 0, loop->count * sizeof(bool));
    *ret_block = block;
    return 0;
}

static int combine(const reduce_loop *loop)
{
    const yibu_reduction *reduction = loop->reduction;
    char *total = NULL;
    for (size_t i = 0; i < loop->count; i++) {
        if (!loop->begun[i])
            continue;
        int r = total ? reduction->combine(total, accumulator(loop, i), loop->parallel.arg) : 0;
        if (r < 0)
            return r;
        total = total ? total : accumulator(loop, i);
    }
    if (total)
        memcpy(loop->ret_result, total, reduction->accumulator_bytes);
    else
        begin(loop, loop->ret_result);
    return 0;
}

static int reduce(yb_parallel *parallel)
{
    reduce_loop *loop = YB_CONTAINER_OF(parallel, reduce_loop, parallel);
    char *block;
    int r = make_accumulators(loop, &block);
    if (r < 0)
        return r;
    r = yb_parallel_work(parallel);
    if (r == 0)
        r = combine(loop);
    yb_free(block);
    return r;
}

int yibu_parallel_reduce(yibu_executor *executor, int64_t first, int64_t end, int64_t grain,
                         const yibu_reduction *reduction, void *arg, void *ret_result)
{
    if (!reduction || reduction->size < sizeof(*reduction) || !reduction->body ||
        !reduction->combine || reduction->accumulator_bytes == 0 || grain < 0 || !ret_result)
        return -EINVAL;
    uint32_t limit = reduction->deterministic ? DETERMINISTIC_UNITS : UINT32_MAX;
    reduce_loop loop = {.parallel = {.units = yb_units_of(first, end, grain, limit),
                                     .arg = arg,
                                     .call = reduction->deterministic ? add_one_by_one
                                                                      : add_as_participant},
                        .reduction = reduction,
                        .ret_result = ret_result};
    return yb_parallel_place(executor, &loop.parallel, reduce);
}
