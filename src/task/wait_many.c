/* wait: until some or all of many futures have ended, or a time is over.
 *
 * The waiting task is woken once, by whichever comes first: an end that suffices, the time limit, a
 * cancel.  From then on the wait is OVER, and what ends before the task runs only counts. */
#include <errno.h>

#include "base/memory.h"
#include "task/many.h"

typedef struct waiting {
    yb_many many;
    yb_task *task;
    yb_timer timer;
    unsigned return_when;
    bool armed;
    bool cancelled;
    bool over;
} waiting;

static waiting *of_task(const yb_task *task)
{
    return task->wait.waiter.object;
}

static void finish(waiting *w)
{
    if (w->over)
        return;
    w->over = true;
    yb_task_wake(w->task);
}

/* Whether the end of this one suffices. */
static bool suffices(const waiting *w, const yb_member *ended)
{
    switch (w->return_when) {
    case YIBU_FIRST_COMPLETED:
        return true;
    case YIBU_FIRST_EXCEPTION:
        return yb_member_failed(ended) && ended->waiter.value != -ECANCELED;
    default:
        return false;
    }
}

static void one_ended(yb_many *many, yb_member *member)
{
    waiting *w = YB_CONTAINER_OF(many, waiting, many);
    if (many->left == 0 || suffices(w, member))
        finish(w);
}

static void expire(yb_timer *timer)
{
    waiting *w = YB_CONTAINER_OF(timer, waiting, timer);
    w->armed = false;
    finish(w);
}

static void interrupt(yb_task *task)
{
    waiting *w = of_task(task);
    w->cancelled = true;
    finish(w);
}

/* The task that alone can end the wait: there may be a time limit, or others that suffice. */
static yb_task *owner(const yb_task *task)
{
    const waiting *w = of_task(task);
    bool any = w->return_when != YIBU_ALL_COMPLETED && w->many.left > 1;
    return any || w->armed ? NULL : yb_many_task(&w->many);
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    yb_many_describe(&of_task(task)->many, ret_text, size);
}

static const yb_wait_class waiting_class = {"wait", interrupt, owner, describe};

static bool is_satisfied(const waiting *w)
{
    if (w->many.left == 0)
        return true;
    for (size_t i = 0; w->many.left < w->many.count && i < w->many.count; i++)
        if (!yb_member_pending(&w->many.members[i]) && suffices(w, &w->many.members[i]))
            return true;
    return false;
}

static void suspend(waiting *w, int64_t timeout_ns)
{
    if (timeout_ns != YIBU_FOREVER) {
        w->timer.deadline_ns = yb_loop_deadline(w->task->future.loop, timeout_ns);
        w->timer.fire = expire;
        yb_loop_timer_add(w->task->future.loop, &w->timer);
        w->armed = true;
    }
    w->task->wait.waiter.object = w;
    yb_task_suspend(w->task, &waiting_class);
    if (w->armed)
        yb_loop_timer_remove(w->task->future.loop, &w->timer);
}

/* Without time to wait there is a turn for the others, so that whoever polls does not stop them. */
static void look_once(waiting *w)
{
    w->over = true;
    w->cancelled = yibu_sleep(0) < 0;
}

static ssize_t wait_many(waiting *w, yibu_future *const *futures, size_t n, int64_t timeout_ns)
{
    yb_many_join(&w->many, (yb_member *)(w + 1), futures, n, one_ended);
    if (!is_satisfied(w)) {
        if (timeout_ns > 0)
            suspend(w, timeout_ns);
        else
            look_once(w);
    }
    ssize_t done = (ssize_t)(n - w->many.left);
    yb_many_leave(&w->many);
    return w->cancelled ? -ECANCELED : done;
}

static int check(yibu_future *const *futures, size_t n, unsigned return_when, yb_task *task)
{
    if (n == 0 || return_when > YIBU_FIRST_EXCEPTION)
        return -EINVAL;
    return yb_many_check(futures, n, task);
}

ssize_t yibu_wait(yibu_future *const *futures, size_t n, int64_t timeout_ns, unsigned return_when)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task || (r = check(futures, n, return_when, task)) < 0)
        return r;
    waiting *w = yb_many_allocate(sizeof(*w), n);
    if (!w)
        return -ENOMEM;
    *w = (waiting){.task = task, .return_when = return_when};
    ssize_t done = wait_many(w, futures, n, timeout_ns);
    yb_free(w);
    return done;
}
