/* Waiting for an answer that is expected soon: spinning, where a processor is free for it. */
#include <sched.h>

#include "platform/processor.h"
#include "proc/pool.h"

enum { SPINS_A_LOOK = 16 };

/* An answer expected within this is awaited spinning; less long where the loop has other operations
 * under way, which are not looked at meanwhile. */
static const int64_t MAX_SPIN_NS = 100000, MAX_SPIN_WITH_OTHERS_NS = 10000;

/* Whether it is expected within a spin, of a worker on another processor. */
static bool expected_soon(const yb_process *process, int processor)
{
    const yb_lane_shared *shared = process->lane.shared;
    return process->backlog_ns / process->load < MAX_SPIN_NS &&
           atomic_load_explicit(&shared->worker_processor, memory_order_relaxed) != processor;
}

static bool any_expected_soon(const yb_process_pool *pool)
{
    unsigned busy = 0;
    bool soon = false;
    int processor = sched_getcpu();
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        const yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->load == 0)
            continue;
        busy++;
        soon |= expected_soon(process, processor);
    }
    return soon && busy < pool->processors;
}

static bool answer_there(const yb_process_pool *pool)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        const yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->load > 0 && yb_lane_answered(&process->lane, process->lane.retired))
            return true;
    }
    return false;
}

/* While it spins, the parent needs no doorbell. */
static void disarm(yb_process_pool *pool)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        yb_lane_disarm(&YB_CONTAINER_OF(item, yb_process, links)->lane);
}

static void spin(yb_process_pool *pool, int64_t begin_ns)
{
    bool others = pool->loop->pending > pool->calls, answered = false;
    int64_t now_ns = begin_ns, limit_ns = others ? MAX_SPIN_WITH_OTHERS_NS : MAX_SPIN_NS;
    for (int i = 1; !(answered = answer_there(pool)); i++) {
        yb_processor_relax();
        if (i % SPINS_A_LOOK > 0)
            continue;
        now_ns = yb_loop_read_clock(pool->loop);
        if (now_ns - begin_ns >= limit_ns ||
            atomic_load_explicit(&pool->loop->inbox, memory_order_relaxed))
            break;
    }
    yb_spin_ended(&pool->spin, answered, now_ns - begin_ns);
}

int64_t yb_process_pool_idle(yb_process_pool *pool)
{
    if (!any_expected_soon(pool) || !yb_spin_pays(&pool->spin))
        return INT64_MAX;
    int64_t now_ns = yb_loop_read_clock(pool->loop);
    if (!yb_spin_affordable(&pool->spin, now_ns))
        return INT64_MAX;
    disarm(pool);
    spin(pool, now_ns);
    if (!yb_process_pool_arm(pool))
        return INT64_MAX;
    yb_process_pool_flush_soon(pool);
    return 0;
}
