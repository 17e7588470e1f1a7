/* Operations and tasks that wait for a channel: an operation of the loop, tried again there each
 * time that it is woken. */
#include <errno.h>

#include "sync/channel.h"
#include "task/task.h"

_Static_assert(sizeof(yb_channel_waiter) <= sizeof(((yb_op *)0)->custom_room),
               "an operation has room");

static yb_channel_waiter *waiter_of(yb_op *op)
{
    return (yb_channel_waiter *)(void *)op->custom_room;
}

static yb_op *op_of(yb_channel_waiter *waiter)
{
    return YB_CONTAINER_OF(waiter, yb_op, custom_room);
}

/* What waits for other threads is a hold: nothing that the backend would have to be asked about. */
static void begin_hold(yibu_loop *loop)
{
    loop->pending--;
    yb_loop_hold(loop);
}

static void end_hold(yibu_loop *loop)
{
    loop->pending++;
    yb_loop_unhold(loop);
}

static void run_again(yb_runnable *item);

static void wake(yb_channel_waiter *waiter)
{
    yibu_loop *loop = op_of(waiter)->loop;
    waiter->posted.run = run_again;
    yb_loop_post(loop, &waiter->posted);
}

/* In the loop, after having been woken.  One that was cancelled meanwhile still tries, since it may
 * be the only one that was told, but does not wait any longer. */
static void run_again(yb_runnable *item)
{
    yb_channel_waiter *waiter = YB_CONTAINER_OF(item, yb_channel_waiter, posted);
    yb_op *op = op_of(waiter);
    yibu_channel *channel = op->custom_data;
    int r = op->state == YB_OP_CANCELLING ? yb_channel_attempt(channel, waiter)
                                          : yb_channel_attempt_or_join(channel, waiter, true);
    if (r == -EAGAIN && op->state != YB_OP_CANCELLING)
        return;
    end_hold(op->loop);
    yb_op_complete(op, r == -EAGAIN ? -ECANCELED : r);
}

static bool cancel(yb_op *op)
{
    if (!yb_channel_leave(op->custom_data, waiter_of(op)))
        return false;
    end_hold(op->loop);
    return true;
}

/* Begins an operation whose callback is set.  Returns 0: it is in line, or the result that it has
 * at once as yb_channel_attempt does, negative or 1 for success. */
static int begin(yibu_loop *loop, yb_op *op, yibu_channel *channel, const yb_channel_waiter *wanted)
{
    *waiter_of(op) = *wanted;
    waiter_of(op)->wake = wake;
    yb_op_begin_custom(loop, op, cancel, channel);
    begin_hold(loop);
    int r = yb_channel_attempt_or_join(channel, waiter_of(op), false);
    if (r == -EAGAIN)
        return 0;
    end_hold(loop);
    return r == 0 ? 1 : r;
}

/* A loop with nothing else to do may look for a moment: an answer from another processor comes
 * sooner than a sleep begins. */
static bool may_look(const yibu_loop *loop)
{
    return !loop->ready.head && !loop->after_io.head && !loop->overseer;
}

static const yb_wait_class sending = {"a place in a channel", yb_task_interrupt_op, NULL, NULL};
static const yb_wait_class receiving = {"an item from a channel", yb_task_interrupt_op, NULL, NULL};

int yb_channel_wait_in_task(yibu_channel *channel, yb_channel_waiter *waiter)
{
    yb_task *task = yb_task_current;
    yibu_loop *loop = task->future.loop;
    int64_t start_ns = yb_loop_read_clock(loop);
    if (may_look(loop)) {
        int r = yb_channel_attempt_patiently(channel, waiter);
        if (r != -EAGAIN)
            return r;
    }
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    int r = begin(loop, op, channel, waiter);
    if (r == 0) {
        yb_task_suspend(task, waiter->side == YB_SENDERS ? &sending : &receiving);
        r = (int)op->result;
    } else {
        loop->pending--; /* over before it was waited for */
    }
    yb_patience_learn(&yb_channel_line_of(channel, waiter)->patience,
                      yb_loop_read_clock(loop) - start_ns);
    return r > 0 ? 0 : r;
}

static int start(yibu_loop *loop, yibu_op *public_op, yibu_channel *channel,
                 const yb_channel_waiter *wanted)
{
    int r = yb_op_prepare_custom(loop, public_op);
    if (r < 0)
        return r;
    yb_op *op = (yb_op *)(void *)public_op;
    op->is_public = true;
    loop->public_pending++;
    r = begin(loop, op, channel, wanted);
    if (r != 0)
        yb_op_complete_soon(op, r > 0 ? 0 : r);
    return 0;
}

int yibu_op_channel_send(yibu_loop *loop, yibu_op *op, yibu_channel *channel, void *item)
{
    if (!channel)
        return -EINVAL;
    return start(loop, op, channel, &(yb_channel_waiter){.item = item, .side = YB_SENDERS});
}

int yibu_op_channel_receive(yibu_loop *loop, yibu_op *op, yibu_channel *channel, void **ret_item)
{
    if (!channel || !ret_item)
        return -EINVAL;
    return start(loop, op, channel,
                 &(yb_channel_waiter){.ret_item = ret_item, .side = YB_RECEIVERS});
}
