/* Jobs whose input and output are payloads. */
#include <errno.h>

#include "proc/job_executor.h"
#include "proc/payload.h"

#include "exec/job_call.h"

static int prepare(yb_job_request *request, const yibu_job *job, yibu_payload *input,
                   yibu_payload **ret_output, const yibu_job_options *options)
{
    *request = (yb_job_request){
        .job = job, .input = yb_payload_bytes(input), .payload = input, .ret_payload = ret_output};
    if (ret_output)
        *ret_output = NULL;
    return yb_job_request_prepare(request, options);
}

intptr_t yibu_to_process_payload(const yibu_job *job, yibu_payload *input,
                                 yibu_payload **ret_output, const yibu_job_options *options)
{
    yb_job_request request;
    int r = prepare(&request, job, input, ret_output, options);
    if (r == 0)
        return yb_job_await(&request);
    yibu_payload_free(input);
    return r;
}

int yibu_op_to_process_payload(yibu_loop *loop, yibu_op *op, const yibu_job *job,
                               yibu_payload *input, yibu_payload **ret_output,
                               const yibu_job_options *options)
{
    yb_job_request request;
    int r = prepare(&request, job, input, ret_output, options);
    if (r == 0)
        return yb_job_start(loop, op, &request);
    yibu_payload_free(input);
    return r;
}

int yibu_executor_submit_payload(yibu_executor *executor, const yibu_job *job, yibu_payload *input,
                                 const yibu_job_options *options,
                                 yibu_concurrent_future **ret_future)
{
    const yb_job_payloads payloads = {yb_payload_bytes(input), input};
    int r = input ? yb_executor_submit_payload(executor, job, &payloads, options, true, ret_future)
                  : -EINVAL;
    if (r < 0)
        yibu_payload_free(input);
    return r;
}
