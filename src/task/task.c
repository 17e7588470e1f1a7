/* Tasks as objects: creation, references, names, cancel requests, operations.
 *
 * References: the loop holds one until the task has ended, the creator one unless it spawned. */
#include "task/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "task/scheduler.h"
#include "task/scope.h"
#include <yibu/error.h>

enum { CACHE_MAX = 1024 };

static yibu_task *create(yibu_coroutine *fn, void *arg, size_t stack_bytes, const char *place)
{
    yibu_loop *loop = yb_loop_current;
    if (YB_UNLIKELY(!loop || !fn || stack_bytes > YB_STACK_LARGE_BYTES))
        return NULL;
    yb_scheduler *s = yb_scheduler_get(loop);
    yibu_task *task = s ? yb_task_allocate(s) : NULL;
    if (YB_UNLIKELY(!task))
        return NULL;
    task->stack = NULL;
    task->fn = fn;
    task->arg = arg;
    task->result = -EINPROGRESS;
    task->loop = loop;
    task->references = 1;
    task->cancels = 0;
    task->flags = stack_bytes == 0 ? YB_TASK_DEFAULT_STACK : 0;
    task->saved_errno = 0;
    task->scope = NULL;
    task->interrupt = NULL;
    task->name = NULL;
    task->place = place;
    task->wait.stack_bytes = stack_bytes;
    yb_list_init(&task->awaiters);
    yb_task_enqueue(s, task);
    return task;
}

static int take_options(yibu_task *task, const yibu_task_options *options)
{
    yibu_task_options taken = {0};
    size_t size = options->size < sizeof(taken) ? options->size : sizeof(taken);
    memcpy(&taken, options, size);
    if (taken.own_float_environment)
        task->flags |= YB_TASK_OWN_FLOAT;
    return taken.name ? yibu_task_set_name(task, taken.name) : 0;
}

static size_t stack_bytes_of(const yibu_task_options *options)
{
    size_t end = offsetof(yibu_task_options, stack_bytes) + sizeof(options->stack_bytes);
    return options && options->size >= end ? options->stack_bytes : 0;
}

yibu_task *yibu_create_task_at(yibu_coroutine *fn, void *arg, const yibu_task_options *options,
                               const char *place)
{
    yibu_task *task = create(fn, arg, stack_bytes_of(options), place);
    if (!task)
        return NULL;
    task->references++;
    if (options)
        (void)take_options(task, options); /* without memory it keeps its default name */
    return task;
}

int yibu_spawn_at(yibu_coroutine *fn, void *arg, const char *place)
{
    if (!fn)
        return -EINVAL;
    if (!yb_loop_current)
        return yb_task_missing();
    return create(fn, arg, 0, place) ? 0 : -ENOMEM;
}

yibu_task *yibu_task_ref(yibu_task *task)
{
    if (task)
        task->references++;
    return task;
}

static void report_unseen(yibu_task *task)
{
    if (!yibu_failed(task->result) || task->result == -ECANCELED ||
        (task->flags & YB_TASK_RESULT_SEEN) || !yb_loop_current)
        return;
    yb_loop_report(yb_loop_current, task->result,
                   "nobody asked for the result of task \"%s\", created at %s, which failed",
                   yibu_task_get_name(task), task->place);
}

/* Gives the memory back: to this thread's loop, since the task may have outlived its own. */
static void recycle(yibu_task *task)
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

void yb_task_free(yibu_task *task)
{
    if (YB_UNLIKELY(yibu_failed(task->result)))
        report_unseen(task);
    if (task->name)
        yb_free(task->name);
    recycle(task);
}

void yibu_task_unref(yibu_task *task)
{
    if (task)
        yb_task_drop(task);
}

yibu_task *yibu_current_task(void)
{
    return yb_task_current;
}

const char *yibu_task_get_name(yibu_task *task)
{
    if (!task->name) {
        char name[32];
        snprintf(name, sizeof(name), "task-%llu", (unsigned long long)task->id);
        task->name = yb_strdup(name);
    }
    return task->name ? task->name : "task";
}

int yibu_task_set_name(yibu_task *task, const char *name)
{
    char *copy = yb_strdup(name);
    if (!copy)
        return -ENOMEM;
    yb_free(task->name);
    task->name = copy;
    return 0;
}

bool yibu_task_done(const yibu_task *task)
{
    return task->state == YB_TASK_ENDED;
}

intptr_t yibu_task_result(yibu_task *task)
{
    if (task->state == YB_TASK_ENDED)
        task->flags |= YB_TASK_RESULT_SEEN;
    return task->result;
}

void yb_task_refresh_cancel(yibu_task *task)
{
    if (!yb_scope_cancels(task)) {
        task->flags &= (uint8_t)~YB_TASK_CANCEL_PENDING;
        return;
    }
    if (task->flags & YB_TASK_CANCEL_PENDING)
        return;
    task->flags |= YB_TASK_CANCEL_PENDING;
    yb_interrupt *interrupt = task->interrupt;
    task->interrupt = NULL;
    if (task->state == YB_TASK_SUSPENDED && interrupt)
        interrupt(task);
}

bool yibu_task_cancel(yibu_task *task)
{
    if (!task || task->state == YB_TASK_ENDED)
        return false;
    if (task->cancels < UINT16_MAX)
        task->cancels++;
    yb_task_refresh_cancel(task);
    return true;
}

int yibu_task_uncancel(yibu_task *task)
{
    if (task->cancels > 0 && --task->cancels == 0)
        yb_task_refresh_cancel(task);
    return task->cancels;
}

int yibu_task_cancelling(const yibu_task *task)
{
    return task->cancels;
}

int yibu_check_cancelled(void)
{
    int error;
    yibu_task *task = yb_task_require(&error);
    if (!task)
        return error;
    return yb_task_cancel_pending(task) ? -ECANCELED : 0;
}

/* Operations. */

static yibu_task *task_of_op(yb_op *op)
{
    return YB_CONTAINER_OF(op, yibu_task, wait.op);
}

static void wake_op(yb_op *op, ssize_t result)
{
    (void)result;
    yb_task_wake(task_of_op(op));
}

static void interrupt_op(yibu_task *task)
{
    (void)yb_op_cancel(&task->wait.op);
}

yb_op *yb_task_prepare_op(yibu_task *task, yb_op_kind kind, int fd)
{
    yb_op *op = &task->wait.op;
    memset(op, 0, sizeof(*op));
    op->callback = wake_op;
    op->kind = (uint8_t)kind;
    op->fd = fd;
    return op;
}

ssize_t yb_task_perform(yibu_task *task)
{
    yibu_loop *loop = task->loop;
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

ssize_t yb_task_wait_op(yibu_task *task)
{
    yb_task_suspend(task, interrupt_op);
    return task->wait.op.result;
}
