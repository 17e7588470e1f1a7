/* See nested.h.  A call is marked with the first loop that waits for it, until it leaves the line
 * or nobody there waits any more.  It is sent there once at most, with a hold and a reference. */
#include "exec/nested.h"

#include "exec/function.h"

static void run(yb_runnable *item)
{
    yb_submission *s = YB_CONTAINER_OF(item, yb_submission, run_nested);
    yb_function_help((yb_function_call *)(void *)s);
    yb_submission_release(s);
}

static void send_home(yb_submission *s)
{
    yibu_loop *loop = s->nested;
    yb_nested_forget(s);
    s->executor->holds++;
    (void)yibu_concurrent_future_ref(&s->future);
    s->sent = true;
    s->run_nested.run = run;
    yb_loop_post(loop, &s->run_nested);
}

void yb_nested_look(yibu_executor *e)
{
    if (e->nested == 0 || e->running < e->max_workers)
        return;
    for (yb_list *at = e->calls.next; at != &e->calls && e->nested > 0; at = at->next) {
        yb_submission *s = YB_CONTAINER_OF(at, yb_submission, links);
        if (s->nested)
            send_home(s);
    }
}

void yb_nested_wait(yb_submission *s, yibu_loop *loop)
{
    yibu_executor *e = s->executor;
    pthread_mutex_lock(&e->lock);
    bool waits = s->phase == YB_PHASE_LINE && !s->sent;
    if (waits && !s->nested) {
        s->nested = loop;
        s->nested_waits = 0;
        e->nested++;
    }
    if (waits && s->nested == loop)
        s->nested_waits++;
    yb_nested_look(e);
    pthread_mutex_unlock(&e->lock);
}

void yb_nested_leave(yb_submission *s, yibu_loop *loop)
{
    yibu_executor *e = s->executor;
    pthread_mutex_lock(&e->lock);
    if (s->nested == loop && --s->nested_waits == 0)
        yb_nested_forget(s);
    pthread_mutex_unlock(&e->lock);
}
