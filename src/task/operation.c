/* Operations of tasks: started, and waited for where they are not done at once. */
#include <stdio.h>
#include <string.h>

#include "task/scheduler.h"
#include "task/task.h"

static yb_task *task_of_op(yb_op *op)
{
    return YB_CONTAINER_OF(op, yb_task, wait.op);
}

/* Asks the memory for the stack, too: the task runs in this turn or the next, beside many
 * others. */
static void wake_op(yb_op *op, ssize_t result)
{
    (void)result;
    yb_task *task = task_of_op(op);
    yb_task_fetch_stack(task);
    yb_task_wake(task);
}

void yb_task_interrupt_op(yb_task *task)
{
    (void)yb_op_cancel(&task->wait.op);
}

static void describe_op(const yb_task *task, char *ret_text, size_t size)
{
    static const char *const names[] = {
        [YB_OP_READ] = "read",
        [YB_OP_WRITE] = "write",
        [YB_OP_RECV] = "recv",
        [YB_OP_SEND] = "send",
        [YB_OP_SEND_ALL] = "send",
        [YB_OP_ACCEPT] = "accept",
        [YB_OP_CONNECT] = "connect",
        [YB_OP_POLL] = "poll",
        [YB_OP_RECV_MESSAGE] = "receive of a message",
        [YB_OP_SEND_MESSAGE] = "send of a message",
        [YB_OP_FILE] = "file operation",
        [YB_OP_SLEEP] = "sleep",
        [YB_OP_CUSTOM] = "a worker's answer",
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

yb_op *yb_task_prepare_call(yb_task *task, yb_op_kind kind, int fd)
{
    yb_op *op = &task->wait.op;
    op->callback = wake_op;
    op->arg = NULL;
    op->kind = (uint8_t)kind;
    op->state = YB_OP_IDLE;
    op->phase = 0;
    op->is_public = false;
    op->fd = fd;
    op->result = 0;
    op->buffer = NULL;
    op->size = 0;
    op->ret_sent = NULL;
    op->done = 0;
    return op;
}

void yb_task_spend(yb_task *task)
{
    yibu_loop *loop = task->future.loop;
    yb_loop_set_budget(loop, loop->budget - 1);
    if (loop->budget <= 0 && !yb_task_borrow_budget(yb_scheduler_of(loop)))
        yb_task_yield(task);
}

ssize_t yb_task_finish_op(yb_task *task, int started)
{
    if (started < 0)
        return started;
    if (started == 0)
        return yb_task_wait_op(task);
    ssize_t result = task->wait.op.result;
    yb_task_spend(task);
    return result;
}

ssize_t yb_task_perform(yb_task *task)
{
    return yb_task_finish_op(task, yb_op_start(task->future.loop, &task->wait.op));
}

ssize_t yb_task_wait_op(yb_task *task)
{
    yb_task_suspend(task, &operating);
    return task->wait.op.result;
}
