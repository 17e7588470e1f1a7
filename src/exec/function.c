/* Functions on their way through an engine.
 *
 * A function of the executor that waits for another one would keep a worker from it.  So where that
 * has not begun, the waiting thread takes it back and runs it itself: whatever its own functions
 * wait for, an executor goes on (nested.h has the case of loops within functions). */
#include "exec/function.h"

#include <errno.h>
#include <yibu/error.h>

#include "base/function_name.h"
#include "base/memory.h"
#include "exec/nested.h"
#include "exec/returns.h"
#include "exec/thread_pool.h"

YB_THREAD_LOCAL yb_function_call *yb_function_current;

static yb_function_call *call_of(yb_submission *submission)
{
    return (yb_function_call *)(void *)submission;
}

static yb_function_call *call_of_work(yb_work *work)
{
    return YB_CONTAINER_OF(work, yb_function_call, work);
}

static const yb_function_call *const_call_of_work(const yb_work *work)
{
    const char *bytes = (const char *)work;
    return (const yb_function_call *)(const void *)(bytes - offsetof(yb_function_call, work));
}

bool yb_function_within(const yibu_executor *executor)
{
    return yb_function_current && yb_function_current->submission.executor == executor;
}

/* Running.  A loop that this thread has is out of sight meanwhile: fn may block, as on any thread,
 * and may run a loop of its own. */

static intptr_t run(void *arg)
{
    yb_function_call *self = arg;
    if (!yb_submission_begin(&self->submission))
        return -ECANCELED; /* it was given up just now */
    yb_work *outer = yb_work_current;
    yibu_loop *loop = yb_loop_current;
    self->around = yb_function_current;
    yb_function_current = self;
    yb_work_current = &self->work;
    yb_loop_current = NULL;
    intptr_t result = self->fn(self->arg);
    if (self->suspended > 0)
        yb_wait_resumes(&self->wait);
    yb_loop_current = loop;
    yb_work_current = outer;
    yb_function_current = self->around;
    return result;
}

static void end(yb_function_call *self, intptr_t result)
{
    bool holds = self->abandon != NULL; /* for a release that does not come */
    yb_submission_end(&self->submission, result);
    if (holds)
        yb_submission_release(&self->submission);
}

static void done(yb_work *work)
{
    end(call_of_work(work), work->result);
}

/* It was given up and has returned, or it was taken back. */
static void release(yb_work *work)
{
    yb_function_call *self = call_of_work(work);
    yb_submission_leave(&self->submission);
    self->abandon(self->arg);
    yb_submission_release(&self->submission);
}

static struct yb_locals *locals(const yb_work *work)
{
    return const_call_of_work(work)->locals;
}

static yb_returns *asker(const yb_work *work)
{
    return const_call_of_work(work)->asker;
}

static yibu_coroutine *behalf(const yb_work *work)
{
    return const_call_of_work(work)->fn;
}

static const yb_work_class waited_for = {
    .done = done, .locals = locals, .asker = asker, .behalf = behalf};
static const yb_work_class given_up = {
    .done = done, .release = release, .locals = locals, .asker = asker, .behalf = behalf};

/* Cancels. */

void yb_function_cancel(yb_submission *submission)
{
    yb_function_call *self = call_of(submission);
    yibu_executor *e = submission->executor;
    if (e->class->cancel(e, &self->work))
        yb_submission_give_up(submission, yb_submission_refusal(submission));
    yb_submission_release(submission);
}

/* Helping. */

static bool begin_taking(yb_submission *s)
{
    uint8_t handed = YB_HANDED;
    return atomic_compare_exchange_strong(&s->handing, &handed, YB_HANDED | YB_TAKING);
}

/* A cancel that came meanwhile: goes through with it where the call was left to the engine; of a
 * function that runs here nobody can be rid. */
static void end_taking(yb_submission *s, bool taken)
{
    uint8_t before = atomic_fetch_and(&s->handing, (uint8_t)~YB_TAKING);
    if (!(before & YB_ASKED))
        return;
    if (taken)
        yb_submission_release(s);
    else
        yb_function_cancel(s);
}

void yb_function_help(yb_function_call *self)
{
    yb_submission *s = &self->submission;
    yibu_executor *e = s->executor;
    if (!begin_taking(s))
        return;
    bool taken = e->class->withdraw(e, &self->work);
    if (taken)
        end(self, run(self));
    end_taking(s, taken);
}

static void run_and_end(yb_submission *submission)
{
    end(call_of(submission), run(call_of(submission)));
}

void yb_function_run_here(yb_function_call *self)
{
    yb_submission_run_here(&self->submission, run_and_end);
}

/* Whether the call is one that this thread is in the midst of. */
static bool runs_here(const yb_function_call *self)
{
    const yb_function_call *at = yb_function_current;
    while (at && at != self)
        at = at->around;
    return at != NULL;
}

int yb_function_before_blocking(yibu_concurrent_future *future)
{
    yb_function_call *self = (yb_function_call *)(void *)future;
    if (runs_here(self))
        return -EDEADLK;
    if (yb_function_within(self->submission.executor))
        yb_function_help(self);
    return 0;
}

/* A loop in a function goes on, and yet its thread is not there for others. */
void yb_function_before_suspending(yibu_concurrent_future *future)
{
    yb_function_call *self = (yb_function_call *)(void *)future, *outer = yb_function_current;
    if (yb_function_within(self->submission.executor))
        yb_nested_wait(&self->submission, yb_loop_current);
    else if (outer && outer->suspended++ == 0)
        yb_wait_suspends(outer, &outer->wait);
}

void yb_function_after_suspending(yibu_concurrent_future *future)
{
    yb_function_call *self = (yb_function_call *)(void *)future, *outer = yb_function_current;
    if (yb_function_within(self->submission.executor))
        yb_nested_leave(&self->submission, yb_loop_current);
    else if (outer && --outer->suspended == 0)
        yb_wait_resumes(&outer->wait);
}

/* Life. */

void yb_function_destroy(yb_function_call *self)
{
    yb_locals_drop(self->locals);
    if (self->asker)
        yb_returns_unref(self->asker);
}

static void free_call(yibu_concurrent_future *future)
{
    yb_function_destroy((yb_function_call *)(void *)future);
    yb_free(future);
}

static void name_call(const yb_submission *submission, char *ret_text, size_t size)
{
    const yb_function_call *self = (const yb_function_call *)(const void *)submission;
    yb_function_name((yb_function *)self->fn, ret_text, size);
}

const yb_submission_class yb_function_class = {
    .future = {YB_FUNCTION_FUTURE, .free = free_call},
    .cancel = yb_function_cancel,
    .name = name_call,
};

void yb_function_init(yb_function_call *self, yibu_executor *executor,
                      const yb_submission_class *class, yibu_coroutine *fn, void *arg,
                      void (*abandon)(void *arg))
{
    yb_returns *asker_here = NULL;
    if (yb_loop_current) /* without memory for it, fn cannot call back */
        (void)yb_returns_of(yb_loop_current, &asker_here);
    yb_submission_init(&self->submission, executor, class);
    self->fn = fn;
    self->arg = arg;
    self->suspended = 0;
    self->abandon = abandon;
    self->locals = yb_task_current ? yb_locals_share(yb_task_current->locals) : NULL;
    self->asker = asker_here ? yb_returns_ref(asker_here) : NULL;
    self->work = (yb_work){.fn = run, .arg = self, .class = abandon ? &given_up : &waited_for};
    if (abandon)
        yb_submission_hold(&self->submission);
}

static int submit(yb_submission *submission)
{
    yibu_executor *e = submission->executor;
    return e->class->submit(e, &call_of(submission)->work);
}

/* The release of one that is refused does not come. */
int yb_function_hand(yb_function_call *self)
{
    bool holds = self->abandon != NULL;
    int r = yb_submission_hand(&self->submission, submit);
    if (r < 0 && holds)
        yb_submission_release(&self->submission);
    return r;
}
