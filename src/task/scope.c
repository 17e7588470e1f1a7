/* Time limits and shields.
 *
 * A scope is the runtime's memory, in a stack of scopes that hangs off its task; the user's
 * yibu_timeout only points to it.  A checkpoint is cancelled when, going outwards, an expired scope
 * comes before a shield, or a request from outside is reached with no shield in between.  The
 * answer is kept in YB_TASK_CANCEL_PENDING and evaluated anew whenever a scope begins, ends or
 * expires, so a checkpoint only looks at a flag. */
#include "task/scope.h"

#include <errno.h>

#include "base/assert.h"
#include "base/memory.h"
#include <yibu/error.h>
#include <yibu/timeout.h>

struct yb_scope {
    yb_scope *outer;
    yb_task *task;
    yb_timer timer;
    const char *place;
    bool shield;
    bool armed;
    bool expired;
};

bool yb_scope_cancels(const yb_task *task)
{
    for (const yb_scope *scope = task->scope; scope; scope = scope->outer) {
        if (scope->expired)
            return true;
        if (scope->shield)
            return false;
    }
    return task->future.cancels > 0;
}

const char *yb_scope_place(const yb_scope *scope)
{
    return scope->place;
}

static void expire(yb_timer *timer)
{
    yb_scope *scope = YB_CONTAINER_OF(timer, yb_scope, timer);
    scope->armed = false;
    scope->expired = true;
    yb_task_refresh_cancel(scope->task);
}

static void arm(yb_scope *scope, int64_t delay_ns)
{
    if (delay_ns == YIBU_FOREVER)
        return;
    scope->timer.deadline_ns = yb_loop_deadline(scope->task->future.loop, delay_ns);
    scope->timer.fire = expire;
    yb_loop_timer_add(scope->task->future.loop, &scope->timer);
    scope->armed = true;
}

static void disarm(yb_scope *scope)
{
    if (scope->armed)
        yb_loop_timer_remove(scope->task->future.loop, &scope->timer);
    scope->armed = false;
}

static int begin(yibu_timeout *handle, int64_t delay_ns, bool shield, const char *place)
{
    int error = 0;
    handle->scope = NULL;
    yb_task *task = yb_task_require(&error);
    if (!task)
        return error;
    yb_scope *scope = yb_calloc(1, sizeof(*scope));
    if (!scope)
        return -ENOMEM;
    scope->outer = task->scope;
    scope->task = task;
    scope->place = place;
    scope->shield = shield;
    task->scope = scope;
    handle->scope = scope;
    arm(scope, delay_ns);
    yb_task_refresh_cancel(task);
    return 0;
}

/* Takes the innermost scope off; says whether it had expired. */
static bool leave(yibu_timeout *handle)
{
    yb_scope *scope = handle->scope;
    yb_task *task = scope->task;
    if (task != yb_task_current || task->scope != scope)
        yb_abort("the scope that began at %s ended out of order", scope->place);
    disarm(scope);
    task->scope = scope->outer;
    handle->scope = NULL;
    bool expired = scope->expired;
    yb_free(scope);
    yb_task_refresh_cancel(task);
    return expired;
}

int yibu_timeout_begin_at(yibu_timeout *timeout, int64_t delay_ns, const char *place)
{
    return begin(timeout, delay_ns, false, place);
}

intptr_t yibu_timeout_end(yibu_timeout *timeout, intptr_t result)
{
    if (!timeout->scope)
        return result;
    bool expired = leave(timeout);
    if (result == -ECANCELED && expired && !yb_task_cancel_pending(yb_task_current))
        return -ETIMEDOUT;
    return result;
}

int yibu_timeout_reschedule(yibu_timeout *timeout, int64_t delay_ns)
{
    yb_scope *scope = timeout->scope;
    if (!scope)
        return -EINVAL;
    if (scope->expired)
        return -ETIMEDOUT;
    disarm(scope);
    arm(scope, delay_ns);
    return 0;
}

bool yibu_timeout_expired(const yibu_timeout *timeout)
{
    const yb_scope *scope = timeout->scope;
    return scope && scope->expired;
}

int yibu_shield_begin_at(yibu_timeout *shield, int64_t delay_ns, const char *place)
{
    return begin(shield, delay_ns, true, place);
}

void yibu_shield_end(yibu_timeout *shield)
{
    if (shield->scope)
        (void)leave(shield);
}

void yb_scope_abandon_all(yb_task *task)
{
    for (yb_scope *scope; (scope = task->scope);) {
        task->scope = scope->outer;
        yb_free(scope);
    }
}
