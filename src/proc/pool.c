/* The life of a loop's process pool, and what wakes it.
 *
 * Whatever happens (a new call, a ring of the doorbell, news of the zygote, a timer) leads to one
 * flush: collect answers, give out calls, tell the workers.  Many calls of one turn so share one
 * look at every lane and one wake-up a worker.
 *
 * The doorbell, an eventfd that all workers share, is rung by a worker that completes a job while
 * its lane is armed.  Every flush arms the lanes that have work, so a worker rings at most once a
 * flush.
 *
 * The two watches are pending operations which do not count as such, or the loop would never be
 * without work: `pending` is lowered while they wait. */
#include "proc/pool.h"

#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "platform/processor.h"
#include <yibu/error.h>

enum { MAX_PROCESSES = 1024, SPINS_A_LOOK = 16 };

/* An answer expected within this is awaited spinning; less long where the loop has other operations
 * under way, which are not looked at meanwhile. */
static const int64_t MAX_SPIN_NS = 100000, MAX_SPIN_WITH_OTHERS_NS = 10000;

static yb_process_pool *pool_of(yb_loop_part *part)
{
    return YB_CONTAINER_OF(part, yb_process_pool, executor.part);
}

/* Flushing. */

static void publish(yb_process *process)
{
    if (process->changed)
        yb_lane_publish(&process->lane);
    process->changed = false;
}

static bool arm(yb_process *process)
{
    return yb_lane_in_flight(&process->lane) > 0 && yb_lane_arm(&process->lane);
}

static bool arm_all(yb_process_pool *pool)
{
    bool more = false;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        more |= arm(YB_CONTAINER_OF(item, yb_process, links));
    return more;
}

static void flush(yb_process_pool *pool)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        yb_process_collect(YB_CONTAINER_OF(item, yb_process, links));
    yb_process_pool_feed(pool);
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        publish(YB_CONTAINER_OF(item, yb_process, links));
    if (arm_all(pool))
        yb_process_pool_flush_soon(pool);
}

/* The last to let go frees: a watch, or a flush that was queued when the end came. */
static void free_when_unwatched(yb_process_pool *pool)
{
    if (pool->doorbell_watch.active || pool->news_watch.active || pool->flushing)
        return;
    for (yb_list *item; (item = yb_list_pop_front(&pool->spare));)
        yb_free(YB_CONTAINER_OF(item, yb_call, links));
    pool->loop->parts[YB_PART_PROCESSES] = NULL;
    close(pool->doorbell);
    yb_free(pool);
}

static void run_flush(yb_runnable *item)
{
    yb_process_pool *pool = YB_CONTAINER_OF(item, yb_process_pool, flush);
    pool->flushing = false;
    if (pool->ending)
        free_when_unwatched(pool);
    else
        flush(pool);
}

void yb_process_pool_flush_soon(yb_process_pool *pool)
{
    if (pool->flushing)
        return;
    pool->flushing = true;
    yb_loop_ready(pool->loop, &pool->flush);
}

static void fire_later(yb_timer *timer)
{
    yb_process_pool *pool = YB_CONTAINER_OF(timer, yb_process_pool, later);
    pool->later_armed = false;
    yb_process_pool_flush_soon(pool);
}

void yb_process_pool_flush_later(yb_process_pool *pool, int64_t delay_ns)
{
    if (pool->later_armed)
        return;
    pool->later.deadline_ns = yb_loop_deadline(pool->loop, delay_ns);
    yb_loop_timer_add(pool->loop, &pool->later);
    pool->later_armed = true;
}

/* Waiting for an answer that is expected soon: spinning, where a processor is free for it. */

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

static bool spin(yb_process_pool *pool)
{
    bool others = pool->loop->pending > pool->calls;
    int64_t limit_ns = others ? MAX_SPIN_WITH_OTHERS_NS : MAX_SPIN_NS;
    int64_t end = yb_loop_read_clock(pool->loop) + limit_ns;
    do
        for (int i = 0; i < SPINS_A_LOOK; i++) {
            if (answer_there(pool))
                return true;
            yb_processor_relax();
        }
    while (!atomic_load_explicit(&pool->loop->inbox, memory_order_relaxed) &&
           yb_loop_read_clock(pool->loop) < end);
    return false;
}

/* Before the loop waits. */
static int64_t idle(yb_loop_part *part)
{
    yb_process_pool *pool = pool_of(part);
    if (!any_expected_soon(pool) || !yb_spin_pays(&pool->spin))
        return INT64_MAX;
    disarm(pool);
    yb_spin_ended(&pool->spin, spin(pool));
    if (!arm_all(pool))
        return INT64_MAX;
    yb_process_pool_flush_soon(pool);
    return 0;
}

/* Watches. */

static int watch(yb_process_pool *pool, yb_process_watch *watch, int fd,
                 void (*callback)(yb_op *op, ssize_t result))
{
    watch->op = (yb_op){.callback = callback, .arg = pool, .kind = YB_OP_POLL, .fd = fd};
    watch->op.events = YIBU_READABLE;
    int r = yb_op_start(pool->loop, &watch->op);
    if (r < 0)
        return r;
    watch->active = true;
    if (r == 0)
        pool->loop->pending--;
    else
        yb_op_complete_soon(&watch->op, watch->op.result);
    return 0;
}

/* A watch has come back; returns whether the pool goes on. */
static bool come_back(yb_process_pool *pool, yb_process_watch *watch)
{
    watch->active = false;
    if (pool->ending) {
        free_when_unwatched(pool);
        return false;
    }
    pool->loop->pending++;
    return true;
}

static void hear_doorbell(yb_op *op, ssize_t result)
{
    yb_process_pool *pool = op->arg;
    uint64_t count;
    if (!come_back(pool, &pool->doorbell_watch))
        return;
    (void)!read(pool->doorbell, &count, sizeof(count));
    flush(pool);
    int r = watch(pool, &pool->doorbell_watch, pool->doorbell, hear_doorbell);
    if (r < 0 || result < 0)
        yb_loop_report(pool->loop, r, "the process pool's doorbell cannot be watched");
}

static void hear_news(yb_op *op, ssize_t result)
{
    yb_process_pool *pool = op->arg;
    (void)result;
    if (!come_back(pool, &pool->news_watch))
        return;
    int r = yb_process_hear(pool);
    if (r == 0)
        r = yb_process_pool_watch_news(pool);
    if (r < 0 && r != -ECONNRESET)
        yb_loop_report(pool->loop, r, "the process pool's zygote cannot be watched");
    flush(pool);
}

int yb_process_pool_watch_news(yb_process_pool *pool)
{
    return watch(pool, &pool->news_watch, pool->spawner.socket, hear_news);
}

/* The end.  Calls in the callback form that are under way end with -ECANCELED. */

static void drop_line(yb_process_pool *pool)
{
    for (yb_list *item; (item = yb_list_pop_front(&pool->line));)
        yb_call_drop(YB_CONTAINER_OF(item, yb_call, links));
}

static void drop_calls(yb_process *process)
{
    for (int i = 0; i < YB_LANE_SLOTS; i++)
        if (process->calls[i])
            yb_call_drop(process->calls[i]);
}

static void end_processes(yb_process_pool *pool)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        drop_calls(process);
        if (process->load > 0)
            yb_process_kill(process);
        yb_lane_finish(&process->lane);
    }
    if (pool->spawner.socket >= 0) {
        pool->loop->backend->class->forget_fd(pool->loop->backend, pool->spawner.socket);
        (void)yb_spawner_stop(&pool->spawner, true);
    }
    while (!yb_list_empty(&pool->processes))
        yb_process_free(YB_CONTAINER_OF(pool->processes.next, yb_process, links));
}

static void unwatch(yb_process_pool *pool, yb_process_watch *watch)
{
    if (!watch->active)
        return;
    pool->loop->pending++;
    (void)yb_op_cancel(&watch->op);
}

static void free_pool(yb_loop_part *part)
{
    yb_process_pool *pool = pool_of(part);
    pool->ending = true;
    if (pool->later_armed)
        yb_loop_timer_remove(pool->loop, &pool->later);
    drop_line(pool);
    end_processes(pool);
    unwatch(pool, &pool->news_watch);
    unwatch(pool, &pool->doorbell_watch);
    free_when_unwatched(pool);
}

static int make(yibu_loop *loop, yb_process_pool **ret_pool)
{
    yb_process_pool *pool = yb_calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    pool->executor.part = (yb_loop_part){.free = free_pool, .idle = idle};
    pool->executor.begin = yb_call_begin;
    pool->loop = loop;
    pool->spawner = (yb_spawner)YB_SPAWNER_INIT;
    pool->flush.run = run_flush;
    pool->later.fire = fire_later;
    pool->processors = yb_processor_count();
    unsigned max = loop->options.max_processes ? loop->options.max_processes : pool->processors;
    pool->max_processes = max < MAX_PROCESSES ? max : MAX_PROCESSES;
    yb_list_init(&pool->line);
    yb_list_init(&pool->spare);
    yb_list_init(&pool->processes);
    pool->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = pool->doorbell < 0 ? -errno : 0;
    if (r == 0)
        r = watch(pool, &pool->doorbell_watch, pool->doorbell, hear_doorbell);
    if (r == 0) {
        *ret_pool = pool;
        return 0;
    }
    if (pool->doorbell >= 0)
        close(pool->doorbell);
    yb_free(pool);
    return r;
}

int yb_job_executor_of(yibu_loop *loop, yb_job_executor **ret_executor)
{
    if (loop->closing)
        return YIBU_ESHUTDOWN;
    if (!loop->parts[YB_PART_PROCESSES]) {
        yb_process_pool *pool = NULL;
        int r = make(loop, &pool);
        if (r < 0)
            return r;
        loop->parts[YB_PART_PROCESSES] = &pool->executor.part;
    }
    *ret_executor = YB_CONTAINER_OF(loop->parts[YB_PART_PROCESSES], yb_job_executor, part);
    return 0;
}
