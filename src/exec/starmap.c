/* A function for each struct of an array, in chunks, on an executor.
 *
 * The array is the caller's, perhaps on its stack: whatever happens, this returns only when no
 * worker has anything of it any more. */
#include <errno.h>
#include <yibu/error.h>

#include "base/deadline.h"
#include "base/memory.h"
#include "base/options.h"
#include "exec/engine.h"
#include "task/concurrent_future.h"
#include "task/task.h"

typedef struct batch batch;

/* The items from `first` to `end`; the worker's until its future is done. */
typedef struct chunk {
    const batch *batch;
    size_t first, end;
    intptr_t failure; /* the first of its items, 0: none */
    yibu_concurrent_future *future;
} chunk;

struct batch {
    yibu_executor *executor;
    yibu_coroutine *fn;
    char *items;
    size_t count, item_bytes, chunk_size;
    intptr_t *results; /* NULL: nobody asks */
    atomic_bool unwanted;
    int64_t deadline_ns;
    chunk *chunks; /* a ring: number n is in chunks[n % window] */
    size_t window, submitted, collected, total;
    int status;       /* why no more is submitted, 0: it is */
    intptr_t failure; /* the first, in the order of items */
};

static void set_result(const batch *b, size_t index, intptr_t result)
{
    if (b->results)
        b->results[index] = result;
}

/* On the executor's thread. */
static intptr_t run(void *arg)
{
    chunk *c = arg;
    const batch *b = c->batch;
    for (size_t i = c->first; i < c->end; i++) {
        intptr_t result = -ECANCELED;
        if (!atomic_load_explicit(&b->unwanted, memory_order_relaxed))
            result = b->fn(b->items + i * b->item_bytes);
        set_result(b, i, result);
        if (c->failure == 0 && yibu_failed(result))
            c->failure = result;
    }
    return 0;
}

static void submit_next(batch *b)
{
    size_t first = b->submitted * b->chunk_size, end = first + b->chunk_size;
    chunk *c = &b->chunks[b->submitted % b->window];
    *c = (chunk){.batch = b, .first = first, .end = end < b->count ? end : b->count};
    b->status = yibu_executor_submit(b->executor, run, c, NULL, &c->future);
    if (b->status == 0)
        b->submitted++;
}

/* Withdraws what has not begun, and waits for the rest to return. */
static void give_up(batch *b, int status)
{
    b->status = status;
    atomic_store_explicit(&b->unwanted, true, memory_order_relaxed);
    for (size_t n = b->collected; n < b->submitted; n++)
        (void)yibu_concurrent_future_cancel(b->chunks[n % b->window].future);
}

static int64_t time_left(const batch *b)
{
    return b->deadline_ns == INT64_MAX ? YIBU_FOREVER : b->deadline_ns - yb_clock_now(NULL);
}

static void wait_for(batch *b, chunk *c)
{
    int r = b->status == 0 ? yb_concurrent_future_wait(c->future, time_left(b)) : b->status;
    if (r < 0 && b->status == 0)
        give_up(b, r);
    if (r < 0)
        yb_concurrent_future_outlast(c->future);
}

static void collect(batch *b)
{
    chunk *c = &b->chunks[b->collected % b->window];
    wait_for(b, c);
    intptr_t r = c->future->result;
    for (size_t i = c->first; i < c->end && yibu_failed(r); i++)
        set_result(b, i, r); /* none of them ran */
    if (b->failure == 0)
        b->failure = yibu_failed(r) ? r : c->failure;
    yibu_concurrent_future_unref(c->future);
    b->collected++;
}

static intptr_t go_through(batch *b)
{
    while (b->collected < b->submitted || (b->status == 0 && b->submitted < b->total)) {
        bool more = b->status == 0 && b->submitted < b->total;
        if (more && b->submitted - b->collected < b->window)
            submit_next(b);
        else
            collect(b);
    }
    for (size_t i = b->submitted * b->chunk_size; i < b->count; i++)
        set_result(b, i, b->status);
    return b->status < 0 ? b->status : b->failure;
}

/* A quarter of what each worker would get, as multiprocessing.Pool has it. */
static size_t default_chunk_size(const yibu_executor *e, size_t count)
{
    size_t parts = 4 * (size_t)e->max_workers;
    return count / parts + (count % parts != 0);
}

static int plan(batch *b, const yibu_map_options *given)
{
    yibu_map_options options;
    int r = yb_options_take(&options, sizeof(options), given);
    if (r < 0 || options.job)
        return -EINVAL;
    b->chunk_size =
        options.chunk_size ? options.chunk_size : default_chunk_size(b->executor, b->count);
    b->total = b->count / b->chunk_size + (b->count % b->chunk_size != 0);
    b->window =
        options.max_in_flight ? options.max_in_flight : 4 * (size_t)b->executor->max_workers;
    if (b->window > b->total)
        b->window = b->total;
    if (options.timeout_ns == 0)
        b->deadline_ns = INT64_MAX;
    else
        b->deadline_ns = yb_deadline_after(yb_clock_now(NULL), options.timeout_ns);
    return 0;
}

intptr_t yibu_executor_starmap(yibu_executor *executor, yibu_coroutine *fn, void *items,
                               size_t count, size_t item_bytes, intptr_t *ret_results,
                               const yibu_map_options *options)
{
    batch b = {.executor = executor,
               .fn = fn,
               .items = items,
               .count = count,
               .item_bytes = item_bytes,
               .results = ret_results};
    if (!executor || !fn || (count > 0 && !items))
        return -EINVAL;
    if (!yb_task_current && yb_loop_current && yb_loop_current->running)
        return YIBU_ENOTASK;
    if (count == 0)
        return 0;
    int r = plan(&b, options);
    if (r < 0)
        return r;
    b.chunks = yb_calloc(b.window, sizeof(*b.chunks));
    if (!b.chunks)
        return -ENOMEM;
    intptr_t result = go_through(&b);
    yb_free(b.chunks);
    return result;
}
