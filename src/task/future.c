/* Futures: what a task and a plain future have in common, and plain futures.
 *
 * States of a plain future: PENDING, then ENDED with its result; changed by the loop's thread
 * alone.  Those of a task are in scheduler.c.
 *
 * A future's end is told to its waiters in the order in which they came.  None of them runs at
 * once: tasks become ready, callbacks join the ready queue.  Memory of plain futures is kept for
 * the next ones, as that of tasks is. */
#include "task/future.h"

#include <stdio.h>

#include "base/memory.h"
#include "task/scheduler.h"
#include "task/wrap_future.h"
#include <yibu/error.h>

enum { CACHE_MAX = 1024 };

static yb_plain_future *plain_of(yibu_future *future)
{
    return (yb_plain_future *)(void *)future;
}

/* Memory: the scheduler's cache is linked through waiters.list.next. */

static yb_plain_future *allocate(yb_scheduler *s)
{
    yibu_future *future = s->futures;
    if (!future)
        return yb_malloc(sizeof(yb_plain_future));
    s->futures = (yibu_future *)(void *)future->waiters.list.next;
    s->cached_futures--;
    return plain_of(future);
}

/* Gives the memory to this thread's loop, since the future may have outlived its own. */
static void recycle(yibu_future *future)
{
    yb_scheduler *s = yb_loop_current ? yb_scheduler_of(yb_loop_current) : NULL;
    if (!s || s->cached_futures == CACHE_MAX) {
        yb_free(future);
        return;
    }
    future->waiters.list.next = (yb_list *)(void *)s->futures;
    s->futures = future;
    s->cached_futures++;
}

void yb_future_free_cache(yb_scheduler *s)
{
    while (s->futures) {
        yibu_future *future = s->futures;
        s->futures = (yibu_future *)(void *)future->waiters.list.next;
        yb_free(future);
    }
    s->cached_futures = 0;
}

yibu_future *yibu_create_future_at(yibu_loop *loop, const char *place)
{
    if (!loop)
        loop = yb_loop_current;
    if (!loop || loop != yb_loop_current)
        return NULL;
    yb_scheduler *s = yb_scheduler_get(loop);
    yb_plain_future *plain = s ? allocate(s) : NULL;
    if (!plain)
        return NULL;
    *plain = (yb_plain_future){
        .future = {.result = -EINPROGRESS,
                   .loop = loop,
                   .references = 1,
                   .state = YB_FUTURE_PENDING,
                   .flags = YB_FUTURE_PLAIN},
        .place = place,
    };
    return &plain->future;
}

static void report_unseen(yibu_future *future)
{
    if (!yibu_failed(future->result) || future->result == -ECANCELED ||
        (future->flags & YB_FUTURE_RESULT_SEEN) || !yb_loop_current)
        return;
    yb_loop_report(yb_loop_current, future->result,
                   "nobody asked for the result of the future created at %s, which failed",
                   plain_of(future)->place);
}

static void free_plain(yibu_future *future)
{
    if (future->state == YB_FUTURE_PENDING)
        yb_done_callbacks_drop(future);
    else
        report_unseen(future);
    if (!yb_waiters_empty(&future->waiters))
        yb_abort("the future created at %s was freed while somebody waits for it",
                 plain_of(future)->place);
    recycle(future);
}

void yb_future_free(yibu_future *future)
{
    if (YB_LIKELY(yb_is_task(future)))
        yb_task_free(yb_task_of(future));
    else
        free_plain(future);
}

/* The end. */

/* Where several wait, or one only listens. */
__attribute__((noinline)) static void notify_each(yibu_future *future)
{
    yb_waiters called = {{NULL, NULL}};
    while (!yb_waiters_empty(&future->waiters)) {
        yb_waiter *first = yb_waiters_first(&future->waiters);
        if (first->interest == YB_AWAITS)
            future->flags |= YB_FUTURE_RESULT_SEEN;
        bool listens = first->interest == YB_LISTENS;
        yb_waiter_end(first, future->result, 0);
        if (listens)
            yb_waiters_add(&called, first);
    }
    /* Callbacks stay enlisted until they have run, so that they can be removed. */
    while (!yb_waiters_empty(&called)) {
        yb_waiter *first = yb_waiters_first(&called);
        yb_list_unlink(&first->links);
        yb_waiters_add(&future->waiters, first);
    }
}

void yb_future_notify(yibu_future *future)
{
    yb_waiter *first = yb_waiters_first(&future->waiters);
    if (YB_UNLIKELY(first->interest != YB_AWAITS || first->links.next != &future->waiters.list)) {
        notify_each(future);
        return;
    }
    future->flags |= YB_FUTURE_RESULT_SEEN;
    yb_waiter_end(first, future->result, 0);
}

static void complete(yibu_future *future, intptr_t result)
{
    YB_ASSERT(future->references > 0); /* else it was freed */
    future->result = result;
    future->state = YB_FUTURE_ENDED;
    if (!yb_waiters_empty(&future->waiters))
        yb_future_notify(future);
}

void yb_future_abort_foreign(yibu_future *future, const char *what)
{
    if (yb_is_task(future))
        yb_task_abort_foreign(yb_task_of(future), what);
    yb_abort("the future created at %s: %s from another thread (use yibu_call_soon_threadsafe), or "
             "after its loop was freed",
             plain_of(future)->place, what);
}

void yb_future_describe(yibu_future *future, char *ret_text, size_t size)
{
    const yb_task *task = yb_is_task(future) ? yb_task_of(future) : NULL;
    if (!task)
        snprintf(ret_text, size, "the future created at %s", plain_of(future)->place);
    else if (task->name)
        snprintf(ret_text, size, "the end of task \"%s\"", task->name);
    else
        snprintf(ret_text, size, "the end of task \"task-%llu\"", (unsigned long long)task->id);
}

int yibu_future_set_result(yibu_future *future, intptr_t result)
{
    if (!future || yb_is_task(future))
        return -EINVAL;
    yb_future_check_thread(future, "its result was set");
    if (future->state == YB_FUTURE_ENDED)
        return -EALREADY;
    complete(future, result);
    return 0;
}

int yibu_future_set_exception(yibu_future *future, int code)
{
    return yibu_failed(code) ? yibu_future_set_result(future, code) : -EINVAL;
}

static void cancel_plain(yibu_future *future)
{
    if (future->flags & YB_FUTURE_OUTLASTS)
        yb_wrapped_cancel(future);
    else
        complete(future, -ECANCELED);
}

bool yibu_future_cancel(yibu_future *future)
{
    if (!future || future->state == YB_FUTURE_ENDED)
        return false;
    yb_future_check_thread(future, "a cancel was requested");
    if (!yb_is_task(future))
        cancel_plain(future);
    else if (yb_task_request_cancel(yb_task_of(future)))
        yb_task_interrupt(yb_task_of(future));
    return true;
}

/* Reading.  NULL is a future that failed for want of memory. */

bool yibu_future_done(const yibu_future *future)
{
    return !future || future->state == YB_FUTURE_ENDED;
}

bool yibu_future_cancelled(const yibu_future *future)
{
    return future && future->state == YB_FUTURE_ENDED && future->result == -ECANCELED;
}

intptr_t yibu_future_result(yibu_future *future)
{
    if (!future)
        return -ENOMEM;
    if (future->state == YB_FUTURE_ENDED)
        future->flags |= YB_FUTURE_RESULT_SEEN;
    return future->result;
}

int yibu_future_exception(yibu_future *future)
{
    intptr_t result = yibu_future_result(future);
    return yibu_failed(result) ? (int)result : 0;
}

yibu_loop *yibu_future_get_loop(const yibu_future *future)
{
    return future ? future->loop : NULL;
}

yibu_future *yibu_future_ref(yibu_future *future)
{
    if (future)
        future->references++;
    return future;
}

void yibu_future_unref(yibu_future *future)
{
    if (future)
        yb_future_drop(future);
}
