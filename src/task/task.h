/* Tasks from the inside: what the rooms below need to make a task wait for something.
 *
 * To wait, a room calls yb_task_suspend with what interrupts the wait; whoever ends the wait calls
 * yb_task_wake exactly once.  See task.c for the states. */
#ifndef YB_TASK_TASK_H
#define YB_TASK_TASK_H

#include <errno.h>

#include "base/assert.h"
#include "base/list.h"
#include "loop/loop.h"
#include "platform/context.h"
#include <yibu/task.h>

/* Called when a cancel becomes pending while the task is suspended: must lead to yb_task_wake, now
 * or later, once. */
typedef void yb_interrupt(yibu_task *task);

typedef enum yb_task_state {
    YB_TASK_READY, /* in the ready queue */
    YB_TASK_RUNNING,
    YB_TASK_SUSPENDED, /* somebody will call yb_task_wake */
    YB_TASK_ENDED
} yb_task_state;

struct yibu_task {
    yb_runnable ready; /* first: the scheduler converts by cast */
    yb_context context;
    yb_stack *stack;
    yibu_coroutine *fn;
    void *arg;
    intptr_t result;
    yibu_loop *loop;
    uint32_t references;
    uint16_t cancels; /* requests from outside that were not taken back */
    uint8_t state;
    uint8_t flags;
    int saved_errno;         /* while it does not run */
    struct yb_scope *scope;  /* innermost time limit or shield */
    yb_interrupt *interrupt; /* while SUSPENDED: NULL when the wait must finish */
    yb_list all;             /* among the loop's live tasks */
    yb_list awaiters;        /* yb_waiter of the tasks that await this one */
    char *name;              /* heap, or NULL: "task-<id>" */
    const char *place;       /* "file:line" of its creation */
    uint64_t id;
    union {                 /* a task waits for one thing at a time */
        size_t stack_bytes; /* for its first turn */
        yb_op op;
        yb_timer timer;
        struct {
            yb_list links;  /* in the list of waiters of what it waits for */
            void *object;   /* what it waits for */
            intptr_t value; /* handed over by whoever wakes it */
        } waiter;
    } wait;
};

enum {
    YB_TASK_CANCEL_PENDING = 1 << 0, /* the next checkpoint returns -ECANCELED */
    YB_TASK_OWN_FLOAT = 1 << 1,
    YB_TASK_RESULT_SEEN = 1 << 2, /* somebody retrieved the result */
    YB_TASK_DEFAULT_STACK = 1 << 3,
    YB_TASK_CHECK_STACK = 1 << 4, /* the stack is guarded by a canary only */
};

extern YB_THREAD_LOCAL yibu_task *yb_task_current;

/* Why there is no running task: YIBU_ENOTASK or YIBU_EFORKED. */
int yb_task_missing(void);

/* The running task, or NULL with the reason in *ret_error. */
static inline yibu_task *yb_task_require(int *ret_error)
{
    yibu_task *task = yb_task_current;
    if (YB_UNLIKELY(!task))
        *ret_error = yb_task_missing();
    return task;
}

/* Leaves the running task, whose state says why, for whoever is next. */
void yb_task_switch_away(yibu_task *task);

/* Suspends the running task until yb_task_wake.  interrupt may be NULL: the wait must finish. */
static inline void yb_task_suspend(yibu_task *task, yb_interrupt *interrupt)
{
    task->interrupt = interrupt;
    task->state = YB_TASK_SUSPENDED;
    yb_task_switch_away(task);
}

/* The same where a cancel that is pending already interrupts the wait at once: for waits that pass
 * the cancel on instead of refusing to begin. */
void yb_task_suspend_checked(yibu_task *task, yb_interrupt *interrupt);

/* Makes a suspended task ready.  Context: the loop's thread. */
static inline void yb_task_wake(yibu_task *task)
{
    YB_ASSERT(task->state == YB_TASK_SUSPENDED);
    task->state = YB_TASK_READY;
    task->interrupt = NULL;
    yb_loop_ready(task->loop, &task->ready);
}

/* Puts the running task at the end of the ready queue and lets the others go first. */
static inline void yb_task_yield(yibu_task *task)
{
    task->state = YB_TASK_READY;
    task->interrupt = NULL;
    yb_loop_ready(yb_loop_current, &task->ready);
    yb_task_switch_away(task);
}

/* On entry of a checkpoint: 0, or -ECANCELED after having given the loop a turn. */
static inline int yb_task_checkpoint(yibu_task *task)
{
    if (YB_LIKELY(!(task->flags & YB_TASK_CANCEL_PENDING)))
        return 0;
    yb_task_yield(task);
    return -ECANCELED;
}

static inline bool yb_task_cancel_pending(const yibu_task *task)
{
    return (task->flags & YB_TASK_CANCEL_PENDING) != 0;
}

/* What a checkpoint begins with: the running task, or NULL with the reason in *ret_error. */
static inline yibu_task *yb_task_enter(int *ret_error)
{
    yibu_task *task = yb_task_require(ret_error);
    if (!task)
        return NULL;
    *ret_error = yb_task_checkpoint(task);
    return YB_LIKELY(*ret_error == 0) ? task : NULL;
}

/* Starts task->wait.op, which the caller has filled in (kind, fd, arguments), and suspends until
 * it is complete; interruptible.  Returns its result. */
ssize_t yb_task_perform(yibu_task *task);

/* The same for an operation begun with yb_op_begin_custom on task->wait.op: only waits. */
ssize_t yb_task_wait_op(yibu_task *task);

/* Prepares task->wait.op: zeroed but for its callback. */
yb_op *yb_task_prepare_op(yibu_task *task, yb_op_kind kind, int fd);

/* Evaluates anew whether a cancel is pending; interrupts the task's wait where one became so. */
void yb_task_refresh_cancel(yibu_task *task);

#endif
