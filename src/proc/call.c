/* A call of yibu_to_process: made, cancelled, timed out, finished.
 *
 * States: in LINE (worker is NULL); QUEUED or TAKEN in a worker's lane; then finished, which
 * completes its operation and recycles it.  `verdict` is set while TAKEN, when its worker's death
 * was ordered: the answer may still arrive first, and then counts. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/options.h"
#include "proc/job.h"
#include "proc/pool.h"
#include "task/task.h"
#include <yibu/error.h>

enum { MAX_SPARE = 1024 };

static yb_call *new_call(yb_process_pool *pool)
{
    yb_list *item = yb_list_pop_front(&pool->spare);
    if (!item)
        return yb_malloc(sizeof(yb_call));
    pool->spare_count--;
    return YB_CONTAINER_OF(item, yb_call, links);
}

static void recycle(yb_call *call)
{
    yb_process_pool *pool = call->pool;
    if (call->timed)
        yb_loop_timer_remove(pool->loop, &call->timer);
    pool->calls--;
    if (pool->spare_count == MAX_SPARE) {
        yb_free(call);
        return;
    }
    yb_list_push_back(&pool->spare, &call->links);
    pool->spare_count++;
}

/* Puts a call in line by its turn: at the end but for those that come back from a worker. */
void yb_call_enqueue(yb_call *call)
{
    yb_list *line = &call->pool->line, *before = line->previous;
    while (before != line && YB_CONTAINER_OF(before, yb_call, links)->turn > call->turn)
        before = before->previous;
    yb_list_push_back(before->next, &call->links);
    call->worker = NULL;
    call->pool->waiting++;
    yb_process_pool_flush_soon(call->pool);
}

void yb_call_finish(yb_call *call, intptr_t result)
{
    yb_op *op = call->op;
    recycle(call);
    yb_op_complete(op, result);
}

/* At the end of the loop: the operation ends in its last turns. */
void yb_call_drop(yb_call *call)
{
    yb_op *op = call->op;
    recycle(call);
    yb_op_complete_soon(op, -ECANCELED);
}

/* Its place in a lane was given back before the worker took it. */
void yb_call_withdrawn(yb_call *call)
{
    if (call->timed)
        yb_loop_timer_remove(call->pool->loop, &call->timer);
    call->timed = false;
}

static void leave_line(yb_call *call)
{
    yb_list_remove(&call->links);
    call->pool->waiting--;
}

static bool cancel(yb_op *op)
{
    yb_call *call = op->custom_data;
    if (!call->worker) {
        leave_line(call);
    } else if (!yb_process_withdraw(call->worker, call)) {
        yb_process_kill_for(call->worker, call, -ECANCELED);
        return false;
    }
    yb_process_pool_flush_soon(call->pool);
    recycle(call);
    return true;
}

/* Time limits. */

static int64_t monotonic_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* For how long the worker has been running the call: it says when it began, and may be lying. */
static int64_t running_ns(const yb_call *call)
{
    int64_t since, now = monotonic_now();
    if (!call->worker || !yb_lane_taken(&call->worker->lane, call->number, &since))
        return 0;
    return since > 0 && since <= now ? now - since : 0;
}

static void arm(yb_call *call, int64_t delay_ns)
{
    call->timer.deadline_ns = yb_loop_deadline(call->pool->loop, delay_ns);
    yb_loop_timer_add(call->pool->loop, &call->timer);
    call->timed = true;
}

/* The limit counts from the worker's taking the job, which was after the timer was armed. */
static void fire(yb_timer *timer)
{
    yb_call *call = YB_CONTAINER_OF(timer, yb_call, timer);
    int64_t left = call->timeout_ns - running_ns(call);
    call->timed = false;
    if (left > 0)
        arm(call, left);
    else if (!call->verdict)
        yb_process_kill_for(call->worker, call, -ETIMEDOUT);
}

void yb_call_arm(yb_call *call)
{
    call->timer.fire = fire;
    if (call->timeout_ns > 0)
        arm(call, call->timeout_ns);
}

/* Fills the caller's report; process is NULL where none ran the call, end where it lives. */
void yb_call_report(yb_call *call, const yb_process *process, const yb_process_end *end,
                    int64_t run_ns)
{
    if (!call->report)
        return;
    yibu_job_report report = {.exit_status = -1, .run_ns = run_ns};
    if (process)
        report.worker = process->pid;
    if (end) {
        report.signal = WIFSIGNALED(end->status) ? WTERMSIG(end->status) : 0;
        report.exit_status = WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1;
        report.peak_memory_bytes = end->peak_memory_bytes;
        if (process && run_ns == 0)
            report.run_ns = running_ns(call);
    }
    yb_options_give(call->report, &report, sizeof(report));
}

/* The public calls. */

static int read_options(const yibu_job_options *options, yibu_job_options *ret_options)
{
    int r = yb_options_take(ret_options, sizeof(*ret_options), options);
    if (r < 0)
        return r;
    if (ret_options->report && ret_options->report->size < sizeof(size_t))
        return -EINVAL;
    return ret_options->timeout_ns < 0 ? -EINVAL : 0;
}

int yb_call_begin(yb_job_executor *executor, yb_op *op, const yb_job_request *request)
{
    yb_process_pool *pool = YB_CONTAINER_OF(executor, yb_process_pool, executor);
    yb_call *call = new_call(pool);
    if (!call)
        return -ENOMEM;
    *call = (yb_call){.pool = pool,
                      .op = op,
                      .job = request->job,
                      .input = request->input,
                      .ret_output = request->ret_output,
                      .report = request->options.report,
                      .timeout_ns = request->options.timeout_ns,
                      .turn = pool->next_turn++};
    pool->calls++;
    yb_op_begin_custom(pool->loop, op, cancel, call);
    yb_call_enqueue(call);
    return 0;
}

static int begin(yibu_loop *loop, yb_op *op, const yb_job_request *request)
{
    yb_job_executor *executor;
    int r = yb_job_executor_of(loop, &executor);
    return r < 0 ? r : executor->begin(executor, op, request);
}

static int check(const yb_job_request *request, const yibu_job_options *options,
                 yibu_job_options *ret_options)
{
    if (!yb_job_valid(request->job) || (!request->input.data && request->input.size > 0))
        return -EINVAL;
    return read_options(options, ret_options);
}

intptr_t yibu_to_process(const yibu_job *job, yibu_bytes input, yibu_buffer *ret_output,
                         const yibu_job_options *options)
{
    yb_job_request request = {.job = job, .input = input, .ret_output = ret_output};
    int r = check(&request, options, &request.options);
    if (r < 0)
        return r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    r = begin(task->future.loop, op, &request);
    return r < 0 ? r : yb_task_wait_op(task);
}

int yibu_op_to_process(yibu_loop *loop, yibu_op *op, const yibu_job *job, yibu_bytes input,
                       yibu_buffer *ret_output, const yibu_job_options *options)
{
    yb_job_request request = {.job = job, .input = input, .ret_output = ret_output};
    int r = check(&request, options, &request.options);
    if (r == 0)
        r = yb_op_prepare_custom(loop, op);
    if (r == 0)
        r = begin(loop, (yb_op *)(void *)op, &request);
    return r;
}
