/* See submission.h.  What a call is beyond this, a function or a job, is in the files beside. */
#include "exec/submission.h"

#include <stdio.h>

#include "base/assert.h"
#include "exec/line.h"
#include "exec/nested.h"

yb_submission *yb_submission_of(yibu_concurrent_future *future)
{
    bool is_one = future->class->request_cancel == yb_submission_request_cancel;
    return is_one ? (yb_submission *)(void *)future : NULL;
}

void yb_submission_init(yb_submission *self, yibu_executor *executor,
                        const yb_submission_class *class)
{
    yb_concurrent_future_init(&self->future, &class->future);
    self->executor = executor;
    self->phase = YB_PHASE_LINE;
    self->unheard = false;
    self->refusal = 0;
    self->nested = NULL;
    self->sent = false;
    atomic_init(&self->handing, 0);
}

int yb_submission_refusal(yb_submission *self)
{
    pthread_mutex_lock(&self->executor->lock);
    int refusal = self->refusal;
    pthread_mutex_unlock(&self->executor->lock);
    return refusal ? refusal : -ECANCELED;
}

/* The engine's own hold keeps the executor until the future is complete. */
void yb_submission_hold(yb_submission *self)
{
    (void)yibu_concurrent_future_ref(&self->future);
    pthread_mutex_lock(&self->executor->lock);
    self->executor->holds++;
    pthread_mutex_unlock(&self->executor->lock);
}

void yb_submission_release(yb_submission *self)
{
    yibu_executor *e = self->executor;
    yibu_concurrent_future_unref(&self->future);
    yb_engine_release(e);
}

/* Phases. */

static void enlist(yb_submission *self)
{
    yibu_executor *e = self->executor;
    self->since_ns = yb_clock_now(NULL);
    pthread_mutex_lock(&e->lock);
    yb_list_push_back(&e->calls, &self->links);
    pthread_mutex_unlock(&e->lock);
}

/* Under the lock, as is leave. */
static int64_t take_time(yb_submission *self)
{
    int64_t before_ns = self->since_ns;
    self->since_ns = yb_clock_now(NULL);
    return self->since_ns - before_ns;
}

static void leave(yb_submission *self)
{
    yibu_executor *e = self->executor;
    if (self->phase == YB_PHASE_OVER)
        return;
    if (self->phase == YB_PHASE_LINE) {
        yb_nested_forget(self);
        e->queued--;
        e->waited_ns += take_time(self);
    } else {
        e->running--;
        e->ran_ns += take_time(self);
    }
    self->phase = YB_PHASE_OVER;
    yb_line_left(e);
}

bool yb_submission_begin(yb_submission *self)
{
    yibu_executor *e = self->executor;
    pthread_mutex_lock(&e->lock);
    bool begins = self->phase == YB_PHASE_LINE;
    if (begins) {
        e->queued--;
        e->running++;
        e->waited_ns += take_time(self);
        self->phase = YB_PHASE_RUNNING;
        yb_nested_forget(self);
        yb_nested_look(e);
    }
    pthread_mutex_unlock(&e->lock);
    return begins;
}

bool yb_submission_return(yb_submission *self)
{
    yibu_executor *e = self->executor;
    pthread_mutex_lock(&e->lock);
    bool returns = self->phase == YB_PHASE_RUNNING && !e->dropped;
    if (returns) {
        e->queued++;
        e->running--;
        e->ran_ns += take_time(self);
        self->phase = YB_PHASE_LINE;
    }
    pthread_mutex_unlock(&e->lock);
    return returns;
}

static void count(yibu_executor *e, intptr_t result)
{
    if (result == -ECANCELED)
        e->cancelled++;
    else if (yibu_failed(result))
        e->failed++;
    else
        e->done++;
}

static void report(const yb_submission *self, intptr_t result)
{
    char message[128];
    if (!self->unheard || !yibu_failed(result) || result == -ECANCELED)
        return;
    snprintf(message, sizeof(message),
             "a call that was submitted to \"%s\" without a future failed", self->executor->name);
    if (yb_loop_current)
        yb_loop_report_text(yb_loop_current, result, message);
    else
        yibu_loop_default_exception_handler(NULL, message, result, NULL);
}

static void end(yb_submission *self, intptr_t result, bool leaves)
{
    yibu_executor *e = self->executor;
    report(self, result);
    pthread_mutex_lock(&e->lock);
    yb_list_unlink(&self->links);
    count(e, result);
    if (leaves || self->phase == YB_PHASE_LINE)
        leave(self);
    pthread_mutex_unlock(&e->lock);
    yb_concurrent_future_complete(&self->future, result);
    yb_engine_release(e);
}

void yb_submission_end(yb_submission *self, intptr_t result)
{
    end(self, result, true);
}

void yb_submission_give_up(yb_submission *self, intptr_t result)
{
    end(self, result, false);
}

void yb_submission_leave(yb_submission *self)
{
    yibu_executor *e = self->executor;
    pthread_mutex_lock(&e->lock);
    if (self->phase == YB_PHASE_RUNNING)
        leave(self);
    pthread_mutex_unlock(&e->lock);
}

/* Handing over. */

/* Marks it as handed over; whether a cancel came before. */
static bool pass(yb_submission *self)
{
    return (atomic_fetch_or(&self->handing, YB_HANDED) & YB_ASKED) != 0;
}

static void drop(yb_submission *self)
{
    yibu_executor *e = self->executor;
    pthread_mutex_lock(&e->lock);
    yb_list_unlink(&self->links); /* nobody asks any more */
    leave(self);
    pthread_mutex_unlock(&e->lock);
    if (pass(self))
        yb_submission_release(self);
    yb_submission_release(self);
    yibu_concurrent_future_unref(&self->future);
}

int yb_submission_hand(yb_submission *self, int (*submit)(yb_submission *self))
{
    enlist(self);
    int r = submit(self);
    if (r < 0)
        drop(self);
    else if (pass(self))
        yb_submission_class_of(self)->cancel(self);
    return r;
}

/* The engine does not know of it: a cancel has no effect. */
void yb_submission_run_here(yb_submission *self, void (*run)(yb_submission *self))
{
    enlist(self);
    run(self);
    if (pass(self))
        yb_submission_release(self);
}

/* Cancels. */

/* Whether the caller, who has a hold and a reference, is to go through with it. */
static bool ask(yb_submission *self)
{
    uint8_t before = atomic_fetch_or(&self->handing, YB_ASKED);
    YB_ASSERT(!(before & YB_ASKED));
    return (before & (YB_HANDED | YB_TAKING)) == YB_HANDED;
}

static bool asked(const yb_submission *self)
{
    return (atomic_load(&self->handing) & YB_ASKED) != 0;
}

bool yb_submission_request_cancel(yibu_concurrent_future *future)
{
    yb_submission *self = yb_submission_of(future);
    yibu_executor *e = self->executor;
    pthread_mutex_lock(&e->lock);
    bool first = !asked(self);
    if (first) {
        e->holds++;
        (void)yibu_concurrent_future_ref(future);
    }
    bool goes_on = first && ask(self);
    pthread_mutex_unlock(&e->lock);
    return goes_on;
}

void yb_submission_cancel(yibu_concurrent_future *future)
{
    yb_submission *self = yb_submission_of(future);
    yb_submission_class_of(self)->cancel(self);
}

yb_submission *yb_submissions_request(yibu_executor *e, int code)
{
    yb_submission *chain = NULL, **end_of_chain = &chain;
    for (yb_list *at = e->calls.next; at != &e->calls; at = at->next) {
        yb_submission *self = YB_CONTAINER_OF(at, yb_submission, links);
        if (self->phase != YB_PHASE_LINE || asked(self))
            continue;
        e->holds++;
        (void)yibu_concurrent_future_ref(&self->future);
        self->refusal = code;
        self->next = NULL;
        if (ask(self)) {
            *end_of_chain = self;
            end_of_chain = &self->next;
        }
    }
    return chain;
}

void yb_submissions_cancel(yb_submission *chain)
{
    for (yb_submission *next; chain; chain = next) {
        next = chain->next;
        yb_submission_class_of(chain)->cancel(chain);
    }
}

/* Reports. */

void yb_submissions_name_running(yibu_executor *e, char *ret_text, size_t size)
{
    size_t length = 0;
    ret_text[0] = '\0';
    pthread_mutex_lock(&e->lock);
    for (yb_list *at = e->calls.next; at != &e->calls && length + 1 < size; at = at->next) {
        const yb_submission *self = YB_CONTAINER_OF(at, yb_submission, links);
        char name[96];
        if (self->phase != YB_PHASE_RUNNING)
            continue;
        yb_submission_class_of(self)->name(self, name, sizeof(name));
        length +=
            (size_t)snprintf(ret_text + length, size - length, "%s%s", length ? ", " : "", name);
    }
    pthread_mutex_unlock(&e->lock);
}
