/* Tasks as objects: creation, references, names, cancel requests, operations.
 *
 * References: the loop holds one until the task has ended, the creator one unless it spawned. */
#include "task/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "task/async.h"
#include "task/scheduler.h"
#include "task/scope.h"
#include <yibu/error.h>

enum { CACHE_MAX = 1024 };

static yb_task *create(yibu_coroutine *fn, void *arg, size_t stack_bytes, const char *place)
{
    yibu_loop *loop = yb_loop_current;
    if (YB_UNLIKELY(!loop || !fn || stack_bytes > YB_STACK_LARGE_BYTES))
        return NULL;
    yb_scheduler *s = yb_scheduler_get(loop);
    yb_task *task = s ? yb_task_allocate(s) : NULL;
    if (YB_UNLIKELY(!task))
        return NULL;
    task->stack = NULL;
    task->fn = fn;
    task->arg = arg;
    task->frame = NULL;
    task->future.result = -EINPROGRESS;
    task->future.loop = loop;
    task->future.references = 1;
    task->future.cancels = 0;
    task->future.flags = stack_bytes == 0 ? YB_TASK_DEFAULT_STACK : 0;
    task->saved_errno = 0;
    task->scope = NULL;
    task->name = NULL;
    task->place = place;
    task->wait.stack_bytes = stack_bytes;
    task->future.waiters.list.next = NULL;
    yb_task_enqueue(s, task);
    return task;
}

static int take_options(yb_task *task, const yibu_task_options *options)
{
    yibu_task_options taken = {0};
    size_t size = options->size < sizeof(taken) ? options->size : sizeof(taken);
    memcpy(&taken, options, size);
    if (taken.own_float_environment)
        task->future.flags |= YB_TASK_OWN_FLOAT;
    return taken.name ? yibu_task_set_name(&task->future, taken.name) : 0;
}

static size_t stack_bytes_of(const yibu_task_options *options)
{
    size_t end = offsetof(yibu_task_options, stack_bytes) + sizeof(options->stack_bytes);
    return options && options->size >= end ? options->stack_bytes : 0;
}

yibu_task *yibu_create_task_at(yibu_coroutine *fn, void *arg, const yibu_task_options *options,
                               const char *place)
{
    yb_task *task = create(fn, arg, stack_bytes_of(options), place);
    if (!task)
        return NULL;
    task->future.references++;
    if (options)
        (void)take_options(task, options); /* without memory it keeps its default name */
    return &task->future;
}

int yibu_spawn_at(yibu_coroutine *fn, void *arg, const char *place)
{
    if (!fn)
        return -EINVAL;
    if (!yb_loop_current)
        return yb_task_missing();
    return create(fn, arg, 0, place) ? 0 : -ENOMEM;
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
    if (task->name)
        yb_free(task->name);
    if (task->frame)
        yb_async_free(task->frame);
    recycle(task);
}

yibu_task *yibu_current_task(void)
{
    return yb_task_current ? &yb_task_current->future : NULL;
}

const char *yibu_task_get_name(yibu_task *future)
{
    if (!yb_is_task(future))
        return "future";
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
    if (!yb_is_task(future))
        return -EINVAL;
    yb_task *task = yb_task_of(future);
    char *copy = yb_strdup(name);
    if (!copy)
        return -ENOMEM;
    yb_free(task->name);
    task->name = copy;
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

int yibu_task_uncancel(yibu_task *task)
{
    if (!task || !yb_is_task(task))
        return -EINVAL;
    if (task->cancels > 0 && --task->cancels == 0)
        yb_task_refresh_cancel(yb_task_of(task));
    return task->cancels;
}

int yibu_task_cancelling(const yibu_task *task)
{
    return task && yb_is_task(task) ? task->cancels : -EINVAL;
}

int yibu_check_cancelled(void)
{
    int error;
    yb_task *task = yb_task_require(&error);
    if (!task)
        return error;
    return yb_task_cancel_pending(task) ? -ECANCELED : 0;
}

/* Operations. */

static yb_task *task_of_op(yb_op *op)
{
    return YB_CONTAINER_OF(op, yb_task, wait.op);
}

static void wake_op(yb_op *op, ssize_t result)
{
    (void)result;
    yb_task_wake(task_of_op(op));
}

void yb_task_interrupt_op(yb_task *task)
{
    (void)yb_op_cancel(&task->wait.op);
}

static void describe_op(const yb_task *task, char *ret_text, size_t size)
{
    static const char *const names[] = {
        [YB_OP_READ] = "read",       [YB_OP_WRITE] = "write",
        [YB_OP_RECV] = "recv",       [YB_OP_SEND] = "send",
        [YB_OP_SEND_ALL] = "send",   [YB_OP_ACCEPT] = "accept",
        [YB_OP_CONNECT] = "connect", [YB_OP_POLL] = "poll",
        [YB_OP_SLEEP] = "sleep",     [YB_OP_CUSTOM] = "a worker's answer",
    };
    const yb_op *op = &task->wait.op;
    if (op->kind == YB_OP_CUSTOM)
        snprintf(ret_text, size, "%s", names[op->kind]);
    else
        snprintf(ret_text, size, "%s of descriptor %d", names[op->kind], op->fd);
}

static const yb_wait_class operating = {"operation", yb_task_interrupt_op, NULL, describe_op};

yb_op *yb_task_prepare_op(yb_task *task, yb_op_kind kind, int fd)
{
    yb_op *op = &task->wait.op;
    memset(op, 0, sizeof(*op));
    op->callback = wake_op;
    op->kind = (uint8_t)kind;
    op->fd = fd;
    return op;
}

ssize_t yb_task_perform(yb_task *task)
{
    yibu_loop *loop = task->future.loop;
    int r = yb_op_start(loop, &task->wait.op);
    if (r < 0)
        return r;
    if (r == 0)
        return yb_task_wait_op(task);
    /* Done at once: that counts too, or a task whose peer is fast would starve the others. */
    ssize_t result = task->wait.op.result;
    if (--loop->budget <= 0)
        yb_task_yield(task);
    return result;
}

ssize_t yb_task_wait_op(yb_task *task)
{
    yb_task_suspend(task, &operating);
    return task->wait.op.result;
}
