/* Tasks as objects: creation, references, names, cancel requests.
 *
 * References: the loop holds one until the task has ended, the creator one unless it spawned. */
#include "task/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "task/async.h"
#include "task/local.h"
#include "task/scheduler.h"
#include "task/scope.h"
#include <yibu/error.h>

enum { CACHE_MAX = 1024 };

/* A task that is in no list yet; *ret_scheduler is its loop's. */
static inline yb_task *make(yibu_coroutine *fn, void *arg, size_t stack_bytes, const char *place,
                            yb_scheduler **ret_scheduler)
{
    yibu_loop *loop = yb_loop_current;
    const yb_task *creator = yb_task_current;
    if (YB_UNLIKELY(!loop || !fn || stack_bytes > YB_STACK_LARGE_BYTES))
        return NULL;
    yb_scheduler *s = yb_scheduler_get(loop);
    yb_task *task = s ? yb_task_allocate(s) : NULL;
    if (YB_UNLIKELY(!task))
        return NULL;
    *ret_scheduler = s;
    task->future = (yibu_future){
        .result = -EINPROGRESS,
        .loop = loop,
        .references = 1,
        .state = YB_TASK_READY,
        .flags = stack_bytes == 0 ? YB_TASK_DEFAULT_STACK : 0,
    };
    task->stack = NULL;
    task->fn = fn;
    task->arg = arg;
    task->saved_errno = 0;
    task->scope = NULL;
    task->name = NULL;
    task->cancel_message = NULL;
    task->locals = NULL;
    task->place = place;
    task->wait.stack_bytes = stack_bytes;
    if (YB_UNLIKELY(creator && creator->locals))
        task->locals = yb_locals_share(creator->locals);
    return task;
}

yb_task *yb_task_make(yibu_coroutine *fn, void *arg, size_t stack_bytes, const char *place)
{
    yb_scheduler *s;
    return make(fn, arg, stack_bytes, place, &s);
}

/* The options that the caller's version of the library knew; the others are zero. */
static yibu_task_options known(const yibu_task_options *options)
{
    yibu_task_options taken;
    (void)yb_options_take(&taken, sizeof(taken), options);
    return taken;
}

yb_task *yb_task_make_with(yibu_coroutine *fn, void *arg, const yibu_task_options *options,
                           const char *place)
{
    if (!options)
        return yb_task_make(fn, arg, 0, place);
    yibu_task_options taken = known(options);
    yb_task *task = yb_task_make(fn, arg, taken.stack_bytes, place);
    if (task && taken.own_float_environment)
        task->future.flags |= YB_TASK_OWN_FLOAT;
    if (task && taken.name) /* without memory it keeps its default name */
        (void)yibu_task_set_name(&task->future, taken.name);
    return task;
}

void yb_task_begin(yb_scheduler *s, yb_task *task, const yibu_task_options *options)
{
    if (options && known(options).eager)
        yb_task_run_eagerly(s, task);
    else
        yb_loop_ready(s->loop, &task->ready);
}

__attribute__((noinline)) static yibu_task *create_with(yibu_coroutine *fn, void *arg,
                                                        const yibu_task_options *options,
                                                        const char *place)
{
    yb_task *task = yb_task_make_with(fn, arg, options, place);
    if (!task)
        return NULL;
    yb_scheduler *s = yb_scheduler_of(task->future.loop);
    task->future.references++;
    yb_task_enlist(s, task, s->tasks.previous);
    yb_task_begin(s, task, options);
    return &task->future;
}

yibu_task *yibu_create_task_at(yibu_coroutine *fn, void *arg, const yibu_task_options *options,
                               const char *place)
{
    yb_scheduler *s;
    if (options)
        return create_with(fn, arg, options, place);
    yb_task *task = make(fn, arg, 0, place, &s);
    if (YB_UNLIKELY(!task))
        return NULL;
    task->future.references = 2;
    yb_task_enqueue(s, task);
    return &task->future;
}

int yibu_spawn_at(yibu_coroutine *fn, void *arg, const char *place)
{
    yb_scheduler *s;
    if (!fn)
        return -EINVAL;
    if (!yb_loop_current)
        return yb_task_missing();
    yb_task *task = make(fn, arg, 0, place, &s);
    if (YB_UNLIKELY(!task))
        return -ENOMEM;
    yb_task_enqueue(s, task);
    return 0;
}

static void report_unseen(yb_task *task)
{
    if (!yibu_failed(task->future.result) || task->future.result == -ECANCELED ||
        (task->future.flags & YB_FUTURE_RESULT_SEEN) || !yb_loop_current)
        return;
    yb_loop_report(yb_loop_current, task->future.result,
                   "nobody asked for the result of task \"%s\", created at %s, which failed",
                   yibu_task_get_name(&task->future), task->place);
}

/* Gives the memory back: to this thread's loop, since the task may have outlived its own. */
static void recycle(yb_task *task)
{
    yb_scheduler *s = yb_loop_current ? yb_scheduler_of(yb_loop_current) : NULL;
    if (!s || s->cached == CACHE_MAX) {
        yb_free(task);
        return;
    }
    task->ready.next = (yb_runnable *)(void *)s->cache;
    s->cache = task;
    s->cached++;
}

void yb_task_free(yb_task *task)
{
    if (YB_UNLIKELY(yibu_failed(task->future.result)))
        report_unseen(task);
    if (YB_UNLIKELY((uintptr_t)task->name | (uintptr_t)task->cancel_message)) {
        yb_free(task->name);
        yb_free(task->cancel_message);
    }
    if (task->future.flags & YB_TASK_OWNS_FRAME)
        yb_async_free(task->arg);
    recycle(task);
}

yibu_task *yibu_current_task(void)
{
    return yb_task_current ? &yb_task_current->future : NULL;
}

/* NULL for NULL and for a future that is no task. */
static const yb_task *task_or_null(const yibu_task *future)
{
    return future && yb_is_task(future) ? (const yb_task *)(const void *)future : NULL;
}

yibu_coroutine *yibu_task_get_coro(const yibu_task *future)
{
    const yb_task *task = task_or_null(future);
    return task ? task->fn : NULL;
}

const char *yibu_task_get_place(const yibu_task *future)
{
    const yb_task *task = task_or_null(future);
    return task ? task->place : NULL;
}

ssize_t yibu_all_tasks(yibu_loop *loop, yibu_task **ret_tasks, size_t max)
{
    if (!loop)
        loop = yb_loop_current;
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    yb_scheduler *s = yb_scheduler_of(loop);
    size_t filled = 0;
    if (s)
        for (yb_list *at = s->tasks.next; at != &s->tasks && filled < max; at = at->next)
            ret_tasks[filled++] = &YB_CONTAINER_OF(at, yb_task, all)->future;
    return (ssize_t)loop->task_count;
}

const char *yibu_task_get_name(yibu_task *future)
{
    if (!future || !yb_is_task(future))
        return future ? "future" : "";
    yb_task *task = yb_task_of(future);
    if (!task->name) {
        char name[32];
        snprintf(name, sizeof(name), "task-%llu", (unsigned long long)task->id);
        task->name = yb_strdup(name);
    }
    return task->name ? task->name : "task";
}

int yibu_task_set_name(yibu_task *future, const char *name)
{
    if (!future || !yb_is_task(future) || !name)
        return -EINVAL;
    yb_task *task = yb_task_of(future);
    char *copy = yb_strdup(name);
    if (!copy)
        return -ENOMEM;
    char *old = task->name;
    task->name = copy;
    atomic_signal_fence(memory_order_release); /* a signal handler may read it */
    yb_free(old);
    return 0;
}

void yb_task_abort_foreign(yb_task *task, const char *what)
{
    yb_abort("task \"%s\", created at %s: %s from another thread: use "
             "yibu_call_soon_threadsafe",
             yibu_task_get_name(&task->future), task->place, what);
}

/* Returns whether a cancel became pending that interrupts the task's wait. */
static bool evaluate_cancel(yb_task *task)
{
    if (!yb_scope_cancels(task)) {
        task->future.flags &= (uint8_t)~YB_TASK_CANCEL_PENDING;
        return false;
    }
    if (task->future.flags & YB_TASK_CANCEL_PENDING)
        return false;
    task->future.flags |= YB_TASK_CANCEL_PENDING;
    return task->future.state == YB_TASK_SUSPENDED && task->waits_for->interrupt;
}

void yb_task_refresh_cancel(yb_task *task)
{
    if (evaluate_cancel(task))
        yb_task_interrupt(task);
}

bool yb_task_request_cancel(yb_task *task)
{
    if (task->future.cancels < UINT16_MAX)
        task->future.cancels++;
    return evaluate_cancel(task);
}

static void set_cancel_message(yb_task *task, const char *message)
{
    char *copy = message ? yb_strdup(message) : NULL;
    yb_free(task->cancel_message);
    task->cancel_message = copy;
}

void yb_task_pass_cancel_message(const yb_task *from, yb_task *to)
{
    if (YB_UNLIKELY(from->cancel_message != NULL))
        set_cancel_message(to, from->cancel_message);
}

bool yibu_task_cancel_with(yibu_task *task, const char *message)
{
    if (yibu_future_done(task))
        return false;
    yb_future_check_thread(task, "a cancel was requested");
    if (yb_is_task(task))
        set_cancel_message(yb_task_of(task), message);
    return yibu_future_cancel(task);
}

const char *yibu_task_cancel_message(const yibu_task *future)
{
    const yb_task *task = task_or_null(future);
    return task ? task->cancel_message : NULL;
}

int yibu_task_uncancel(yibu_task *task)
{
    if (!task || !yb_is_task(task))
        return -EINVAL;
    if (task->cancels > 0 && --task->cancels == 0) {
        set_cancel_message(yb_task_of(task), NULL);
        yb_task_refresh_cancel(yb_task_of(task));
    }
    return task->cancels;
}

int yibu_task_cancelling(const yibu_task *task)
{
    return task && yb_is_task(task) ? task->cancels : -EINVAL;
}

YB_THREAD_LOCAL int (*yb_check_cancelled_elsewhere)(void);

int yibu_check_cancelled(void)
{
    int error;
    yb_task *task = yb_task_require(&error);
    if (!task)
        return yb_check_cancelled_elsewhere ? yb_check_cancelled_elsewhere() : error;
    return yb_task_cancel_pending(task) ? -ECANCELED : 0;
}
