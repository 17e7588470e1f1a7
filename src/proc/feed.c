/* Which call goes to which worker.
 *
 * A call goes where it is expected to start soonest, given what its like has taken before.  Short
 * jobs queue up in one lane, up to FULL_NS of work, rather than wake a worker that sleeps; a long
 * one waits in a lane only behind a single other, when every worker is busy, so that a worker need
 * not wait for the loop between two jobs.  What then turns out badly placed, because the job before
 * it takes long and another worker has become free, is taken back: a call is never worse off for
 * having been given out early.  So is what waits in a lane behind the job that runs, once something
 * with a higher priority stands in line.
 *
 * There may be a worker more than may work at once, ready to take the place of one that comes to an
 * end (staff.c): so an idle one is given something only while fewer are busy than may be. */
#include <errno.h>

#include "proc/payload.h"
#include "proc/pool.h"
#include <yibu/error.h>

static const int64_t WAKE_NS = 30000;  /* until a sleeping worker has woken up */
static const int64_t FULL_NS = 200000; /* of work queued in a lane */
static const int64_t LATE_NS = 100000; /* a wait that makes moving a call worth while */
static const int64_t LOOK_AGAIN_NS = 1000000;
static const size_t COPIED_A_NS = 4; /* bytes, at most */

int64_t yb_process_wait(const yb_process *process)
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

/* Whether a call may wait behind others in a lane. */
static bool may_queue(const yb_process *process, const yb_call *call, int64_t wait_ns)
{
    if (call->input.size > YB_TRANSFER_AT_ONCE && !yb_payload_in(call->payload, &process->lane))
        return false;
    if (wait_ns + call->expected_ns < FULL_NS)
        return true;
    return process->load == 1 && !yb_process_pool_may_grow(process->pool) &&
           process->pool->starting_count == 0;
}

/* How long it takes to copy a payload into another lane than its own. */
static int64_t copy_ns(const yb_process *process, const yb_call *call)
{
    if (!call->payload || yb_payload_in(call->payload, &process->lane))
        return 0;
    return (int64_t)(call->input.size / COPIED_A_NS);
}

/* Whether it takes no other's place any more. */
static bool finished(const yb_process *process)
{
    return process->state == YB_PROCESS_LEAVING || process->state == YB_PROCESS_RETIRING ||
           (process->state == YB_PROCESS_DYING && process->load == 0);
}

/* Of those that came first, as many as may work at once: who came later is there for the case that
 * one of them comes to an end. */
static yb_process *choose(yb_process_pool *pool, const yb_call *call)
{
    yb_process *best = NULL;
    int64_t best_wait = INT64_MAX;
    unsigned in_turn = 0;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (finished(process))
            continue;
        if (in_turn++ == pool->options.max_workers)
            break;
        bool may = process->load > 0 || pool->busy_count < pool->options.max_workers;
        if (process->state != YB_PROCESS_READY || process->loading || !may)
            continue;
        int64_t wait_ns = yb_process_wait(process) + copy_ns(process, call);
        if (wait_ns < best_wait && (process->load == 0 || may_queue(process, call, wait_ns))) {
            best = process;
            best_wait = wait_ns;
        }
    }
    return best;
}

yb_call *yb_process_pool_next(const yb_process_pool *pool)
{
    yb_turn *place = yb_turns_first(&pool->line);
    return place ? YB_CONTAINER_OF(place, yb_call, place) : NULL;
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
    for (yb_call *call; (call = yb_process_pool_next(pool));) {
        call->expected_ns = yb_cost_expected(&pool->costs, call->job->name);
        yb_process *process = choose(pool, call);
        if (!process)
            return;
        int r = yb_process_give(process, call);
        if (r == -EAGAIN)
            return; /* its lane is full: the next answer makes room */
        yb_turns_serve(&pool->line, &call->place);
        if (r < 0)
            yb_call_finish(call, r);
    }
}

yb_call *yb_process_pool_find_late(yb_process_pool *pool)
{
    yb_call *late = NULL;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->load < 2 || yb_process_wait(process) < LATE_NS)
            continue;
        yb_call *second = yb_process_second(process);
        if (second && (!late || second->place.turn < late->place.turn))
            late = second;
    }
    return late;
}

/* How many idle workers may be given something. */
static unsigned count_free(const yb_process_pool *pool)
{
    unsigned idle = yb_process_pool_idle_count(pool), max = pool->options.max_workers;
    unsigned room = pool->busy_count < max ? max - pool->busy_count : 0;
    return idle < room ? idle : room;
}

/* Puts back in line what a free worker would start sooner. */
static void take_back(yb_process_pool *pool)
{
    unsigned free = count_free(pool);
    for (yb_call *late; free > 0 && (late = yb_process_pool_find_late(pool)); free--) {
        if (!yb_process_withdraw(late->worker, late))
            return; /* just taken */
        yb_call_enqueue(late);
    }
}

/* Puts back in line what waits in a lane while something with a higher priority is in line. */
static void give_way(yb_process_pool *pool)
{
    const yb_call *first = pool->ranked ? yb_process_pool_next(pool) : NULL;
    if (!first)
        return;
    int priority = first->place.priority;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->load > 1)
            yb_process_withdraw_below(process, priority);
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
    give_way(pool);
    give_out(pool);
    if ((yb_process_pool_may_grow(pool) || count_free(pool) > 0) && anything_queued(pool))
        yb_process_pool_flush_later(pool, LOOK_AGAIN_NS);
}
