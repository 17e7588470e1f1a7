/* The time limit of a call, and the end of a worker for the sake of the call that it runs.
 *
 * The limit counts from the worker's taking the job, which is after the timer was armed: so a timer
 * that fires looks how long the job has been running, and may wait for the rest.  With a grace the
 * worker first gets a SIGTERM; then the timer counts the grace.  A job that catches the signal and
 * answers in time has answered; its worker goes all the same.
 *
 * A worker that does not even take a job that is first in its lane, because somebody has stopped
 * it, is no worker: it is ended, and the job goes to another.  That holds for jobs with a time
 * limit. */
#include <errno.h>
#include <time.h>

#include "platform/thread_state.h"
#include "proc/pool.h"

static const int64_t PATIENCE_NS = 2000000000; /* with a worker that has a job to take */

static int64_t monotonic_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t yb_call_running_ns(const yb_call *call)
{
    int64_t since, now = monotonic_now();
    if (!call->worker || !yb_lane_taken(&call->worker->lane, call->number, &since))
        return 0;
    return since > 0 && since <= now ? now - since : 0;
}

static void arm(yb_call *call, int64_t delay_ns, void (*fire)(yb_timer *timer))
{
    yb_call_disarm(call);
    call->timer.fire = fire;
    call->timer.deadline_ns = yb_loop_deadline(call->pool->loop, delay_ns);
    yb_loop_timer_add(call->pool->loop, &call->timer);
    call->timed = true;
}

void yb_call_disarm(yb_call *call)
{
    if (call->timed)
        yb_loop_timer_remove(call->pool->loop, &call->timer);
    call->timed = false;
}

static void end_grace(yb_timer *timer)
{
    yb_call *call = YB_CONTAINER_OF(timer, yb_call, timer);
    call->timed = false;
    yb_process_kill(call->worker, false);
}

/* Others that the worker has been given are saved first; one that could not be was taken, so the
 * call was answered. */
void yb_call_stop_worker(yb_call *call, int verdict)
{
    yb_process *process = call->worker;
    yb_process_withdraw_all(process);
    yb_process_pool_flush_soon(process->pool);
    if (yb_lane_answered(&process->lane, call->number))
        return;
    bool first = call->verdict == 0, gently = call->limits.grace_ns > 0;
    call->verdict = verdict;
    if (!first)
        return;
    yb_process_kill(process, gently);
    if (gently)
        arm(call, call->limits.grace_ns, end_grace);
}

static bool taken(const yb_call *call)
{
    int64_t since;
    return yb_lane_taken(&call->worker->lane, call->number, &since);
}

static bool is_ignored(const yb_call *call)
{
    const yb_process *process = call->worker;
    return process->state != YB_PROCESS_DYING && yb_process_first(process) == call &&
           !taken(call) && monotonic_now() - process->head_since_ns >= PATIENCE_NS &&
           yb_process_look(process->pid).doing == YB_THREAD_STOPPED;
}

/* Where the worker takes the call at this moment after all, it keeps it. */
static bool leave_worker(yb_call *call)
{
    yb_process *process = call->worker;
    if (!yb_process_withdraw(process, call))
        return false;
    yb_process_withdraw_all(process);
    yb_process_kill(process, false);
    yb_call_enqueue(call);
    return true;
}

static void fire(yb_timer *timer);

/* Until its time is over; or, as long as it has not been taken, for no longer than patience. */
static void arm_limit(yb_call *call, int64_t left_ns)
{
    bool patient = taken(call) || left_ns < PATIENCE_NS;
    arm(call, patient ? left_ns : PATIENCE_NS, fire);
}

static void fire(yb_timer *timer)
{
    yb_call *call = YB_CONTAINER_OF(timer, yb_call, timer);
    int64_t left = call->limits.timeout_ns - yb_call_running_ns(call);
    call->timed = false;
    if (is_ignored(call) && leave_worker(call))
        return;
    if (left > 0)
        arm_limit(call, left);
    else if (!call->verdict)
        yb_call_stop_worker(call, -ETIMEDOUT);
}

void yb_call_arm(yb_call *call)
{
    if (call->limits.timeout_ns > 0)
        arm_limit(call, call->limits.timeout_ns);
}
