/* A worker process as its parent sees it: what it has been given, and what it answers.
 *
 * Its lane's slots [retired, submitted) are in use; calls[] says whose each is, or NULL where the
 * call was withdrawn and the worker has yet to pass the slot.  The oldest is the one that runs, if
 * any does: when the worker dies, at most that one has been taken, and only that one fails. */
#include <errno.h>

#include "proc/payload.h"
#include "proc/pool.h"
#include <yibu/error.h>

static const int64_t LOOK_AGAIN_NS = 1000000;

static yb_call **place_of(yb_process *process, uint32_t number)
{
    return &process->calls[number % YB_LANE_SLOTS];
}

/* Giving and taking back. */

/* The call's input is in the lane. */
static void commit(yb_process *process, yb_call *call)
{
    uint32_t held = call->ret_payload ? YB_SLOT_OUTPUT_HELD : 0;
    uint32_t listened = yb_call_listens(call) ? YB_SLOT_LISTENED : 0;
    uint32_t measured = call->report ? YB_SLOT_MEASURED : 0;
    yb_lane_set_flags(&process->lane, held | listened | measured);
    yb_lane_commit(&process->lane);
    process->changed = true;
    yb_call_arm(call);
    if (process->load == 1)
        yb_call_note_start(call);
}

static void note(yb_process *process, yb_call *call)
{
    unsigned most = process->pool->options.max_tasks_per_child;
    call->worker = process;
    call->number = process->lane.submitted;
    *place_of(process, call->number) = call;
    process->lane.listeners += yb_call_listens(call);
    process->backlog_ns += call->expected_ns;
    if (process->load++ == 0) {
        process->pool->busy_count++;
        process->head_since_ns = process->pool->loop->now_ns;
    }
    if (++process->given == most && process->state == YB_PROCESS_READY)
        yb_process_become(process, YB_PROCESS_RETIRING);
}

static void forget(yb_process *process, yb_call *call)
{
    *place_of(process, call->number) = NULL;
    process->lane.listeners -= yb_call_listens(call);
    process->pool->busy_count -= --process->load == 0;
    process->backlog_ns -= call->expected_ns;
}

/* The call was not run here. */
static void ungive(yb_process *process, yb_call *call)
{
    forget(process, call);
    call->worker = NULL;
    process->given--;
    if (process->state == YB_PROCESS_RETIRING)
        yb_process_become(process, YB_PROCESS_READY);
}

static void stop_loading(yb_process *process)
{
    ungive(process, process->loading);
    process->loading = NULL;
    yb_lane_abandon(&process->lane);
}

static int reserve(yb_process *process, const yb_call *call)
{
    const yb_settings *settings = call->settings;
    yb_lane_set_settings(&process->lane, (yibu_bytes){settings, settings ? settings->size : 0});
    if (!yb_payload_in(call->payload, &process->lane))
        return yb_lane_reserve(&process->lane, call->job, call->input.size);
    return yb_lane_reserve_held(&process->lane, call->job, call->payload->holding.at,
                                call->input.size);
}

/* A lane that is full without anything under way is full of what payloads hold, which may be freed
 * anywhere, without a word. */
int yb_process_give(yb_process *process, yb_call *call)
{
    int r = reserve(process, call);
    if (r == -EAGAIN && process->load == 0)
        yb_process_pool_flush_later(process->pool, LOOK_AGAIN_NS);
    if (r < 0)
        return r;
    note(process, call);
    process->loading = call;
    process->loaded = yb_payload_in(call->payload, &process->lane) ? call->input.size : 0;
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
    ungive(process, call);
    yb_call_withdrawn(call);
    return true;
}

void yb_process_withdraw_all(yb_process *process)
{
    for (uint32_t n = process->lane.retired; n != process->lane.submitted; n++) {
        yb_call *call = *place_of(process, n);
        if (call && yb_process_withdraw(process, call))
            yb_call_enqueue(call);
    }
}

void yb_process_withdraw_below(yb_process *process, int priority)
{
    const yb_call *first = yb_process_first(process);
    for (uint32_t n = process->lane.retired; n != process->lane.submitted; n++) {
        yb_call *call = *place_of(process, n);
        if (call && call != first && call->place.priority < priority &&
            yb_process_withdraw(process, call))
            yb_call_enqueue(call);
    }
}

/* The call that comes after `skipped` others; NULL: there are no more. */
static yb_call *find(const yb_process *process, unsigned skipped)
{
    if (process->load <= skipped)
        return NULL;
    for (uint32_t n = process->lane.retired; n != process->lane.submitted; n++) {
        yb_call *call = process->calls[n % YB_LANE_SLOTS];
        if (call && skipped-- == 0)
            return call;
    }
    return NULL;
}

yb_call *yb_process_first(const yb_process *process)
{
    return find(process, 0);
}

yb_call *yb_process_second(const yb_process *process)
{
    return find(process, 1);
}

/* Dying. */

/* Where the zygote does not listen, it has died, and its workers with it. */
void yb_process_kill(yb_process *process, bool gently)
{
    if (process->killed || (gently && process->state == YB_PROCESS_DYING))
        return;
    process->killed = !gently;
    yb_process_become(process, YB_PROCESS_DYING);
    (void)yb_spawner_kill(&process->pool->spawner, process->number, gently);
}

static void settle_with_dead(yb_process *process, yb_call *call, const yb_process_end *end)
{
    int64_t since;
    bool taken = yb_lane_taken(&process->lane, call->number, &since);
    if (taken)
        (void)yb_process_hear_job(process, true);
    forget(process, call);
    if (!taken) {
        yb_call_withdrawn(call);
        yb_call_enqueue(call);
        return;
    }
    process->proven = true; /* it had started well */
    call->attempts++;
    yb_call_report(call, process, end, NULL);
    if (call->verdict || !yb_call_retry(call))
        yb_call_finish(call, call->verdict ? call->verdict : YIBU_EWORKER);
}

static void settle_all(yb_process *process, const yb_process_end *end)
{
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
}

/* Whether it died while it ran the pool's initializer. */
static bool died_setting_up(const yb_process *process)
{
    int64_t since;
    return process->setting_up && yb_lane_taken(&process->lane, process->lane.retired, &since);
}

void yb_process_take_end(yb_process *process, const yb_process_end *end)
{
    yb_process_pool *pool = process->pool;
    bool expected = process->state == YB_PROCESS_LEAVING;
    yb_process_become(process, YB_PROCESS_DYING);
    settle_all(process, end);
    bool proven = process->proven, unfit = died_setting_up(process);
    yb_process_free(process);
    if (!expected)
        yb_process_pool_note_death(pool);
    if (unfit)
        yb_process_pool_break(pool, YIBU_EWORKER, "died of its initializer");
    else if (!proven && !expected)
        yb_process_pool_start_failed(pool, YIBU_EWORKER, end);
    yb_process_pool_flush_soon(pool);
}

/* Answers. */

static bool has_output(const yb_call *call, const yb_answer *answer)
{
    return call && (call->ret_output || call->ret_payload) && answer->outcome == YB_JOB_RAN &&
           answer->output_size > 0;
}

/* Returns 1, 0 where it is not all there yet, or a failure. */
static int take_output(yb_process *process, const yb_call *call)
{
    if (!has_output(call, &process->answer))
        return 1;
    return call->ret_payload ? yb_process_hold_output(process, call->ret_payload)
                             : yb_process_copy_output(process, call->ret_output);
}

static intptr_t result_of(const yb_answer *answer, int copied)
{
    if (answer->outcome == YB_JOB_UNKNOWN)
        return YIBU_ENOJOB;
    if (answer->outcome == YB_JOB_SKIPPED)
        return YIBU_EWORKER; /* nobody told it to */
    return copied < 0 ? copied : answer->status;
}

/* One that was to be ended for the sake of this call goes all the same: it may have a SIGTERM, or
 * what the job made of it, still to come. */
static void finish(yb_process *process, yb_call *call, const yb_answer *answer, int copied)
{
    yb_process_pool *pool = process->pool;
    forget(process, call);
    process->head_since_ns = pool->loop->now_ns;
    if (call->verdict)
        yb_process_kill(process, false);
    if (answer->outcome == YB_JOB_RAN)
        yb_cost_learn(&pool->costs, call->job->name, answer->run_ns);
    yb_call_finish(call, result_of(answer, copied));
}

/* Deals with process->answer; false: its output is not all there yet. */
static bool collect_one(yb_process *process)
{
    yb_call *call = *place_of(process, process->lane.retired);
    int r = take_output(process, call);
    if (r == 0)
        return false;
    const yb_answer answer = process->answer;
    if (call) {
        call->attempts++;
        yb_call_report(call, process, NULL, &answer);
    }
    yb_lane_retire(&process->lane, &answer);
    process->changed = true;
    process->proven = true;
    process->pool->failures = 0;
    if (call)
        finish(process, call, &answer, r);
    else if (process->setting_up)
        yb_process_set_up(process, result_of(&answer, 0));
    return true;
}

/* What comes next in the lane runs now; without more to come, the worker has done its share. */
static void look_ahead(yb_process *process)
{
    yb_call *call = process->pool->owner ? yb_process_first(process) : NULL;
    if (call && call != process->loading)
        yb_call_note_start(call);
    if (process->state == YB_PROCESS_RETIRING && yb_lane_in_flight(&process->lane) == 0) {
        yb_process_become(process, YB_PROCESS_LEAVING);
        yb_lane_finish(&process->lane);
    }
}

/* Makes the oldest answer process->answer, all messages of its job having been heard.
 * Returns 1, 0 where there is none, or -EPROTO. */
static int next(yb_process *process)
{
    if (process->copying)
        return 1;
    int r = yb_lane_next(&process->lane, &process->answer);
    int heard = r > 0 ? yb_process_hear_job(process, true) : 0;
    return heard < 0 ? heard : r;
}

void yb_process_collect(yb_process *process)
{
    int r;
    while ((r = next(process)) > 0)
        if (!collect_one(process)) {
            yb_process_pool_flush_soon(process->pool);
            return;
        }
    if (r == 0)
        r = yb_process_hear_job(process, false);
    if (r < 0)
        yb_process_kill(process, false);
    look_ahead(process);
}
