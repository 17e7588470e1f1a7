/* Submitting and waiting in one call. */
#include <errno.h>
#include <yibu/error.h>
#include <yibu/payload.h>
#include <yibu/process_pool.h>
#include <yibu/thread_pool.h>

#include "exec/defaults.h"
#include "task/task.h"

/* The call is over when this returns, also where the task was cancelled before it waited. */
static intptr_t await_call(yibu_concurrent_future *future)
{
    if (yb_concurrent_future_wait(future, YIBU_FOREVER) < 0) {
        (void)yibu_concurrent_future_cancel(future);
        yb_concurrent_future_outlast(future);
    }
    return future->result;
}

static intptr_t run(yibu_executor *executor, yibu_coroutine *fn, void *arg,
                    const yibu_submit_options *options)
{
    yibu_concurrent_future *future;
    int r = yibu_executor_submit(executor, fn, arg, options, &future);
    if (r < 0)
        return r;
    intptr_t result = await_call(future);
    yibu_concurrent_future_unref(future);
    return result;
}

intptr_t yibu_run_in_executor(yibu_executor *executor, yibu_coroutine *fn, void *arg,
                              const yibu_submit_options *options)
{
    int r = 0;
    if (!yb_task_require(&r))
        return r;
    if (!executor && !(options && options->abandon_on_cancel))
        return yibu_to_thread(fn, arg);
    if (!executor)
        r = yibu_loop_get_default_executor(yb_loop_current, YIBU_EXECUTOR_THREADS, &executor);
    return r < 0 ? r : run(executor, fn, arg, options);
}

/* Hands the output over: as it is, where there is nothing yet to append it to. */
static int give_output(yibu_concurrent_future *future, yibu_buffer *ret_output)
{
    yibu_buffer *output = &yb_job_outcome_of(future)->output;
    if (ret_output->data || !output->data)
        return yibu_buffer_append(ret_output, output->data, output->size);
    ret_output->data = output->data;
    ret_output->size = output->size;
    ret_output->capacity = output->capacity;
    *output = (yibu_buffer){0};
    return 0;
}

intptr_t yb_run_job(yibu_executor *executor, const yibu_job *job, yibu_bytes input,
                    yibu_buffer *ret_output, const yibu_job_options *options)
{
    yibu_concurrent_future *future;
    int r = yibu_executor_submit_job(executor, job, input, options, &future);
    if (r < 0)
        return r;
    intptr_t status = await_call(future);
    if (ret_output && give_output(future, ret_output) < 0)
        status = -ENOMEM;
    yibu_concurrent_future_unref(future);
    return status;
}

static void take_payload(yibu_concurrent_future *future, struct yibu_payload **ret_output)
{
    if (ret_output)
        (void)yibu_concurrent_future_take_payload(future, ret_output);
}

intptr_t yb_run_payload(yibu_executor *executor, const yibu_job *job,
                        const yb_job_payloads *payloads, struct yibu_payload **ret_output,
                        const yibu_job_options *options)
{
    yibu_concurrent_future *future;
    int r = yb_executor_submit_payload(executor, job, payloads, options, true, &future);
    if (r < 0) {
        yibu_payload_free(payloads->payload);
        return r;
    }
    intptr_t status = await_call(future);
    take_payload(future, ret_output);
    yibu_concurrent_future_unref(future);
    return status;
}

intptr_t yibu_run_job_in_executor(yibu_executor *executor, const yibu_job *job, yibu_bytes input,
                                  yibu_buffer *ret_output, const yibu_job_options *options)
{
    int r = 0;
    if (!yb_task_require(&r))
        return r;
    if (!executor)
        return yibu_to_process(job, input, ret_output, options);
    return yb_run_job(executor, job, input, ret_output, options);
}

/* The callback forms, which do not wait for room. */

int yb_default_start(yibu_executor *executor, yibu_loop *loop, yb_op *op, yibu_coroutine *fn,
                     void *arg)
{
    yibu_concurrent_future *future;
    int r = yibu_executor_try_submit(executor, fn, arg, NULL, &future);
    if (r == 0)
        yb_concurrent_future_follow(future, loop, op, NULL, NULL);
    return r;
}

static intptr_t take_output(yibu_concurrent_future *future, void *ret_output)
{
    intptr_t status = future->result;
    return ret_output && give_output(future, ret_output) < 0 ? -ENOMEM : status;
}

int yb_default_start_job(yibu_executor *executor, yibu_loop *loop, yb_op *op, const yibu_job *job,
                         yibu_bytes input, yibu_buffer *ret_output, const yibu_job_options *options)
{
    yibu_concurrent_future *future;
    int r = yibu_executor_try_submit_job(executor, job, input, options, &future);
    if (r == 0)
        yb_concurrent_future_follow(future, loop, op, take_output, ret_output);
    return r;
}

static intptr_t take_held_output(yibu_concurrent_future *future, void *ret_output)
{
    take_payload(future, ret_output);
    return future->result;
}

int yb_default_start_payload(yibu_executor *executor, yibu_loop *loop, yb_op *op,
                             const yibu_job *job, const yb_job_payloads *payloads,
                             struct yibu_payload **ret_output, const yibu_job_options *options)
{
    yibu_concurrent_future *future;
    int r = yb_executor_submit_payload(executor, job, payloads, options, false, &future);
    if (r == 0)
        yb_concurrent_future_follow(future, loop, op, take_held_output, ret_output);
    else
        yibu_payload_free(payloads->payload);
    return r;
}
