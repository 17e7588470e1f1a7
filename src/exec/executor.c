/* Submitting: the calls that give executors something to do. */
#include <errno.h>
#include <yibu/error.h>
#include <yibu/executor.h>
#include <yibu/payload.h>

#include "base/memory.h"
#include "base/options.h"
#include "exec/function.h"
#include "exec/job_call.h"
#include "exec/line.h"
#include "task/task.h"

/* How a submission that finds the line full goes on. */
typedef enum yb_manner { WAIT, TRY } yb_manner;

/* 1: within one of the executor's functions, which would wait for itself: it is to run here. */
static int enter(yibu_executor *e, yb_manner manner)
{
    int r = manner == WAIT && !yb_function_within(e) ? yb_line_enter(e) : yb_line_try_enter(e);
    if (r != -EAGAIN || manner == TRY)
        return r;
    pthread_mutex_lock(&e->lock);
    r = e->state == YB_ENGINE_OPEN ? 1 : e->refusal;
    if (r == 1)
        yb_line_push_in(e);
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* What every submission begins with. */
static int check(yibu_executor *e, yb_manner manner)
{
    if (!e)
        return -EINVAL;
    if (yb_engine_forked(e))
        return YIBU_EFORKED;
    if (yb_engine_is_out_of_place())
        return -ENOTSUP;
    return manner == WAIT && yb_task_current ? yb_task_checkpoint(yb_task_current) : 0;
}

static void hand_out(yb_submission *submission, yibu_concurrent_future **ret_future)
{
    if (ret_future)
        *ret_future = &submission->future;
    else
        yibu_concurrent_future_unref(&submission->future);
}

/* A function goes to the engine; or it runs here, on a thread that is the executor's own.  A loop
 * in one of its functions has no stack for that: there it goes to the engine, beyond the bound. */
static int pass_on(yb_function_call *call, bool here, yibu_concurrent_future **ret_future)
{
    int r = 0;
    call->submission.unheard = !ret_future;
    if (here && !yb_task_current)
        yb_function_run_here(call);
    else
        r = yb_function_hand(call);
    if (r == 0)
        hand_out(&call->submission, ret_future);
    return r;
}

static int submit(yibu_executor *e, yibu_coroutine *fn, void *arg, const yibu_submit_options *given,
                  yibu_concurrent_future **ret_future, yb_manner manner)
{
    yibu_submit_options options;
    int r = fn ? check(e, manner) : -EINVAL;
    if (r == 0)
        r = yb_options_take(&options, sizeof(options), given);
    if (r < 0)
        return r;
    if (!e->class->submit)
        return -ENOTSUP;
    yb_function_call *call = yb_malloc(sizeof(*call));
    if (!call)
        return -ENOMEM;
    r = enter(e, manner);
    if (r < 0) {
        yb_free(call);
        return r;
    }
    yb_function_init(call, e, &yb_function_class, fn, arg, options.abandon_on_cancel);
    return pass_on(call, r > 0, ret_future);
}

int yibu_executor_submit(yibu_executor *executor, yibu_coroutine *fn, void *arg,
                         const yibu_submit_options *options, yibu_concurrent_future **ret_future)
{
    return submit(executor, fn, arg, options, ret_future, WAIT);
}

int yibu_executor_try_submit(yibu_executor *executor, yibu_coroutine *fn, void *arg,
                             const yibu_submit_options *options,
                             yibu_concurrent_future **ret_future)
{
    return submit(executor, fn, arg, options, ret_future, TRY);
}

/* Jobs. */

static int submit_as_function(yibu_executor *e, const yibu_job *job, yibu_bytes input,
                              const yibu_job_options *options, yibu_concurrent_future **ret_future,
                              yb_manner manner)
{
    yb_job_function *f = yb_job_function_new(job, input, options);
    if (!f)
        return -ENOMEM;
    int r = enter(e, manner);
    if (r < 0) {
        yb_free(f);
        return r;
    }
    yb_job_function_init(f, e);
    return pass_on(&f->call, r > 0, ret_future);
}

/* With payloads, which may be NULL, input is empty. */
static int submit_as_job(yibu_executor *e, const yibu_job *job, yibu_bytes input,
                         const yb_job_payloads *payloads, const yibu_job_options *options,
                         yibu_concurrent_future **ret_future, yb_manner manner)
{
    yb_job_call *call = yb_job_call_new(job, input, options);
    if (!call)
        return -ENOMEM;
    int r = enter(e, manner);
    if (r < 0) {
        yb_free(call);
        return r;
    }
    yb_job_call_init(call, e);
    if (payloads)
        yb_job_call_set_payloads(call, payloads);
    call->submission.unheard = !ret_future;
    r = yb_job_call_hand(call);
    if (r == 0)
        hand_out(&call->submission, ret_future);
    return r;
}

static int submit_job(yibu_executor *e, const yibu_job *job, yibu_bytes input,
                      const yibu_job_options *given, yibu_concurrent_future **ret_future,
                      yb_manner manner)
{
    yibu_job_options options;
    int r = check(e, manner);
    if (r == 0)
        r = yb_options_take(&options, sizeof(options), given);
    if (r == 0)
        r = yb_job_call_check(job, input, &options);
    if (r < 0)
        return r;
    if (e->class->submit_job)
        return submit_as_job(e, job, input, NULL, &options, ret_future, manner);
    r = yb_job_function_check(job, &options);
    return r < 0 ? r : submit_as_function(e, job, input, &options, ret_future, manner);
}

int yibu_executor_submit_job(yibu_executor *executor, const yibu_job *job, yibu_bytes input,
                             const yibu_job_options *options, yibu_concurrent_future **ret_future)
{
    return submit_job(executor, job, input, options, ret_future, WAIT);
}

int yibu_executor_try_submit_job(yibu_executor *executor, const yibu_job *job, yibu_bytes input,
                                 const yibu_job_options *options,
                                 yibu_concurrent_future **ret_future)
{
    return submit_job(executor, job, input, options, ret_future, TRY);
}

int yb_executor_submit_payload(yibu_executor *e, const yibu_job *job,
                               const yb_job_payloads *payloads, const yibu_job_options *given,
                               bool waits, yibu_concurrent_future **ret_future)
{
    const yb_manner manner = waits ? WAIT : TRY;
    yibu_job_options options;
    int r = check(e, manner);
    if (r == 0)
        r = yb_options_take(&options, sizeof(options), given);
    if (r == 0)
        r = yb_job_call_check(job, payloads->input, &options);
    if (r < 0)
        return r;
    if (!e->class->submit_job)
        return -ENOTSUP;
    const yibu_bytes none = {NULL, 0};
    return submit_as_job(e, job, none, payloads, &options, ret_future, manner);
}

int yibu_concurrent_future_take_payload(yibu_concurrent_future *future,
                                        struct yibu_payload **ret_payload)
{
    yb_job_outcome *outcome = future && ret_payload ? yb_job_outcome_of(future) : NULL;
    if (!outcome)
        return -EINVAL;
    if (!yibu_concurrent_future_done(future))
        return -EINPROGRESS;
    *ret_payload = outcome->payload;
    outcome->payload = NULL;
    return 0;
}

int yibu_concurrent_future_output(yibu_concurrent_future *future, yibu_bytes *ret_output)
{
    yb_job_outcome *outcome = future && ret_output ? yb_job_outcome_of(future) : NULL;
    if (!outcome)
        return -EINVAL;
    if (!yibu_concurrent_future_done(future))
        return -EINPROGRESS;
    *ret_output = (yibu_bytes){outcome->output.data, outcome->output.size};
    return 0;
}

int yibu_concurrent_future_report(yibu_concurrent_future *future, yibu_job_report *report)
{
    yb_job_outcome *outcome = future && report ? yb_job_outcome_of(future) : NULL;
    if (!outcome || report->size < sizeof(size_t))
        return -EINVAL;
    if (!yibu_concurrent_future_done(future))
        return -EINPROGRESS;
    yb_options_give(report, &outcome->report, sizeof(outcome->report));
    return 0;
}
