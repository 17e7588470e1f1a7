/* Select: one of several cases.
 *
 * First every case is attempted in its order; the first that can happen does, and its index is the
 * answer.  Where none can, all stand in line at once (select_wait.c): nothing else runs in between,
 * so what could not happen before cannot have become possible unnoticed. */
#include <yibu/select.h>

#include "sync/event.h"
#include "sync/lock.h"
#include "sync/queue.h"
#include "sync/select_wait.h"
#include "sync/semaphore.h"

/* Futures. */

static int attempt_await(void *object, intptr_t *value)
{
    yibu_future *future = object;
    if (!future)
        return -ENOMEM;
    if (yb_task_current && future == &yb_task_current->future)
        return -EDEADLK;
    if (future->loop != yb_loop_current)
        return -EINVAL;
    if (future->state != YB_FUTURE_ENDED)
        return -EAGAIN;
    *value = yibu_task_result(future);
    return 0;
}

static yb_waiters *waiters_of_future(void *object)
{
    return &((yibu_future *)object)->waiters;
}

static const yb_waitable_class awaiting = {
    .wait = {.name = "await"},
    .attempt = attempt_await,
    .waiters = waiters_of_future,
};

/* Cases. */

static const yb_waitable_class *const classes[] = {
    [YIBU_CASE_KIND_GET] = &yb_queue_get_class,
    [YIBU_CASE_KIND_PUT] = &yb_queue_put_class,
    [YIBU_CASE_KIND_AWAIT] = &awaiting,
    [YIBU_CASE_KIND_EVENT] = &yb_event_class,
    [YIBU_CASE_KIND_LOCK] = &yb_lock_class,
    [YIBU_CASE_KIND_SEMAPHORE] = &yb_semaphore_class,
    [YIBU_CASE_KIND_DEFAULT] = NULL,
};

static bool is_case(const yibu_case *c)
{
    if (c->kind > YIBU_CASE_KIND_DEFAULT)
        return false;
    if (c->kind == YIBU_CASE_KIND_GET && !c->with.ret_item)
        return false;
    return !classes[c->kind] || c->kind == YIBU_CASE_KIND_AWAIT || c->object;
}

/* Looks at the cases: 0 or -EINVAL, with the index of the first default case, or count. */
static int look_at(const yibu_case *cases, size_t count, size_t *ret_default)
{
    if ((!cases && count > 0) || count > PTRDIFF_MAX)
        return -EINVAL;
    *ret_default = count;
    for (size_t i = count; i-- > 0;) {
        if (!is_case(&cases[i]))
            return -EINVAL;
        if (cases[i].kind == YIBU_CASE_KIND_DEFAULT)
            *ret_default = i;
    }
    return 0;
}

/* What a case's waiter brings along: the item to put; for a lock, its owner's id. */
static intptr_t value_of(const yibu_case *c, const yb_task *task)
{
    if (c->kind == YIBU_CASE_KIND_PUT)
        return (intptr_t)c->with.item;
    return task ? (intptr_t)task->id : 0;
}

/* Notes how a case has happened. */
static void happen(yibu_case *c, int status, intptr_t value)
{
    c->result = status;
    if (status < 0)
        return;
    if (c->kind == YIBU_CASE_KIND_AWAIT)
        c->result = value;
    else if (c->kind == YIBU_CASE_KIND_GET)
        *c->with.ret_item = (void *)value;
}

static bool attempt_time(yibu_case *c)
{
    if (c->kind == YIBU_CASE_KIND_AFTER)
        return c->with.time_ns <= 0;
    return c->kind == YIBU_CASE_KIND_AT && c->with.time_ns <= yb_loop_read_clock(yb_loop_current);
}

/* Whether the case can happen now: then it has. */
static bool attempt(yibu_case *c)
{
    const yb_waitable_class *class = classes[c->kind];
    intptr_t value = value_of(c, yb_task_current);
    int r = class ? class->attempt(c->object, &value) : attempt_time(c) ? 0 : -EAGAIN;
    if (r == -EAGAIN)
        return false;
    happen(c, r, value);
    return true;
}

static void enlist(yb_selection *selection, size_t index, const yibu_case *c)
{
    yb_task *task = selection->task;
    if (classes[c->kind])
        yb_selection_enlist(selection, index, classes[c->kind], c->object, value_of(c, task));
    else if (c->kind == YIBU_CASE_KIND_AFTER && c->with.time_ns < YIBU_FOREVER)
        yb_selection_set_time(selection, index,
                              yb_loop_deadline(task->future.loop, c->with.time_ns));
    else if (c->kind == YIBU_CASE_KIND_AT && c->with.time_ns < YIBU_FOREVER)
        yb_selection_set_time(selection, index, c->with.time_ns);
}

static ssize_t wait_for_one(yibu_case *cases, size_t count, yb_task *task)
{
    yb_selection *selection = yb_selection_new(task, count);
    if (!selection)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        enlist(selection, i, &cases[i]);
    ssize_t winner = yb_selection_wait(selection);
    if (winner >= 0) {
        const yb_select_arm *arm = &selection->arms[winner];
        happen(&cases[winner], arm->class ? arm->waiter.status : 0, arm->waiter.value);
    }
    yb_selection_free(selection);
    return winner;
}

ssize_t yibu_select(yibu_case *cases, size_t count)
{
    size_t fallback;
    yb_task *task = NULL;
    int r = look_at(cases, count, &fallback);
    if (r < 0)
        return r;
    if (!yb_loop_current)
        return yb_task_missing();
    if (fallback == count && !(task = yb_task_enter(&r)))
        return r;
    for (size_t i = 0; i < count; i++)
        if (attempt(&cases[i]))
            return (ssize_t)i;
    if (fallback < count) {
        cases[fallback].result = 0;
        return (ssize_t)fallback;
    }
    return wait_for_one(cases, count, task);
}
