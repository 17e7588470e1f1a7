/* Functions on threads: the operation, whose memory holds the work, and the call that suspends. */
#include <errno.h>
#include <yibu/thread_pool.h>

#include "exec/defaults.h"
#include "exec/executor.h"
#include "task/task.h"

_Static_assert(sizeof(yb_work) <= sizeof(((yb_op *)0)->custom_room), "an operation has room");

static yb_work *work_of(yb_op *op)
{
    return (yb_work *)(void *)op->custom_room;
}

static yb_op *op_of(const yb_work *work)
{
    return YB_CONTAINER_OF((uintptr_t)work, yb_op, custom_room);
}

static void done(yb_work *work)
{
    yb_op *op = op_of(work);
    yibu_loop *loop = op->loop;
    yb_op_complete(op, work->result);
    yb_default_end(loop, YIBU_EXECUTOR_THREADS);
}

/* The task waits, so its values stay as they are. */
static struct yb_locals *locals_of_task(const yb_work *work)
{
    return YB_CONTAINER_OF(op_of(work), yb_task, wait.op)->locals;
}

static const yb_work_class for_operation = {.done = done};
static const yb_work_class for_task = {.done = done, .locals = locals_of_task};

/* A function that runs cannot be stopped: its result is waited for. */
static bool cancel(yb_op *op)
{
    yb_executor *executor = op->custom_data;
    bool withdrawn = executor->class->cancel(executor, work_of(op));
    if (withdrawn)
        yb_default_end(op->loop, YIBU_EXECUTOR_THREADS);
    return withdrawn;
}

/* On the loop's own pool. */
static int start(yibu_loop *loop, yb_op *op, const yb_work_class *class, yibu_coroutine *fn,
                 void *arg)
{
    yb_executor *executor;
    int r = yb_executor_of(loop, &executor);
    if (r == 0) {
        yb_work *work = work_of(op);
        work->fn = fn;
        work->arg = arg;
        work->class = class;
        r = executor->class->submit(executor, work);
    }
    if (r == 0)
        yb_op_begin_custom(loop, op, cancel, executor);
    else
        yb_default_end(loop, YIBU_EXECUTOR_THREADS);
    return r;
}

int yibu_op_to_thread(yibu_loop *loop, yibu_op *op, yibu_coroutine *fn, void *arg)
{
    yibu_executor *set = NULL;
    int r = fn ? yb_op_prepare_custom(loop, op) : -EINVAL;
    if (r == 0)
        r = yb_default_begin(loop, YIBU_EXECUTOR_THREADS, &set);
    if (r < 0)
        return r;
    return set ? yb_default_start(set, loop, yb_op_view(op), fn, arg)
               : start(loop, yb_op_view(op), &for_operation, fn, arg);
}

intptr_t yibu_to_thread(yibu_coroutine *fn, void *arg)
{
    yibu_executor *set = NULL;
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    r = fn ? yb_default_begin(task->future.loop, YIBU_EXECUTOR_THREADS, &set) : -EINVAL;
    if (r < 0)
        return r;
    if (set)
        return yibu_run_in_executor(set, fn, arg, NULL);
    yb_op *op = yb_task_prepare_call(task, YB_OP_CUSTOM, -1);
    op->loop = task->future.loop;
    r = start(task->future.loop, op, &for_task, fn, arg);
    return r < 0 ? r : yb_task_wait_op(task);
}
