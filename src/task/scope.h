/* Scopes of a task: parts of it with a rule of their own for cancels, innermost first.
 *
 * Time limits, shields, cancel scopes and groups each begin with one.  A child of a group has its
 * group's scope, which is another task's, as the outermost of its own. */
#ifndef YB_TASK_SCOPE_H
#define YB_TASK_SCOPE_H

#include "task/task.h"

typedef struct yb_scope yb_scope;
struct yb_scope {
    yb_scope *outer;
    yb_task *task; /* that opened it */
    const char *place;
    bool cancelled; /* its checkpoints are */
    bool shield;    /* what is further out does not reach in */
    /* Frees what a task that never runs again left open; NULL: it lies on that task's stack. */
    void (*abandon)(yb_scope *scope);
};

/* Opens a scope of the running task, of which the caller has set shield, place and abandon. */
void yb_scope_enter(yb_scope *scope, yb_task *task);

/* Closes it.  Aborts, naming the places, where it is not the running task's innermost. */
void yb_scope_leave(yb_scope *scope);
void yb_scope_check_leave(const yb_scope *scope);

/* From now on checkpoints inside are cancelled. */
void yb_scope_cancel(yb_scope *scope);

/* Whether scopes and requests together mean that the task's checkpoints are cancelled. */
bool yb_scope_cancels(const yb_task *task);

/* The innermost scope that the task itself opened, or NULL. */
static inline yb_scope *yb_scope_own(const yb_task *task)
{
    return task->scope && task->scope->task == task ? task->scope : NULL;
}

/* The scope of the group whose child the task is, or NULL. */
yb_scope *yb_scope_of_group(const yb_task *task);

/* Frees the scopes of a task that will never run again; their timers are gone. */
void yb_scope_abandon_all(yb_task *task);

#endif
