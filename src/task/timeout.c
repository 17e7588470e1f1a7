/* Time limits and shields: scopes that a timer cancels.
 *
 * The scope is the runtime's memory; the user's yibu_timeout points to it while it is open, and
 * keeps what may be asked afterwards.  States: CLOSED (no scope), OPEN (armed, or without a limit),
 * EXPIRED (its checkpoints are cancelled, it cannot be rescheduled any more). */
#include <errno.h>
#include <yibu/timeout.h>

#include "base/memory.h"
#include "task/scope.h"
#include <yibu/error.h>

typedef struct limit {
    yb_scope scope;
    yb_timer timer;
    bool armed;
} limit;

static limit *limit_of(yb_scope *scope)
{
    return YB_CONTAINER_OF(scope, limit, scope);
}

static void abandon(yb_scope *scope)
{
    yb_free(limit_of(scope));
}

static void expire(yb_timer *timer)
{
    limit *l = YB_CONTAINER_OF(timer, limit, timer);
    l->armed = false;
    yb_scope_cancel(&l->scope);
}

static void arm(limit *l, int64_t when_ns)
{
    if (when_ns == YIBU_FOREVER)
        return;
    l->timer.deadline_ns = when_ns > 0 ? when_ns : 0;
    l->timer.fire = expire;
    yb_loop_timer_add(l->scope.task->future.loop, &l->timer);
    l->armed = true;
}

static void disarm(limit *l)
{
    if (l->armed)
        yb_loop_timer_remove(l->scope.task->future.loop, &l->timer);
    l->armed = false;
}

static int64_t deadline(yibu_loop *loop, int64_t delay_ns)
{
    return delay_ns == YIBU_FOREVER ? YIBU_FOREVER : yb_loop_deadline(loop, delay_ns);
}

static int begin(yibu_timeout *handle, yb_task *task, int64_t when_ns, bool shield,
                 const char *place)
{
    limit *l = yb_malloc(sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->scope.shield = shield;
    l->scope.place = place;
    l->scope.abandon = abandon;
    l->armed = false;
    yb_scope_enter(&l->scope, task);
    arm(l, when_ns);
    handle->scope = l;
    handle->when_ns = when_ns;
    return 0;
}

/* The handle before its scope begins, so that a failure leaves it closed; NULL: no task. */
static yb_task *prepare(yibu_timeout *handle, int *ret_error)
{
    handle->scope = NULL;
    handle->when_ns = YIBU_FOREVER;
    handle->expired = false;
    return yb_task_require(ret_error);
}

/* Closes the scope, and keeps in the handle whether it had expired. */
static void leave(yibu_timeout *handle)
{
    limit *l = handle->scope;
    yb_scope_leave(&l->scope);
    disarm(l);
    handle->expired = l->scope.cancelled;
    handle->scope = NULL;
    yb_free(l);
}

static int begin_in(yibu_timeout *handle, int64_t delay_ns, bool shield, const char *place)
{
    int error = 0;
    yb_task *task = prepare(handle, &error);
    if (!task)
        return error;
    return begin(handle, task, deadline(task->future.loop, delay_ns), shield, place);
}

int yibu_timeout_begin_at(yibu_timeout *timeout, int64_t delay_ns, const char *place)
{
    return begin_in(timeout, delay_ns, false, place);
}

int yibu_timeout_at_begin_at(yibu_timeout *timeout, int64_t when_ns, const char *place)
{
    int error = 0;
    yb_task *task = prepare(timeout, &error);
    return task ? begin(timeout, task, when_ns, false, place) : error;
}

intptr_t yibu_timeout_end(yibu_timeout *timeout, intptr_t result)
{
    if (!timeout->scope)
        return result;
    leave(timeout);
    if (result == -ECANCELED && timeout->expired && !yb_task_cancel_pending(yb_task_current))
        return -ETIMEDOUT;
    return result;
}

int yibu_timeout_reschedule_at(yibu_timeout *timeout, int64_t when_ns)
{
    limit *l = timeout->scope;
    if (!l)
        return -EINVAL;
    yb_task_check_thread(l->scope.task, "a time limit was rescheduled");
    if (l->scope.cancelled)
        return -ETIMEDOUT;
    disarm(l);
    arm(l, when_ns);
    timeout->when_ns = when_ns;
    return 0;
}

int yibu_timeout_reschedule(yibu_timeout *timeout, int64_t delay_ns)
{
    limit *l = timeout->scope;
    if (!l)
        return -EINVAL;
    return yibu_timeout_reschedule_at(timeout, deadline(l->scope.task->future.loop, delay_ns));
}

int64_t yibu_timeout_when(const yibu_timeout *timeout)
{
    return timeout->when_ns;
}

bool yibu_timeout_expired(const yibu_timeout *timeout)
{
    const limit *l = timeout->scope;
    return l ? l->scope.cancelled : timeout->expired;
}

int yibu_shield_begin_at(yibu_timeout *shield, int64_t delay_ns, const char *place)
{
    return begin_in(shield, delay_ns, true, place);
}

void yibu_shield_end(yibu_timeout *shield)
{
    if (shield->scope)
        leave(shield);
}
