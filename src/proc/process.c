/* A worker process as its parent sees it.
 *
 * Its lane's slots [retired, submitted) are in use; calls[] says whose each is, or NULL where the
 * call was withdrawn and the worker has yet to pass the slot.  The oldest is the one that runs, if
 * any does: when the worker dies, at most that one has been taken, and only that one fails. */
#include <errno.h>
#include <signal.h>

#include "base/assert.h"
#include "base/memory.h"
#include "proc/pool.h"
#include <yibu/error.h>

static const uint32_t SPIN_NS = 100000;

/* Starting. */

/* One processor is left to the parent; the others may have a worker that spins. */
static void allow_spinning(yb_process *process)
{
    yb_process_pool *pool = process->pool;
    process->spins = pool->spinning_count + 1 < pool->processors;
    if (!process->spins)
        return;
    pool->spinning_count++;
    yb_lane_set_spin(&process->lane, SPIN_NS);
}

static int order(yb_process *process)
{
    yb_process_pool *pool = process->pool;
    int r = pool->spawner.socket < 0 ? yb_spawner_start(&pool->spawner) : 0;
    if (r == 0 && !pool->news_watch.active)
        r = yb_process_pool_watch_news(pool);
    if (r == 0)
        r = yb_spawner_order(&pool->spawner, &(yb_spawner_wish){
                                                 .worker = process->number,
                                                 .lane = process->lane.fd,
                                                 .doorbell = pool->doorbell,
                                                 .nice = pool->loop->options.process_nice,
                                             });
    return r;
}

int yb_process_start(yb_process_pool *pool)
{
    yb_process *process = yb_calloc(1, sizeof(*process));
    if (!process)
        return -ENOMEM;
    process->pool = pool;
    process->number = pool->next_process++;
    int r = yb_lane_open(&process->lane);
    if (r < 0)
        goto free_process;
    r = order(process);
    if (r < 0)
        goto close_lane;
    allow_spinning(process);
    yb_list_push_back(&pool->processes, &process->links);
    pool->process_count++;
    pool->starting_count++;
    return 0;

close_lane:
    yb_lane_close(&process->lane);
free_process:
    yb_free(process);
    return r;
}

static void leave_start(yb_process *process)
{
    if (process->state == YB_PROCESS_STARTING)
        process->pool->starting_count--;
}

void yb_process_free(yb_process *process)
{
    yb_process_pool *pool = process->pool;
    leave_start(process);
    if (process->spins)
        pool->spinning_count--;
    pool->process_count--;
    yb_list_remove(&process->links);
    yb_lane_close(&process->lane);
    yb_free(process);
}

/* Calls. */

static yb_call **place_of(yb_process *process, uint32_t number)
{
    return &process->calls[number % YB_LANE_SLOTS];
}

/* The call's input is in the lane. */
static void commit(yb_process *process, yb_call *call)
{
    yb_lane_commit(&process->lane);
    process->changed = true;
    yb_call_arm(call);
}

static void note(yb_process *process, yb_call *call)
{
    int64_t now = process->pool->loop->now_ns;
    call->worker = process;
    call->number = process->lane.submitted;
    *place_of(process, call->number) = call;
    process->backlog_ns += call->expected_ns;
    if (process->load++ == 0)
        process->head_since_ns = now;
}

static void forget(yb_process *process, yb_call *call)
{
    *place_of(process, call->number) = NULL;
    process->load--;
    process->backlog_ns -= call->expected_ns;
}

static void stop_loading(yb_process *process)
{
    forget(process, process->loading);
    process->loading = NULL;
    yb_lane_abandon(&process->lane);
}

int yb_process_give(yb_process *process, yb_call *call)
{
    int r = yb_lane_reserve(&process->lane, call->job, call->input.size);
    if (r < 0)
        return r;
    note(process, call);
    process->loading = call;
    process->loaded = 0;
    return yb_process_go_on(process);
}

int yb_process_go_on(yb_process *process)
{
    yb_call *call = process->loading;
    int r = yb_process_load(process);
    if (r < 0) {
        stop_loading(process);
    } else if (r == 0) {
        yb_process_pool_flush_soon(process->pool);
    } else {
        process->loading = NULL;
        commit(process, call);
    }
    return r < 0 ? r : 0;
}

bool yb_process_withdraw(yb_process *process, yb_call *call)
{
    if (process->loading == call) {
        stop_loading(process);
        return true;
    }
    if (!yb_lane_withdraw(&process->lane, call->number))
        return false;
    forget(process, call);
    yb_call_withdrawn(call);
    return true;
}

/* Takes back what the worker has not taken. */
static void withdraw_all(yb_process *process)
{
    for (uint32_t n = process->lane.retired; n != process->lane.submitted; n++) {
        yb_call *call = *place_of(process, n);
        if (call && yb_process_withdraw(process, call))
            yb_call_enqueue(call);
    }
}

yb_call *yb_process_second(const yb_process *process)
{
    unsigned seen = 0;
    for (uint32_t n = process->lane.retired; n != process->lane.submitted; n++) {
        yb_call *call = process->calls[n % YB_LANE_SLOTS];
        if (call && seen++ == 1)
            return call;
    }
    return NULL;
}

/* Dying. */

void yb_process_kill(yb_process *process)
{
    if (process->state == YB_PROCESS_DYING)
        return;
    leave_start(process);
    process->state = YB_PROCESS_DYING;
    /* Where the zygote does not listen, it has died, and its workers with it. */
    (void)yb_spawner_kill(&process->pool->spawner, process->number, false);
}

/* Kills the worker because of the call it runs, unless that has been answered.  Others that it has
 * been given are saved first; one that could not be was taken, so the call was answered. */
void yb_process_kill_for(yb_process *process, yb_call *call, int verdict)
{
    withdraw_all(process);
    yb_process_pool_flush_soon(process->pool);
    if (yb_lane_answered(&process->lane, call->number))
        return;
    call->verdict = verdict;
    yb_process_kill(process);
}

static void settle_with_dead(yb_process *process, yb_call *call, const yb_process_end *end)
{
    int64_t since;
    bool taken = yb_lane_taken(&process->lane, call->number, &since);
    forget(process, call);
    if (!taken) {
        yb_call_withdrawn(call);
        yb_call_enqueue(call);
        return;
    }
    process->proven = true; /* it had started well */
    yb_call_report(call, process, end, 0);
    yb_call_finish(call, call->verdict ? call->verdict : YIBU_EWORKER);
}

static void take_end(yb_process *process, const yb_process_end *end)
{
    yb_process_pool *pool = process->pool;
    leave_start(process);
    process->state = YB_PROCESS_DYING;
    if (process->loading) {
        yb_call *call = process->loading;
        stop_loading(process);
        yb_call_enqueue(call);
    }
    yb_process_collect(process);
    for (uint32_t n = process->lane.retired; n != process->lane.submitted; n++) {
        yb_call *call = *place_of(process, n);
        if (call)
            settle_with_dead(process, call, end);
    }
    bool proven = process->proven;
    yb_process_free(process);
    if (!proven)
        yb_process_pool_start_failed(pool, YIBU_EWORKER, end);
    yb_process_pool_flush_soon(pool);
}

/* Answers. */

static bool has_output(const yb_call *call, const yb_answer *answer)
{
    return call && call->ret_output && answer->outcome == YB_JOB_RAN && answer->output_size > 0;
}

static intptr_t result_of(const yb_answer *answer, int copied)
{
    if (answer->outcome == YB_JOB_UNKNOWN)
        return YIBU_ENOJOB;
    if (answer->outcome == YB_JOB_SKIPPED)
        return YIBU_EWORKER; /* nobody told it to */
    return copied < 0 ? copied : answer->status;
}

/* Deals with process->answer; false: its output is not all there yet. */
static bool collect_one(yb_process *process)
{
    yb_process_pool *pool = process->pool;
    const yb_answer answer = process->answer;
    yb_call *call = *place_of(process, process->lane.retired);
    int r = has_output(call, &answer) ? yb_process_copy_output(process, call->ret_output) : 1;
    if (r == 0)
        return false;
    yb_lane_retire(&process->lane, &answer);
    process->changed = true;
    process->proven = true;
    pool->failures = 0;
    if (!call)
        return true;
    forget(process, call);
    process->head_since_ns = pool->loop->now_ns;
    if (answer.outcome == YB_JOB_RAN)
        yb_cost_learn(&pool->costs, call->job->name, answer.run_ns);
    yb_call_report(call, process, NULL, answer.run_ns);
    yb_call_finish(call, result_of(&answer, r));
    return true;
}

void yb_process_collect(yb_process *process)
{
    int r;
    while ((r = process->copying ? 1 : yb_lane_next(&process->lane, &process->answer)) > 0)
        if (!collect_one(process)) {
            yb_process_pool_flush_soon(process->pool);
            return;
        }
    if (r < 0)
        yb_process_kill(process);
}

/* News. */

static yb_process *find(yb_process_pool *pool, uint64_t number)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->number == number)
            return process;
    }
    return NULL;
}

static void take_news(yb_process_pool *pool, const yb_zygote_news *news)
{
    yb_process *process = find(pool, news->worker);
    yb_process_end end = {news->value, news->peak_memory_bytes};
    if (!process)
        return;
    switch ((yb_zygote_news_kind)news->kind) {
    case YB_ZYGOTE_STARTED:
        process->pid = news->value;
        leave_start(process);
        if (process->state == YB_PROCESS_STARTING)
            process->state = YB_PROCESS_READY;
        break;
    case YB_ZYGOTE_REFUSED:
        yb_process_free(process);
        yb_process_pool_start_failed(pool, news->value, NULL);
        break;
    case YB_ZYGOTE_PRELOADED:
        break;
    case YB_ZYGOTE_EXITED:
        take_end(process, &end);
        break;
    }
}

/* The zygote has died: so have its workers, by the same hand that kills orphans.  One that was to
 * be started has failed by whatever ended the zygote. */
static void lose_zygote(yb_process_pool *pool)
{
    pool->loop->backend->class->forget_fd(pool->loop->backend, pool->spawner.socket);
    const yb_process_end orphaned = {.status = SIGKILL};
    const yb_process_end unborn = {.status = yb_spawner_stop(&pool->spawner, false)};
    while (!yb_list_empty(&pool->processes)) {
        yb_process *process = YB_CONTAINER_OF(pool->processes.next, yb_process, links);
        take_end(process, process->state == YB_PROCESS_STARTING ? &unborn : &orphaned);
    }
}

int yb_process_hear(yb_process_pool *pool)
{
    yb_zygote_news news;
    int r;
    while ((r = yb_spawner_hear(&pool->spawner, &news)) > 0)
        take_news(pool, &news);
    if (r < 0)
        lose_zygote(pool);
    return r;
}
