/* Cancel scopes: a part of a task that others may cancel while the task goes on behind it.
 *
 * States of the user's yibu_cancel_scope: FRESH (cancelling it is remembered for its beginning),
 * OPEN (`scope` points to the runtime's memory), ENDED (`cancelled` tells how it went). */
#include <errno.h>
#include <yibu/cancel_scope.h>

#include "base/memory.h"
#include "task/scope.h"

static void abandon(yb_scope *scope)
{
    yb_free(scope);
}

int yibu_cancel_scope_begin_at(yibu_cancel_scope *handle, const char *place)
{
    int error = 0;
    yb_task *task = yb_task_require(&error);
    if (!task)
        return error;
    if (handle->scope)
        return -EBUSY;
    yb_scope *scope = yb_malloc(sizeof(*scope));
    if (!scope)
        return -ENOMEM;
    *scope = (yb_scope){.place = place, .abandon = abandon};
    yb_scope_enter(scope, task);
    if (handle->cancelled && !handle->ended)
        yb_scope_cancel(scope);
    handle->scope = scope;
    handle->cancelled = handle->ended = false;
    return 0;
}

bool yibu_cancel_scope_cancel(yibu_cancel_scope *handle)
{
    yb_scope *scope = handle->scope;
    if (scope) {
        yb_task_check_thread(scope->task, "a cancel scope was cancelled");
        yb_scope_cancel(scope);
    } else if (!handle->ended) {
        handle->cancelled = true;
    }
    return !handle->ended;
}

bool yibu_cancel_scope_cancelled(const yibu_cancel_scope *handle)
{
    const yb_scope *scope = handle->scope;
    return scope ? scope->cancelled : handle->cancelled;
}

intptr_t yibu_cancel_scope_end(yibu_cancel_scope *handle, intptr_t result)
{
    yb_scope *scope = handle->scope;
    if (!scope)
        return result;
    yb_scope_leave(scope);
    handle->cancelled = scope->cancelled;
    handle->ended = true;
    handle->scope = NULL;
    yb_free(scope);
    if (result == -ECANCELED && handle->cancelled && !yb_task_cancel_pending(yb_task_current))
        return 0;
    return result;
}
