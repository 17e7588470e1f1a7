/* The stack of scopes that hangs off each task.
 *
 * A checkpoint is cancelled when, going outwards, a cancelled scope comes before a shield, or the
 * end is reached with no shield in between and somebody requested the task's own cancel.  For a
 * child of a group the end is the group's scope: what lies around that is the parent's affair,
 * whose wait for its children passes a cancel on.
 *
 * The answer is kept in YB_TASK_CANCEL_PENDING and evaluated anew whenever a scope begins, ends or
 * is cancelled, so a checkpoint only looks at a flag.  The loop's thread alone touches scopes. */
#include "task/scope.h"

#include "base/assert.h"

bool yb_scope_cancels(const yb_task *task)
{
    for (const yb_scope *scope = task->scope; scope; scope = scope->outer) {
        if (scope->cancelled)
            return true;
        if (scope->task != task)
            break;
        if (scope->shield)
            return false;
    }
    return task->future.cancels > 0;
}

yb_scope *yb_scope_of_group(const yb_task *task)
{
    yb_scope *scope = task->scope;
    while (scope && scope->task == task)
        scope = scope->outer;
    return scope;
}

void yb_scope_enter(yb_scope *scope, yb_task *task)
{
    scope->task = task;
    scope->cancelled = false;
    scope->outer = task->scope;
    task->scope = scope;
    if (scope->shield)
        yb_task_refresh_cancel(task);
}

void yb_scope_check_leave(const yb_scope *scope)
{
    yb_task *task = yb_task_current;
    if (YB_UNLIKELY(task != scope->task))
        yb_abort("the scope that task \"%s\" began at %s is ended by %s",
                 yibu_task_get_name(&scope->task->future), scope->place,
                 task ? yibu_task_get_name(&task->future) : "no task");
    if (YB_UNLIKELY(task->scope != scope))
        yb_abort("the scope that began at %s ends before the one that began in it at %s",
                 scope->place, task->scope->place);
}

void yb_scope_leave(yb_scope *scope)
{
    yb_scope_check_leave(scope);
    scope->task->scope = scope->outer;
    if (scope->shield || scope->cancelled)
        yb_task_refresh_cancel(scope->task);
}

void yb_scope_cancel(yb_scope *scope)
{
    scope->cancelled = true;
    yb_task_refresh_cancel(scope->task);
}

void yb_scope_abandon_all(yb_task *task)
{
    for (yb_scope *scope; (scope = yb_scope_own(task));) {
        task->scope = scope->outer;
        if (scope->abandon)
            scope->abandon(scope);
    }
    task->scope = NULL;
}
