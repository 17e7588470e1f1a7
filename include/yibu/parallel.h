/* Loops whose items are worked on by several threads at once. */
#ifndef YIBU_PARALLEL_H
#define YIBU_PARALLEL_H

#include <yibu/base.h>

typedef struct yibu_executor yibu_executor;

/* Works on the items first to end - 1, on any thread, beside other calls with other items.
 * Returns 0 or a failure, which stops the loop. */
typedef int yibu_parallel_body(int64_t first, int64_t end, void *arg);

/* A reduction: each thread gathers in an accumulator of its own, and these are combined. */
typedef struct yibu_reduction {
    size_t size; /* sizeof(yibu_reduction) */
    size_t accumulator_bytes;
    const void *identity; /* what an accumulator starts as; NULL: zeroes */
    /* Adds the items first to end - 1 to the accumulator. */
    int (*body)(int64_t first, int64_t end, void *accumulator, void *arg);
    /* Adds one accumulator to another; one at a time. */
    int (*combine)(void *into, const void *from, void *arg);
    /* The same calls, and combined in the order of the items, however many threads there are: a sum
     * in floating point is the same to the last bit.  Takes up to 1024 accumulators. */
    bool deterministic;
} yibu_reduction;

YIBU_BEGIN_DECLS

/* Calls body for all items from first to end - 1, in pieces, on the executor's threads but never on
 * more than there are processors, and returns once all calls have.  grain: the fewest items that
 * are worth a call (0: found by measuring).  executor: one of threads; NULL: the one whose thread
 * this is, in a task the loop's default.
 * In a task: checkpoint; the loop goes on and its thread takes no part.  Elsewhere: blocks, and the
 * calling thread takes part; also from inside a body.
 * Cancel: no further call begins, running ones are waited for; -ECANCELED unless that was all.
 * Returns 0, the first failure of a call, -ECANCELED, -EINVAL, -ENOTSUP (processes), -ENOMEM, or
 * YIBU_ESHUTDOWN. */
YIBU_API int yibu_parallel_for(yibu_executor *executor, int64_t first, int64_t end, int64_t grain,
                               yibu_parallel_body *body, void *arg);

/* The same with a result, accumulator_bytes at ret_result, written on success only: the identity
 * and all accumulators combined, in no certain order unless deterministic.  Accumulators are copied
 * as bytes and forgotten after a failure: they should own nothing. */
YIBU_API int yibu_parallel_reduce(yibu_executor *executor, int64_t first, int64_t end,
                                  int64_t grain, const yibu_reduction *reduction, void *arg,
                                  void *ret_result);

YIBU_END_DECLS

#endif
