/* The public calls: a job in the process pool of the caller's loop. */
#include <errno.h>

#include "base/options.h"
#include "exec/defaults.h"
#include "proc/job.h"
#include "proc/job_executor.h"
#include "proc/pool.h"
#include "task/task.h"

int yb_job_options_check(const yibu_job_options *options)
{
    if (options->report && options->report->size < sizeof(size_t))
        return -EINVAL;
    bool negative = options->timeout_ns < 0 || options->grace_ns < 0 || options->retry_delay_ns < 0;
    return negative ? -EINVAL : yb_settings_check(options);
}

/* A call that does not begin frees its payload, too. */
static int begin(yibu_loop *loop, yb_op *op, const yb_job_request *request)
{
    yb_job_executor *executor;
    int r = yb_job_executor_of(loop, &executor);
    if (r == 0)
        r = executor->begin(executor, op, request);
    if (r < 0)
        yibu_payload_free(request->payload);
    return r;
}

int yb_job_request_prepare(yb_job_request *request, const yibu_job_options *options)
{
    if (!yb_job_valid(request->job) || (!request->input.data && request->input.size > 0))
        return -EINVAL;
    int r = yb_options_take(&request->options, sizeof(request->options), options);
    request->options.size = sizeof(request->options);
    return r < 0 ? r : yb_job_options_check(&request->options);
}

static bool has_payloads(const yb_job_request *request)
{
    return request->payload || request->ret_payload;
}

/* On the default executor. */

static yb_job_payloads payloads_of(const yb_job_request *request)
{
    return (yb_job_payloads){request->input, request->payload};
}

static intptr_t run_elsewhere(yibu_executor *set, const yb_job_request *request)
{
    const yb_job_payloads payloads = payloads_of(request);
    return has_payloads(request) ? yb_run_payload(set, request->job, &payloads,
                                                  request->ret_payload, &request->options)
                                 : yb_run_job(set, request->job, request->input,
                                              request->ret_output, &request->options);
}

static int start_elsewhere(yibu_executor *set, yibu_loop *loop, yb_op *op,
                           const yb_job_request *request)
{
    const yb_job_payloads payloads = payloads_of(request);
    return has_payloads(request) ? yb_default_start_payload(set, loop, op, request->job, &payloads,
                                                            request->ret_payload, &request->options)
                                 : yb_default_start_job(set, loop, op, request->job, request->input,
                                                        request->ret_output, &request->options);
}

static intptr_t run_in_own_pool(yb_task *task, const yb_job_request *request)
{
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    int r = begin(task->future.loop, op, request);
    return r < 0 ? r : yb_task_wait_op(task);
}

intptr_t yb_job_await(const yb_job_request *request)
{
    yibu_executor *set = NULL;
    int r;
    yb_task *task = yb_task_enter(&r);
    if (task)
        r = yb_default_begin(task->future.loop, YIBU_EXECUTOR_PROCESSES, &set);
    if (r < 0) {
        yibu_payload_free(request->payload);
        return r;
    }
    if (set)
        return run_elsewhere(set, request);
    intptr_t status = run_in_own_pool(task, request);
    yb_default_end(task->future.loop, YIBU_EXECUTOR_PROCESSES);
    return status;
}

/* A call in the callback form does not count: the loop's end ends it. */
int yb_job_start(yibu_loop *loop, yibu_op *op, const yb_job_request *request)
{
    yibu_executor *set = NULL;
    int r = yb_op_prepare_custom(loop, op);
    if (r == 0)
        r = yb_default_begin(loop, YIBU_EXECUTOR_PROCESSES, &set);
    if (r < 0) {
        yibu_payload_free(request->payload);
        return r;
    }
    if (set)
        return start_elsewhere(set, loop, yb_op_view(op), request);
    yb_default_end(loop, YIBU_EXECUTOR_PROCESSES);
    return begin(loop, yb_op_view(op), request);
}

intptr_t yibu_to_process(const yibu_job *job, yibu_bytes input, yibu_buffer *ret_output,
                         const yibu_job_options *options)
{
    yb_job_request request = {.job = job, .input = input, .ret_output = ret_output};
    int r = yb_job_request_prepare(&request, options);
    return r < 0 ? r : yb_job_await(&request);
}

int yibu_op_to_process(yibu_loop *loop, yibu_op *op, const yibu_job *job, yibu_bytes input,
                       yibu_buffer *ret_output, const yibu_job_options *options)
{
    yb_job_request request = {.job = job, .input = input, .ret_output = ret_output};
    int r = yb_job_request_prepare(&request, options);
    return r < 0 ? r : yb_job_start(loop, op, &request);
}
