/* How many workers there are: as many as calls need, up to max_workers.  Where they retire, or have
 * died and take long to start, there is one more, which has nothing to do until it takes the next
 * one's place. */
#include "proc/pool.h"
#include <yibu/error.h>

enum { MAX_FAILURES = 8, MAX_PAUSE_SHIFT = 8 };

/* A copy of a zygote that has little in memory is there as fast as it would be called in. */
static bool takes_long_to_start(const yibu_process_pool_options *options)
{
    return options->start_method == YIBU_START_SPAWN || options->preload || options->initializer;
}

void yb_process_pool_note_death(yb_process_pool *pool)
{
    pool->crashed++;
    pool->keep_one_ready |= takes_long_to_start(&pool->options);
}

bool yb_process_pool_may_grow(const yb_process_pool *pool)
{
    return pool->process_count - pool->leaving_count < pool->options.max_workers;
}

unsigned yb_process_pool_idle_count(const yb_process_pool *pool)
{
    unsigned count = 0;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        const yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        count += process->state == YB_PROCESS_READY && process->load == 0;
    }
    return count;
}

/* Workers that never came to take the call have died for it all the same. */
static void fail_one(yb_call *call, intptr_t code)
{
    bool died = code == YIBU_EWORKER;
    call->attempts += died;
    yb_call_report(call, NULL, died ? &call->pool->last_end : NULL, NULL);
    if (!died || !yb_call_retry(call))
        yb_call_finish(call, code);
}

void yb_process_pool_fail_waiting(yb_process_pool *pool, intptr_t code)
{
    unsigned count = pool->line.count;
    pool->failures = 0;
    pool->retry_ns = 0;
    for (yb_call *call; count > 0 && (call = yb_process_pool_next(pool)); count--) {
        yb_turns_leave(&pool->line, &call->place);
        fail_one(call, code);
    }
}

/* A worker could not be started (code is an errno), or died before it answered (end says how).
 * Others may still serve the line; without any, it fails: at once where the system said why, after
 * some more tries where something kills our processes. */
void yb_process_pool_start_failed(yb_process_pool *pool, intptr_t code, const yb_process_end *end)
{
    unsigned shift = pool->failures < MAX_PAUSE_SHIFT ? pool->failures : MAX_PAUSE_SHIFT;
    int64_t pause_ns = (int64_t)1000000 << shift;
    pool->failures++;
    if (end)
        pool->last_end = *end;
    pool->retry_ns = yb_loop_deadline(pool->loop, pause_ns);
    bool hopeless = code != YIBU_EWORKER || pool->failures >= MAX_FAILURES;
    if (pool->process_count == 0 && hopeless)
        yb_process_pool_fail_waiting(pool, code);
    else
        yb_process_pool_flush_later(pool, pause_ns);
}

/* Whether a call waits that a further worker would serve sooner. */
static bool needs_more(yb_process_pool *pool)
{
    return pool->line.count > pool->starting_count ||
           (pool->starting_count == 0 && yb_process_pool_find_late(pool));
}

/* Whether a worker may come to an end with nobody there to take its place. */
static bool lacks_spare(const yb_process_pool *pool)
{
    return pool->keep_one_ready && pool->starting_count == 0 &&
           pool->process_count - pool->leaving_count <= pool->options.max_workers &&
           yb_process_pool_idle_count(pool) == 0;
}

static bool wants_more(yb_process_pool *pool)
{
    return (yb_process_pool_may_grow(pool) && needs_more(pool)) || lacks_spare(pool);
}

void yb_process_pool_hire(yb_process_pool *pool)
{
    while (!pool->broken && !pool->stopping && wants_more(pool)) {
        int64_t pause_ns = pool->retry_ns - pool->loop->now_ns;
        if (pause_ns > 0) {
            yb_process_pool_flush_later(pool, pause_ns);
            return;
        }
        int r = yb_process_start(pool);
        if (r < 0) {
            yb_process_pool_start_failed(pool, r, NULL);
            return;
        }
        pool->restarted += pool->restarted < pool->crashed;
    }
}

void yb_process_pool_publish_counts(yb_process_pool *pool)
{
    yb_process_counts *counts = &pool->owner->counts;
    atomic_store_explicit(&counts->workers, pool->process_count, memory_order_relaxed);
    atomic_store_explicit(&counts->idle, yb_process_pool_idle_count(pool), memory_order_relaxed);
    atomic_store_explicit(&counts->crashed, pool->crashed, memory_order_relaxed);
    atomic_store_explicit(&counts->restarted, pool->restarted, memory_order_relaxed);
}
