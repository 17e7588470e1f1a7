/* Tasks from the inside: what the rooms below need to make a task wait for something.
 *
 * To wait, a room calls yb_task_suspend with the class of the wait; whoever ends the wait calls
 * yb_task_wake exactly once.  See scheduler.c for the states. */
#ifndef YB_TASK_TASK_H
#define YB_TASK_TASK_H

#include <errno.h>

#include "base/assert.h"
#include "base/list.h"
#include "loop/loop.h"
#include "platform/context.h"
#include "task/future.h"
#include <yibu/task.h>

/* Called when a cancel becomes pending while the task is suspended: must lead to yb_task_wake, now
 * or later.  Called again in the same wait where the cancel was taken back and came anew: what has
 * been interrupted already is left alone. */
typedef void yb_interrupt(yb_task *task);

/* A kind of wait.  Static; its name and owner are for reports. */
typedef struct yb_wait_class {
    const char *name;        /* what is waited for, "lock" */
    yb_interrupt *interrupt; /* NULL: the wait must finish */
    /* The task that alone can end the wait, NULL where there is no such one; may be NULL. */
    yb_task *(*owner)(const yb_task *waiting);
    /* More than the name, for those that have more to say; may be NULL. */
    void (*describe)(const yb_task *waiting, char *ret_text, size_t size);
} yb_wait_class;

struct yb_task {
    yibu_future future; /* first: a task is a future */
    yb_runnable ready;
    yb_context context;
    yb_stack *stack;
    const yb_wait_class *waits_for; /* while SUSPENDED */
    int saved_errno;                /* while it does not run */
    union {                         /* a task waits for one thing at a time */
        size_t stack_bytes;         /* for its first turn */
        struct {
            size_t stack_bytes;
            yb_list links; /* until then it stands in its group's line */
        } in_line;
        yb_op op;
        yb_timer timer;
        yb_waiter waiter;
    } wait;
    /* What its waits do not need; before here it is as few cache lines as can be. */
    yibu_coroutine *fn;
    void *arg;
    struct yb_scope *scope;   /* innermost time limit or shield */
    yb_list all;              /* among the loop's live tasks */
    char *name;               /* heap, or NULL: "task-<id>" */
    char *cancel_message;     /* heap, or NULL: of the last cancel that had one */
    struct yb_locals *locals; /* NULL: none */
    const char *place;        /* "file:line" of its creation */
    uint64_t id;
};

_Static_assert(sizeof(yb_task) <= 296 || sizeof(yb_context) > sizeof(void *),
               "a million tasks are many");

/* The future as the task that it is; the caller knows, or has asked yb_is_task. */
static inline yb_task *yb_task_of(yibu_future *future)
{
    return (yb_task *)(void *)future;
}

extern YB_THREAD_LOCAL yb_task *yb_task_current;

/* On threads that run functions for tasks: yibu_check_cancelled where no task runs. */
extern YB_THREAD_LOCAL int (*yb_check_cancelled_elsewhere)(void);

/* Why there is no running task: YIBU_ENOTASK or YIBU_EFORKED. */
int yb_task_missing(void);

/* The running task, or NULL with the reason in *ret_error. */
static inline yb_task *yb_task_require(int *ret_error)
{
    yb_task *task = yb_task_current;
    if (YB_UNLIKELY(!task))
        *ret_error = yb_task_missing();
    return task;
}

/* Copies the message of the last cancel of one task to the other, which is cancelled for it. */
void yb_task_pass_cancel_message(const yb_task *from, yb_task *to);

/* Leaves the running task, whose state says why, for whoever is next. */
void yb_task_switch_away(yb_task *task);

/* Suspends the running task until yb_task_wake. */
static inline void yb_task_suspend(yb_task *task, const yb_wait_class *waits_for)
{
    task->waits_for = waits_for;
    task->future.state = YB_TASK_SUSPENDED;
    yb_task_switch_away(task);
}

/* The same where a cancel that is pending already interrupts the wait at once: for waits that pass
 * the cancel on instead of refusing to begin. */
void yb_task_suspend_checked(yb_task *task, const yb_wait_class *waits_for);

/* Enlists the running task's own waiter, for yb_task_suspend with a class whose interrupt takes it
 * out again; its value and status tell how the wait ended. */
void yb_task_begin_wait(yb_task *task, yb_waiters *waiters, void *object, intptr_t value);

/* Aborts, naming the task and what happened, where the task belongs to another thread. */
void yb_task_abort_foreign(yb_task *task, const char *what);
static inline void yb_task_check_thread(yb_task *task, const char *what)
{
    if (YB_UNLIKELY(task->future.loop != yb_loop_current))
        yb_task_abort_foreign(task, what);
}

/* Makes a suspended task ready.  Context: the loop's thread. */
static inline void yb_task_wake(yb_task *task)
{
    YB_ASSERT(task->future.state == YB_TASK_SUSPENDED);
    task->future.state = YB_TASK_READY;
    yb_loop_ready(task->future.loop, &task->ready);
}

/* Puts the running task at the end of the ready queue and lets the others go first. */
static inline void yb_task_yield(yb_task *task)
{
    task->future.state = YB_TASK_READY;
    yb_loop_ready(yb_loop_current, &task->ready);
    yb_task_switch_away(task);
}

/* On entry of a checkpoint: 0, or -ECANCELED after having given the loop a turn. */
static inline int yb_task_checkpoint(yb_task *task)
{
    if (YB_LIKELY(!(task->future.flags & YB_TASK_CANCEL_PENDING)))
        return 0;
    yb_task_yield(task);
    return -ECANCELED;
}

static inline bool yb_task_cancel_pending(const yb_task *task)
{
    return (task->future.flags & YB_TASK_CANCEL_PENDING) != 0;
}

/* What a checkpoint begins with: the running task, or NULL with the reason in *ret_error. */
static inline yb_task *yb_task_enter(int *ret_error)
{
    yb_task *task = yb_task_require(ret_error);
    if (!task)
        return NULL;
    *ret_error = yb_task_checkpoint(task);
    return YB_LIKELY(*ret_error == 0) ? task : NULL;
}

/* Starts task->wait.op, which the caller has filled in (kind, fd, arguments), and suspends until
 * it is complete; interruptible.  Returns its result. */
ssize_t yb_task_perform(yb_task *task);

/* The rest of that, for an operation on task->wait.op whose start has answered (as yb_op_start). */
ssize_t yb_task_finish_op(yb_task *task, int started);

/* Counts what was done at once, without suspending: a task whose peer is fast would starve the
 * others.  Lets them run where it is their turn. */
void yb_task_spend(yb_task *task);

/* The same for an operation begun with yb_op_begin_custom on task->wait.op: only waits. */
ssize_t yb_task_wait_op(yb_task *task);

/* The interrupt of waits for task->wait.op. */
void yb_task_interrupt_op(yb_task *task);

/* Prepares task->wait.op: zeroed but for its callback. */
yb_op *yb_task_prepare_op(yb_task *task, yb_op_kind kind, int fd);
/* The same for operations of the kernel's, which have no room of their own. */
yb_op *yb_task_prepare_call(yb_task *task, yb_op_kind kind, int fd);

/* Evaluates anew whether a cancel is pending; interrupts the task's wait where one became so. */
void yb_task_refresh_cancel(yb_task *task);

/* Counts a request from outside.  Returns whether the task's wait is to be interrupted. */
bool yb_task_request_cancel(yb_task *task);

static inline void yb_task_interrupt(yb_task *task)
{
    task->waits_for->interrupt(task);
}

#endif
