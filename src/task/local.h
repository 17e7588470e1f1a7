/* A task's locals from the inside: shared until somebody changes them. */
#ifndef YB_TASK_LOCAL_H
#define YB_TASK_LOCAL_H

#include "base/assert.h"
#include "task/task.h"

/* Never changed while several tasks, or functions on threads, have it. */
typedef struct yb_locals yb_locals;

/* On threads that run functions for tasks: the values that the one which runs may see. */
extern YB_THREAD_LOCAL yb_locals *(*yb_locals_elsewhere)(void);

/* What a child begins with: the same, until one of the two sets a value. */
yb_locals *yb_locals_share(yb_locals *locals);

/* What was shared and is not used any more; NULL is fine.  Any thread. */
void yb_locals_drop(yb_locals *locals);

/* Takes the task's locals away, and frees the values that no other task has. */
void yb_locals_release(yb_task *task);

/* At the end of a task. */
static inline void yb_locals_end(yb_task *task)
{
    if (YB_UNLIKELY(task->locals != NULL))
        yb_locals_release(task);
}

#endif
