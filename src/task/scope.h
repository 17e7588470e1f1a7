/* Scopes of a task: time limits and shields, innermost first. */
#ifndef YB_TASK_SCOPE_H
#define YB_TASK_SCOPE_H

#include "task/task.h"

typedef struct yb_scope yb_scope;

/* Whether scopes and requests together mean that the task's checkpoints are cancelled. */
bool yb_scope_cancels(const yb_task *task);

/* "file:line" of the scope's beginning. */
const char *yb_scope_place(const yb_scope *scope);

/* Frees the scopes of a task that will never run again; their timers are gone. */
void yb_scope_abandon_all(yb_task *task);

#endif
