/* Which call goes to which worker, and when another worker is started.
 *
 * A call goes where it is expected to start soonest, given what its like has taken before.  Short
 * jobs queue up in one lane, up to FULL_NS of work, rather than wake a worker that sleeps; a long
 * one waits in a lane only behind a single other, when every worker is busy, so that a worker need
 * not wait for the loop between two jobs.  What then turns out badly placed, because the job before
 * it takes long and another worker has become free, is taken back: a call is never worse off for
 * having been given out early. */
#include <errno.h>

#include "proc/pool.h"
#include <yibu/error.h>

static const int64_t WAKE_NS = 30000;  /* until a sleeping worker has woken up */
static const int64_t FULL_NS = 200000; /* of work queued in a lane */
static const int64_t LATE_NS = 100000; /* a wait that makes moving a call worth while */
static const int64_t LOOK_AGAIN_NS = 1000000;

enum { MAX_FAILURES = 8, MAX_PAUSE_SHIFT = 8 };

/* When the worker is expected to be done with what it has, from now. */
static int64_t wait_in(const yb_process *process)
{
    if (process->load == 0)
        return atomic_load_explicit(&process->lane.shared->asleep, memory_order_relaxed) ? WAKE_NS
                                                                                         : 0;
    int64_t running = process->pool->loop->now_ns - process->head_since_ns;
    int64_t average = process->backlog_ns / process->load;
    /* A job that is overdue is expected to take as long again. */
    return running < average ? process->backlog_ns - running
                             : process->backlog_ns - average + running;
}

static bool can_start(const yb_process_pool *pool)
{
    return pool->process_count < pool->max_processes;
}

/* Whether a call may wait behind others in a lane. */
static bool may_queue(const yb_process *process, const yb_call *call, int64_t wait_ns)
{
    if (call->input.size > YB_TRANSFER_AT_ONCE)
        return false;
    if (wait_ns + call->expected_ns < FULL_NS)
        return true;
    return process->load == 1 && !can_start(process->pool) && process->pool->starting_count == 0;
}

static yb_process *choose(yb_process_pool *pool, const yb_call *call)
{
    yb_process *best = NULL;
    int64_t best_wait = INT64_MAX;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->state != YB_PROCESS_READY || process->loading)
            continue;
        int64_t wait_ns = wait_in(process);
        if (wait_ns < best_wait && (process->load == 0 || may_queue(process, call, wait_ns))) {
            best = process;
            best_wait = wait_ns;
        }
    }
    return best;
}

static void leave_line(yb_process_pool *pool, yb_call *call)
{
    yb_list_remove(&call->links);
    pool->waiting--;
}

static yb_call *first_in_line(const yb_process_pool *pool)
{
    return yb_list_empty(&pool->line) ? NULL : YB_CONTAINER_OF(pool->line.next, yb_call, links);
}

static void go_on_loading(yb_process_pool *pool)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        yb_call *call = process->loading;
        int r = call ? yb_process_go_on(process) : 0;
        if (r < 0)
            yb_call_finish(call, r);
    }
}

static void give_out(yb_process_pool *pool)
{
    for (yb_call *call; (call = first_in_line(pool));) {
        call->expected_ns = yb_cost_expected(&pool->costs, call->job->name);
        yb_process *process = choose(pool, call);
        if (!process)
            return;
        int r = yb_process_give(process, call);
        if (r == -EAGAIN)
            return; /* its lane is full: the next answer makes room */
        leave_line(pool, call);
        if (r < 0)
            yb_call_finish(call, r);
    }
}

/* The oldest call that waits in a lane behind another, and will for long; NULL: there is none. */
static yb_call *find_late(yb_process_pool *pool)
{
    yb_call *late = NULL;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->load < 2 || wait_in(process) < LATE_NS)
            continue;
        yb_call *second = yb_process_second(process);
        if (second && (!late || second->turn < late->turn))
            late = second;
    }
    return late;
}

static unsigned count_free(const yb_process_pool *pool)
{
    unsigned count = 0;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        const yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        count += process->state == YB_PROCESS_READY && process->load == 0;
    }
    return count;
}

/* Puts back in line what a free worker would start sooner. */
static void take_back(yb_process_pool *pool)
{
    unsigned free = count_free(pool);
    for (yb_call *late; free > 0 && (late = find_late(pool)); free--) {
        if (!yb_process_withdraw(late->worker, late))
            return; /* just taken */
        yb_call_enqueue(late);
    }
}

/* Starting workers. */

/* Fails the calls that are in line now; those that come from their callbacks have another try. */
static void fail_line(yb_process_pool *pool, intptr_t code)
{
    uint64_t end = pool->next_turn;
    pool->failures = 0;
    pool->retry_ns = 0;
    for (yb_call *call; (call = first_in_line(pool)) && call->turn < end;) {
        leave_line(pool, call);
        yb_call_report(call, NULL, code == YIBU_EWORKER ? &pool->last_end : NULL, 0);
        yb_call_finish(call, code);
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
        fail_line(pool, code);
    else
        yb_process_pool_flush_later(pool, pause_ns);
}

/* Whether a call waits that a further worker would serve sooner. */
static bool needs_more(yb_process_pool *pool)
{
    return pool->waiting > pool->starting_count || (pool->starting_count == 0 && find_late(pool));
}

static void start_more(yb_process_pool *pool)
{
    while (can_start(pool) && needs_more(pool)) {
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
    }
}

static bool anything_queued(const yb_process_pool *pool)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        if (YB_CONTAINER_OF(item, yb_process, links)->load > 1)
            return true;
    return false;
}

void yb_process_pool_feed(yb_process_pool *pool)
{
    go_on_loading(pool);
    take_back(pool);
    give_out(pool);
    start_more(pool);
    if ((can_start(pool) || count_free(pool) > 0) && anything_queued(pool))
        yb_process_pool_flush_later(pool, LOOK_AGAIN_NS);
}
