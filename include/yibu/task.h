/* Tasks: coroutines that run concurrently on one loop, each on a stack of its own.
 *
 * A coroutine is any function `intptr_t fn(void *arg)`.  Calling it is asyncio's `await coro()`;
 * yibu_create_task starts it beside its caller.  Its result follows the convention of
 * <yibu/base.h>: a value in [-65535, -1] means that the task failed.
 *
 * Every call is of one class, and says so:
 *   never suspends;
 *   checkpoint: a cancel is noticed on entry and while waiting, and returns -ECANCELED;
 *   must finish: waits to the end, a cancel is noticed by the next checkpoint.
 *
 * Cancellation is level-triggered: once requested, every checkpoint returns -ECANCELED until the
 * task ends or calls yibu_task_uncancel. */
#ifndef YIBU_TASK_H
#define YIBU_TASK_H

#include <yibu/base.h>
#include <yibu/future.h>
#include <yibu/loop.h>

typedef intptr_t yibu_coroutine(void *arg);

/* Options of a task.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_task_options {
    size_t size;
    const char *name;   /* copied; default "task-N" */
    size_t stack_bytes; /* rounded up to 64 KiB (default), 256 KiB or 1 MiB, less the guard */
    bool own_float_environment; /* keep rounding mode and exception masks apart (costs a few ns) */
    bool eager; /* runs within yibu_create_task already, until it first suspends or ends */
} yibu_task_options;

YIBU_BEGIN_DECLS

/* Runs main(arg) as the first task of a new loop, and everything it starts; then cancels the tasks
 * that are left, waits for them, and ends the loop.  As asyncio's runner, it handles SIGINT while
 * the process has the default action for it: the first cancels the main task, the second restores
 * the default action and raises the signal again.
 * Context: a thread without a running loop.  options may be NULL.
 * Returns main's result, -EINTR where SIGINT cancelled it (<yibu/runner.h>), or -ENOMEM, -EMFILE,
 * -EINVAL or -EBUSY where no loop could be made. */
YIBU_API intptr_t yibu_run(yibu_coroutine *main, void *arg, const yibu_loop_options *options);

/* The same on a loop of the caller's, which stays.  Left-over tasks go on in the next run. */
YIBU_API intptr_t yibu_run_until_complete(yibu_loop *loop, yibu_coroutine *main, void *arg);

/* Starts fn(arg) as a task of the current loop: it first runs when the caller next suspends.
 * arg must live until the task has used it.  The caller owns a reference, dropped with
 * yibu_task_unref; the task lives on without it.  It begins with the caller's task-locals.
 * Never suspends.  Context: the loop's thread.
 * Returns the task, or NULL where there is no memory or no loop; yibu_await(NULL) is -ENOMEM, so
 * one check is enough. */
YIBU_API yibu_task *yibu_create_task_at(yibu_coroutine *fn, void *arg,
                                        const yibu_task_options *options, const char *place);
#define yibu_create_task(fn, arg, options) yibu_create_task_at((fn), (arg), (options), YIBU_HERE)

/* Starts fn(arg) and keeps no reference: fire and forget.
 * Returns 0, -ENOMEM, -EINVAL without fn, or YIBU_ENOTASK without a loop. */
YIBU_API int yibu_spawn_at(yibu_coroutine *fn, void *arg, const char *place);
#define yibu_spawn(fn, arg) yibu_spawn_at((fn), (arg), YIBU_HERE)

/* Requests the cancel of a task: its current or next checkpoint returns -ECANCELED.
 * Never suspends.  Returns true, or false where the task has ended. */
static inline bool yibu_task_cancel(yibu_task *task)
{
    return yibu_future_cancel(task);
}

/* The same, saying why: the message is copied, and passed on where this cancel makes the task
 * cancel what it awaits.  NULL takes back an earlier message. */
YIBU_API bool yibu_task_cancel_with(yibu_task *task, const char *message);

/* The message of the last cancel that had one; NULL where there was none, or all requests were
 * taken back.  Lives until the next such call, or as long as the task. */
YIBU_API const char *yibu_task_cancel_message(const yibu_task *task);

/* Takes one request back, for a task that decided to go on.
 * Returns how many are left, -EINVAL where it is no task. */
YIBU_API int yibu_task_uncancel(yibu_task *task);

/* How many requests are pending; time limits do not count.  -EINVAL where it is no task. */
YIBU_API int yibu_task_cancelling(const yibu_task *task);

/* As for any future: see yibu_future_done and its kin.  A task is cancelled when it returned
 * -ECANCELED.  References may be dropped while it runs: the loop holds one. */
static inline bool yibu_task_done(const yibu_task *task)
{
    return yibu_future_done(task);
}
static inline bool yibu_task_cancelled(const yibu_task *task)
{
    return yibu_future_cancelled(task);
}
static inline intptr_t yibu_task_result(yibu_task *task)
{
    return yibu_future_result(task);
}
static inline int yibu_task_exception(yibu_task *task)
{
    return yibu_future_exception(task);
}
static inline yibu_task *yibu_task_ref(yibu_task *task)
{
    return yibu_future_ref(task);
}
static inline void yibu_task_unref(yibu_task *task)
{
    yibu_future_unref(task);
}
static inline int yibu_task_add_done_callback(yibu_task *task, yibu_done_callback *callback,
                                              void *arg)
{
    return yibu_future_add_done_callback(task, callback, arg);
}
static inline int yibu_task_remove_done_callback(yibu_task *task, yibu_done_callback *callback,
                                                 void *arg)
{
    return yibu_future_remove_done_callback(task, callback, arg);
}

/* The running task, or NULL in callbacks and outside loops. */
YIBU_API yibu_task *yibu_current_task(void);

/* The tasks of the loop (NULL: this thread's) that have not ended, at most max of them, a task's
 * children behind it: handles that are valid until the caller suspends, unless it takes references.
 * Context: the loop's thread.  Returns how many there are, -EINVAL or YIBU_EFORKED. */
YIBU_API ssize_t yibu_all_tasks(yibu_loop *loop, yibu_task **ret_tasks, size_t max);

/* The function that the task runs, and "file:line" of the call that created it; NULL where it is no
 * task. */
YIBU_API yibu_coroutine *yibu_task_get_coro(const yibu_task *task);
YIBU_API const char *yibu_task_get_place(const yibu_task *task);

/* The name lives as long as the task, or until it is set anew.  set_name copies; 0, -ENOMEM, or
 * -EINVAL without a name or a task. */
YIBU_API const char *yibu_task_get_name(yibu_task *task);
YIBU_API int yibu_task_set_name(yibu_task *task, const char *name);

/* Suspends for delay_ns.  0 lets everything that is ready run once, I/O included.
 * Checkpoint.  Returns 0 or -ECANCELED. */
YIBU_API int yibu_sleep(int64_t delay_ns);

/* Lets the other ready tasks run first: cheaper than yibu_sleep(0), it may leave I/O for a later
 * turn.  Checkpoint.  Returns 0 or -ECANCELED. */
YIBU_API int yibu_yield(void);

/* Checks for a cancel without suspending: of this task, or, in a function that runs on a thread, of
 * whoever waits for it; in a body of a parallel loop, also whether the loop goes on.
 * Returns 0, -ECANCELED, or YIBU_ENOTASK elsewhere. */
YIBU_API int yibu_check_cancelled(void);

YIBU_END_DECLS

#endif
