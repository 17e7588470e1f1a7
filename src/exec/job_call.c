/* Jobs on their way through an engine, or through one of functions, whose threads run them in this
 * process. */
#include "exec/job_call.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <yibu/error.h>
#include <yibu/payload.h>

#include "base/memory.h"
#include "base/options.h"

/* What both have in common. */

static void init_outcome(yb_job_outcome *outcome, yb_job_request_copy *request)
{
    outcome->output = (yibu_buffer){0};
    outcome->report = (yibu_job_report){.size = sizeof(outcome->report), .exit_status = -1};
    outcome->ret_report = request->options.report;
    outcome->payload = NULL;
    request->options.report = &outcome->report;
    outcome->keeps_messages = request->options.keep_messages;
    if (outcome->keeps_messages)
        yb_message_box_init(&outcome->box);
}

static void destroy_outcome(yb_job_outcome *outcome)
{
    yibu_buffer_free(&outcome->output);
    yibu_payload_free(outcome->payload);
    if (outcome->keeps_messages)
        yb_message_box_destroy(&outcome->box);
}

static bool call_back(void *arg, yibu_bytes message, bool must)
{
    const yibu_job_options *options = arg;
    (void)must;
    options->on_message(message, options->message_arg);
    return true;
}

static yb_listener listener_of(yb_job_outcome *outcome, yibu_job_options *options)
{
    if (outcome->keeps_messages)
        return (yb_listener){yb_message_box_put, &outcome->box};
    return options->on_message ? (yb_listener){call_back, options} : (yb_listener){NULL, NULL};
}

static void give_report(const yb_job_outcome *outcome)
{
    if (outcome->ret_report)
        yb_options_give(outcome->ret_report, &outcome->report, sizeof(outcome->report));
}

/* Memory for a struct of so many bytes and what the call says behind it. */
static void *allocate(size_t bytes, const yibu_job *job, yibu_bytes input,
                      const yibu_job_options *options)
{
    return yb_malloc(bytes + yb_job_copy_bytes(job, input, options) + _Alignof(max_align_t));
}

/* On a process engine. */

static yb_job_call *call_of(yb_job_work *work)
{
    return YB_CONTAINER_OF(work, yb_job_call, work);
}

static void started(yb_job_work *work)
{
    (void)yb_submission_begin(&call_of(work)->submission);
}

static bool returns(yb_job_work *work)
{
    return yb_submission_return(&call_of(work)->submission);
}

static void done(yb_job_work *work)
{
    yb_job_call *self = call_of(work);
    intptr_t status = work->status;
    if (status == -ECANCELED)
        status = yb_submission_refusal(&self->submission);
    give_report(&self->outcome);
    yb_submission_end(&self->submission, status);
}

static void cancel(yb_submission *submission)
{
    yibu_executor *e = submission->executor;
    e->class->cancel_job(e, &((yb_job_call *)(void *)submission)->work);
}

static void cancel_over(yb_job_work *work)
{
    yb_submission_release(&call_of(work)->submission);
}

static void heard(yb_job_work *work)
{
    yb_submission_release(&call_of(work)->submission);
}

/* The engine runs in a loop, which does not while its thread is blocked. */
static int before_blocking(yibu_concurrent_future *future)
{
    const yb_submission *s = (yb_submission *)(void *)future;
    return yb_loop_current && yb_loop_current == atomic_load(&s->executor->home) ? -EDEADLK : 0;
}

static void free_call(yibu_concurrent_future *future)
{
    yb_job_call *self = (yb_job_call *)(void *)future;
    destroy_outcome(&self->outcome);
    yb_free(self);
}

static void name_call(const yb_submission *submission, char *ret_text, size_t size)
{
    const yb_job_call *self = (const yb_job_call *)(const void *)submission;
    (void)snprintf(ret_text, size, "%s", self->request.job.name);
}

static const yb_submission_class job_class = {
    .future = {.request_cancel = yb_submission_request_cancel,
               .cancel = yb_submission_cancel,
               .before_blocking = before_blocking,
               .outlasts_cancel = true,
               .free = free_call},
    .cancel = cancel,
    .name = name_call,
};

yb_job_call *yb_job_call_new(const yibu_job *job, yibu_bytes input, const yibu_job_options *options)
{
    yb_job_call *self = allocate(sizeof(*self), job, input, options);
    if (self)
        yb_job_copy(&self->request, (char *)(self + 1), job, input, options);
    return self;
}

void yb_job_call_init(yb_job_call *self, yibu_executor *executor)
{
    yb_submission_init(&self->submission, executor, &job_class);
    init_outcome(&self->outcome, &self->request);
    self->work = (yb_job_work){.job = &self->request.job,
                               .input = self->request.input,
                               .ret_output = &self->outcome.output,
                               .options = self->request.options,
                               .listener = listener_of(&self->outcome, &self->request.options),
                               .heard = heard,
                               .started = started,
                               .returns = returns,
                               .done = done,
                               .cancel_over = cancel_over};
}

static int submit(yb_submission *submission)
{
    yibu_executor *e = submission->executor;
    return e->class->submit_job(e, &((yb_job_call *)(void *)submission)->work);
}

int yb_job_call_hand(yb_job_call *call)
{
    return yb_submission_hand(&call->submission, submit);
}

void yb_job_call_set_payloads(yb_job_call *call, const yb_job_payloads *payloads)
{
    call->work.input = payloads->input;
    call->work.payload = payloads->payload;
    call->work.ret_payload = &call->outcome.payload;
    call->work.ret_output = NULL;
}

/* Once it is done, everything has been heard. */
void yb_job_call_listen_again(yibu_concurrent_future *future)
{
    yb_job_work *work = yb_job_work_of(future);
    yb_submission *s = (yb_submission *)(void *)future;
    if (!work || !s->executor->class->listen_again)
        return;
    pthread_mutex_lock(&future->lock);
    bool pending = !yibu_concurrent_future_done(future);
    if (pending)
        yb_submission_hold(s);
    pthread_mutex_unlock(&future->lock);
    if (pending)
        s->executor->class->listen_again(s->executor, work);
}

yb_job_work *yb_job_work_of(yibu_concurrent_future *future)
{
    return future->class == &job_class.future ? &((yb_job_call *)(void *)future)->work : NULL;
}

/* On threads. */

static intptr_t run(void *arg)
{
    yb_job_function *self = arg;
    int64_t begin_ns = yb_clock_now(NULL);
    const yb_listener listener = listener_of(&self->outcome, &self->request.options);
    const yb_listener *before = yb_listener_here;
    yb_listener_here = &listener;
    intptr_t status = self->request.job.function(self->request.input, &self->outcome.output);
    yb_listener_here = before;
    self->outcome.report.worker = getpid();
    self->outcome.report.attempts = 1;
    self->outcome.report.run_ns = yb_clock_now(NULL) - begin_ns;
    give_report(&self->outcome);
    return status;
}

static void free_function(yibu_concurrent_future *future)
{
    yb_job_function *self = (yb_job_function *)(void *)future;
    yb_function_destroy(&self->call);
    destroy_outcome(&self->outcome);
    yb_free(self);
}

static void name_function(const yb_submission *submission, char *ret_text, size_t size)
{
    const yb_job_function *self = (const yb_job_function *)(const void *)submission;
    (void)snprintf(ret_text, size, "%s", self->request.job.name);
}

static const yb_submission_class job_function_class = {
    .future = {YB_FUNCTION_FUTURE, .free = free_function},
    .cancel = yb_function_cancel,
    .name = name_function,
};

yb_job_function *yb_job_function_new(const yibu_job *job, yibu_bytes input,
                                     const yibu_job_options *options)
{
    yb_job_function *self = allocate(sizeof(*self), job, input, options);
    if (self)
        yb_job_copy(&self->request, (char *)(self + 1), job, input, options);
    return self;
}

void yb_job_function_init(yb_job_function *self, yibu_executor *executor)
{
    yb_function_init(&self->call, executor, &job_function_class, run, self, NULL);
    init_outcome(&self->outcome, &self->request);
}

yb_job_outcome *yb_job_outcome_of(yibu_concurrent_future *future)
{
    if (future->class == &job_class.future)
        return &((yb_job_call *)(void *)future)->outcome;
    if (future->class == &job_function_class.future)
        return &((yb_job_function *)(void *)future)->outcome;
    return NULL;
}
