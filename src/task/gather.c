/* gather: the results of many futures, in order.
 *
 * The gathering task is woken once: by the last end, or by the first failure, unless failures are
 * results or the gathering was cancelled; from then on it is OVER, and what ends before the task
 * runs is only noted.  Nothing is written to the caller's array but by the caller's own call.
 *
 * A failure counts as retrieved where the caller learns of it: it is returned, or in the array, or
 * failures are results. */
#include <errno.h>

#include "base/memory.h"
#include "task/many.h"
#include "task/scheduler.h"

typedef struct gathering {
    yb_many many;
    yb_task *task;
    yb_runnable cancelling; /* among the scheduler's, while its cancel is passed on */
    int failure;            /* the first one, 0: none */
    bool collects;
    bool shows; /* there is an array for the results */
    bool cancelled;
    bool over;
} gathering;

static gathering *of_task(const yb_task *task)
{
    return task->wait.waiter.object;
}

/* Notes the end of a child; says whether it is a failure that ends the gathering. */
static bool note(gathering *g, yb_member *child)
{
    yibu_future *future = child->waiter.object;
    bool first = yb_member_failed(child) && !g->collects && !g->cancelled && !g->failure;
    if (first)
        g->failure = (int)child->waiter.value;
    if (future && (first || g->collects || g->shows))
        future->flags |= YB_FUTURE_RESULT_SEEN;
    return first;
}

static void finish(gathering *g)
{
    g->over = true;
    yb_task_wake(g->task);
}

static void child_ended(yb_many *many, yb_member *child)
{
    gathering *g = YB_CONTAINER_OF(many, gathering, many);
    bool failed = note(g, child);
    if (!g->over && (many->left == 0 || failed))
        finish(g);
}

/* A child that waits for the gathering task in turn would never end, and is left. */
static void cancel_children(gathering *g)
{
    bool in_turn = yb_many_cancel(&g->many, g->task);
    if (in_turn && !g->over)
        finish(g);
}

/* Nested gatherings are cancelled one after the other, not by recursion: see await.c. */
static void interrupt(yb_task *task)
{
    gathering *g = of_task(task);
    if (g->cancelled)
        return;
    g->cancelled = true;
    yb_fifo *cancelling = &yb_scheduler_of(task->future.loop)->cancelling;
    bool outermost = !cancelling->head;
    yb_fifo_push(cancelling, &g->cancelling);
    for (; outermost && cancelling->head; (void)yb_fifo_pop(cancelling))
        cancel_children(YB_CONTAINER_OF(cancelling->head, gathering, cancelling));
}

static yb_task *first_task(const yb_task *task)
{
    return yb_many_task(&of_task(task)->many);
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    yb_many_describe(&of_task(task)->many, ret_text, size);
}

static const yb_wait_class gathering_class = {"gather", interrupt, first_task, describe};

/* Enlists with the futures, and notes those that have ended before. */
static void begin(gathering *g, yibu_future *const *futures, size_t n)
{
    yb_many_join(&g->many, (yb_member *)(g + 1), futures, n, child_ended);
    if (g->many.left == n)
        return;
    for (size_t i = 0; i < n; i++)
        if (!yb_member_pending(&g->many.members[i]))
            (void)note(g, &g->many.members[i]);
}

static void take_results(const gathering *g, intptr_t *ret_results)
{
    for (size_t i = 0; i < g->many.count; i++) {
        const yb_member *child = &g->many.members[i];
        ret_results[i] = yb_member_pending(child) ? -EINPROGRESS : child->waiter.value;
    }
}

static int gather(gathering *g, yibu_future *const *futures, size_t n, intptr_t *ret_results)
{
    begin(g, futures, n);
    if (g->many.left > 0 && !g->failure) {
        g->task->wait.waiter.object = g;
        yb_task_suspend_checked(g->task, &gathering_class);
    }
    if (ret_results)
        take_results(g, ret_results);
    yb_many_leave(&g->many);
    return g->cancelled ? -ECANCELED : g->failure;
}

int yibu_gather(yibu_future *const *futures, size_t n, intptr_t *ret_results, unsigned flags)
{
    int r;
    yb_task *task = yb_task_require(&r);
    if (!task || (r = yb_many_check(futures, n, task)) < 0)
        return r;
    if (flags & ~(unsigned)YIBU_RETURN_EXCEPTIONS)
        return -EINVAL;
    if (n == 0)
        return 0;
    gathering *g = yb_many_allocate(sizeof(*g), n);
    if (!g)
        return -ENOMEM;
    *g = (gathering){
        .task = task,
        .collects = flags & YIBU_RETURN_EXCEPTIONS,
        .shows = ret_results != NULL,
    };
    r = gather(g, futures, n, ret_results);
    yb_free(g);
    return r;
}
