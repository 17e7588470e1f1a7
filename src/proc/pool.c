/* The life of a process pool, and what wakes it.
 *
 * Whatever happens (a new call, a ring of the doorbell, news of the zygote, a timer) leads to one
 * flush: collect answers, give out calls, tell the workers.  Many calls of one turn so share one
 * look at every lane and one wake-up a worker.
 *
 * The doorbell, an eventfd that all workers share, is rung by a worker that completes a job while
 * its lane is armed.  Every flush arms the lanes that have work, so a worker rings at most once a
 * flush.
 *
 * A pool ends at once, waiting for its processes, when its loop does; or, once nothing is under
 * way, in the background: STOPPING while workers and zygote end by themselves.  Then it is ENDING:
 * the last to let go of it, a watch or a flush that was queued, frees it. */
#include "proc/pool.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "platform/processor.h"
#include <yibu/error.h>

enum { MAX_PROCESSES = 1024 };

static const int64_t PATIENCE_NS = 3000000000; /* with a zygote that was told to end */

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

bool yb_process_pool_arm(yb_process_pool *pool)
{
    bool more = false;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        more |= arm(YB_CONTAINER_OF(item, yb_process, links));
    return more;
}

void yb_process_pool_flush(yb_process_pool *pool)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        yb_process_collect(YB_CONTAINER_OF(item, yb_process, links));
    yb_process_pool_feed(pool);
    yb_process_pool_hire(pool);
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next)
        publish(YB_CONTAINER_OF(item, yb_process, links));
    if (pool->owner)
        yb_process_pool_publish_counts(pool);
    if (yb_process_pool_arm(pool))
        yb_process_pool_flush_soon(pool);
}

static void run_flush(yb_runnable *item)
{
    yb_process_pool *pool = YB_CONTAINER_OF(item, yb_process_pool, flush);
    pool->flushing = false;
    if (pool->stop_asked && !pool->stopping)
        yb_process_pool_stop(pool);
    if (pool->stopping && !pool->ending && pool->spawner.socket < 0)
        yb_process_pool_stopped(pool);
    if (pool->ending)
        yb_process_pool_let_go(pool);
    else
        yb_process_pool_flush(pool);
}

void yb_process_pool_flush_soon(yb_process_pool *pool)
{
    if (pool->flushing)
        return;
    pool->flushing = true;
    yb_loop_ready(pool->loop, &pool->flush);
}

static void disarm_later(yb_process_pool *pool)
{
    if (pool->later_armed)
        yb_loop_timer_remove(pool->loop, &pool->later);
    pool->later_armed = false;
}

static void arm_later(yb_process_pool *pool, int64_t delay_ns, void (*fire)(yb_timer *timer))
{
    pool->later.fire = fire;
    pool->later.deadline_ns = yb_loop_deadline(pool->loop, delay_ns);
    yb_loop_timer_add(pool->loop, &pool->later);
    pool->later_armed = true;
}

static void fire_later(yb_timer *timer)
{
    yb_process_pool *pool = YB_CONTAINER_OF(timer, yb_process_pool, later);
    pool->later_armed = false;
    yb_process_pool_flush_soon(pool);
}

void yb_process_pool_flush_later(yb_process_pool *pool, int64_t delay_ns)
{
    if (!pool->later_armed)
        arm_later(pool, delay_ns, fire_later);
}

/* Breaking. */

static void fail_retrying(yb_process_pool *pool, int code)
{
    while (!yb_list_empty(&pool->retrying)) {
        yb_call *call = YB_CONTAINER_OF(pool->retrying.next, yb_call, place.links);
        yb_call_leave_retry(call);
        yb_call_drop(call, code);
    }
}

void yb_process_pool_break(yb_process_pool *pool, intptr_t reason, const char *what)
{
    if (pool->broken || pool->ending || pool->stopping)
        return;
    pool->broken = YIBU_EBROKENPOOL;
    yb_loop_report(pool->loop, reason, "a process pool %s, which breaks it", what);
    fail_retrying(pool, pool->broken);
    yb_process_pool_fail_waiting(pool, pool->broken);
    if (pool->owner)
        pool->owner->broke(pool->owner, reason);
}

/* The end. */

void yb_process_pool_let_go(yb_process_pool *pool)
{
    if (pool->doorbell_watch.active || pool->news_watch.active || pool->flushing)
        return;
    yb_pool_owner *owner = pool->owner;
    yb_free(pool->message_copy);
    for (yb_list *item; (item = yb_list_pop_front(&pool->spare));)
        yb_free(YB_CONTAINER_OF(item, yb_call, place.links));
    close(pool->doorbell);
    yb_free(pool);
    if (owner)
        owner->ended(owner);
}

static void drop_line(yb_process_pool *pool, int code)
{
    for (yb_call *call; (call = yb_process_pool_next(pool));) {
        yb_turns_leave(&pool->line, &call->place);
        yb_call_drop(call, code);
    }
}

static void drop_calls(yb_process *process, int code)
{
    for (int i = 0; i < YB_LANE_SLOTS; i++) {
        yb_call *call = process->calls[i];
        process->calls[i] = NULL;
        if (call)
            yb_call_drop(call, code);
    }
}

static void free_processes(yb_process_pool *pool)
{
    while (!yb_list_empty(&pool->processes))
        yb_process_free(YB_CONTAINER_OF(pool->processes.next, yb_process, links));
}

static void end_processes(yb_process_pool *pool, int code)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        bool busy = process->load > 0 || process->setting_up;
        drop_calls(process, code);
        if (busy)
            yb_process_kill(process, false);
        yb_lane_finish(&process->lane);
    }
    if (pool->spawner.socket >= 0) {
        pool->loop->backend->class->forget_fd(pool->loop->backend, pool->spawner.socket);
        (void)yb_spawner_stop(&pool->spawner, true);
    }
    free_processes(pool);
}

void yb_process_pool_free(yb_process_pool *pool, int code)
{
    pool->owner = NULL;
    if (pool->ending)
        return; /* it has ended, and waits to be let go of */
    pool->ending = true;
    disarm_later(pool);
    fail_retrying(pool, code);
    drop_line(pool, code);
    end_processes(pool, code);
    yb_process_pool_unwatch(pool);
    yb_process_pool_let_go(pool);
}

/* Somebody has stopped the zygote, or it hangs. */
static void give_up(yb_timer *timer)
{
    yb_process_pool *pool = YB_CONTAINER_OF(timer, yb_process_pool, later);
    pool->later_armed = false;
    kill(pool->spawner.pid, SIGKILL);
}

void yb_process_pool_stop(yb_process_pool *pool)
{
    pool->stop_asked = true;
    if (pool->calls > 0)
        return;
    pool->stopping = true;
    disarm_later(pool);
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->setting_up)
            yb_process_kill(process, false);
        else if (process->state != YB_PROCESS_DYING)
            yb_process_become(process, YB_PROCESS_LEAVING);
        yb_lane_finish(&process->lane);
    }
    if (pool->spawner.socket >= 0) {
        yb_spawner_end(&pool->spawner);
        arm_later(pool, PATIENCE_NS, give_up);
    }
    yb_process_pool_flush_soon(pool);
}

void yb_process_pool_stopped(yb_process_pool *pool)
{
    pool->ending = true;
    disarm_later(pool);
    free_processes(pool);
    yb_process_pool_unwatch(pool);
}

/* The beginning. */

unsigned yb_process_pool_max_workers(const yibu_process_pool_options *options)
{
    unsigned max = options->max_workers ? options->max_workers : yb_processor_count();
    return max < MAX_PROCESSES ? max : MAX_PROCESSES;
}

static void set_options(yb_process_pool *pool, const yibu_process_pool_options *options)
{
    pool->options = *options;
    pool->processors = yb_processor_count();
    pool->options.max_workers = yb_process_pool_max_workers(options);
    pool->keep_one_ready = options->max_tasks_per_child > 0;
}

int yb_process_pool_new(yibu_loop *loop, const yibu_process_pool_options *options,
                        yb_pool_owner *owner, yb_process_pool **ret_pool)
{
    yb_process_pool *pool = yb_calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    pool->loop = loop;
    pool->owner = owner;
    pool->executor.begin = yb_call_begin;
    pool->spawner = (yb_spawner)YB_SPAWNER_INIT;
    pool->flush.run = run_flush;
    set_options(pool, options);
    yb_turns_init(&pool->line);
    yb_list_init(&pool->retrying);
    yb_list_init(&pool->spare);
    yb_list_init(&pool->processes);
    pool->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = pool->doorbell < 0 ? -errno : yb_process_pool_watch_doorbell(pool);
    if (r == 0) {
        *ret_pool = pool;
        return 0;
    }
    if (pool->doorbell >= 0)
        close(pool->doorbell);
    yb_free(pool);
    return r;
}
