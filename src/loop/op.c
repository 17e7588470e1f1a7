/* Operations on the loop: their start, completion and cancel, and the public callback form.
 *
 * States of an operation are in platform/backend.h.  `pending` counts operations that the backend
 * or another room has, and those whose completion waits for its turn in the ready queue. */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "loop/overseer.h"
#include "platform/attempt.h"
#include <yibu/address.h>

void yb_op_complete(yb_op *op, ssize_t result)
{
    op->loop->pending--;
    op->loop->public_pending -= op->is_public;
    if (YB_UNLIKELY(op->loop->unobserved)) /* the wait is over, the callback belongs to the turn */
        yb_loop_observe_start(op->loop);
    op->state = YB_OP_IDLE;
    op->result = result;
    if (op->kind == YB_OP_SEND_ALL && op->ret_sent)
        *op->ret_sent = op->done;
    if (YB_UNLIKELY(op->loop->listener && op->is_public)) {
        yibu_loop *loop = op->loop;
        yb_callback_begin(loop, (yb_function *)op->callback);
        op->callback(op, result);
        yb_callback_end(loop);
        return;
    }
    op->callback(op, result);
}

static void run_completion(yb_runnable *item)
{
    yb_op *op = YB_CONTAINER_OF(item, yb_op, ready);
    yb_op_complete(op, op->result);
}

void yb_op_complete_soon(yb_op *op, ssize_t result)
{
    op->result = result;
    op->state = YB_OP_CANCELLING; /* too late for another cancel */
    op->ready.run = run_completion;
    yb_loop_ready(op->loop, &op->ready);
}

static void fire_sleep(yb_timer *timer)
{
    yb_op_complete(YB_CONTAINER_OF(timer, yb_op, timer), 0);
}

static int submit(yibu_loop *loop, yb_op *op)
{
    if (op->kind == YB_OP_WRITE)
        yb_op_write_to_send(op);
    if (op->kind != YB_OP_SLEEP)
        return loop->backend->class->submit(loop->backend, op);
    op->timer.fire = fire_sleep;
    yb_loop_timer_add(loop, &op->timer);
    return 0;
}

int yb_op_start(yibu_loop *loop, yb_op *op)
{
    op->loop = loop;
    op->state = YB_OP_PENDING;
    int r = submit(loop, op);
    if (r == 0)
        loop->pending++;
    else
        op->state = YB_OP_IDLE;
    return r;
}

void yb_op_begin_custom(yibu_loop *loop, yb_op *op, bool (*cancel)(yb_op *op), void *data)
{
    /* Another thread may read it already, to post the end of what it waits for. */
    if (op->loop != loop)
        op->loop = loop;
    op->kind = YB_OP_CUSTOM;
    op->state = YB_OP_PENDING;
    op->custom_cancel = cancel;
    op->custom_data = data;
    loop->pending++;
}

bool yb_op_cancel(yb_op *op)
{
    if (op->state != YB_OP_PENDING)
        return false;
    yibu_loop *loop = op->loop;
    op->state = YB_OP_CANCELLING;
    switch (op->kind) {
    case YB_OP_SLEEP:
        yb_loop_timer_remove(loop, &op->timer);
        yb_op_complete_soon(op, -ECANCELED);
        break;
    case YB_OP_CUSTOM:
        if (op->custom_cancel(op))
            yb_op_complete_soon(op, -ECANCELED);
        break;
    default:
        loop->backend->class->cancel(loop->backend, op);
    }
    return true;
}

/* The public form. */

/* Checks and fills what all have in common; the rest of op becomes zero. */
static int prepare(const yibu_loop *loop, yibu_op *public_op, yb_op_kind kind, int fd)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!public_op || !public_op->callback)
        return -EINVAL;
    if (fd < 0)
        return -EBADF;
    yb_op *op = yb_op_view(public_op);
    memset(public_op->reserved, 0, sizeof(public_op->reserved));
    op->kind = (uint8_t)kind;
    op->is_public = kind != YB_OP_CUSTOM; /* the other rooms end theirs with the loop */
    op->fd = fd;
    return 0;
}

int yb_op_prepare_custom(const yibu_loop *loop, yibu_op *public_op)
{
    return prepare(loop, public_op, YB_OP_CUSTOM, 0);
}

static int prepare_transfer(const yibu_loop *loop, yibu_op *public_op, yb_op_kind kind, int fd,
                            const void *buffer, size_t size)
{
    if (!buffer && size > 0)
        return -EINVAL;
    int r = prepare(loop, public_op, kind, fd);
    if (r == 0) {
        yb_op *op = yb_op_view(public_op);
        op->source = buffer;
        op->size = size < YB_MAX_TRANSFER ? size : YB_MAX_TRANSFER;
        op->offset = -1;
    }
    return r;
}

/* Starts op; a result that is there at once is delivered in the loop's next turn. */
static int start(yibu_loop *loop, yibu_op *public_op)
{
    yb_op *op = yb_op_view(public_op);
    int r = yb_op_start(loop, op);
    if (r < 0)
        return r;
    loop->public_pending++;
    if (r == 1) {
        loop->pending++;
        yb_op_complete_soon(op, op->result);
    }
    return 0;
}

int yibu_op_read(yibu_loop *loop, yibu_op *op, int fd, void *buffer, size_t size, int64_t offset)
{
    int r = prepare_transfer(loop, op, YB_OP_READ, fd, buffer, size);
    if (r < 0)
        return r;
    yb_op_view(op)->offset = offset < 0 ? -1 : offset;
    return start(loop, op);
}

int yibu_op_write(yibu_loop *loop, yibu_op *op, int fd, const void *buffer, size_t size,
                  int64_t offset)
{
    int r = prepare_transfer(loop, op, YB_OP_WRITE, fd, buffer, size);
    if (r < 0)
        return r;
    yb_op_view(op)->offset = offset < 0 ? -1 : offset;
    return start(loop, op);
}

int yibu_op_recv(yibu_loop *loop, yibu_op *op, int fd, void *buffer, size_t size)
{
    int r = prepare_transfer(loop, op, YB_OP_RECV, fd, buffer, size);
    return r < 0 ? r : start(loop, op);
}

int yibu_op_send(yibu_loop *loop, yibu_op *op, int fd, const void *buffer, size_t size)
{
    int r = prepare_transfer(loop, op, YB_OP_SEND, fd, buffer, size);
    return r < 0 ? r : start(loop, op);
}

int yibu_op_send_all(yibu_loop *loop, yibu_op *op, int fd, const void *buffer, size_t size,
                     size_t *ret_sent)
{
    int r = prepare_transfer(loop, op, YB_OP_SEND_ALL, fd, buffer, size);
    if (r < 0)
        return r;
    yb_op_view(op)->size = size;
    yb_op_view(op)->ret_sent = ret_sent;
    return start(loop, op);
}

int yibu_op_accept(yibu_loop *loop, yibu_op *op, int fd, yibu_address *ret_peer)
{
    int r = prepare(loop, op, YB_OP_ACCEPT, fd);
    if (r < 0)
        return r;
    yb_op_view(op)->peer = ret_peer;
    return start(loop, op);
}

int yibu_op_connect(yibu_loop *loop, yibu_op *op, int fd, const yibu_address *address)
{
    if (!address)
        return -EINVAL;
    int r = prepare(loop, op, YB_OP_CONNECT, fd);
    if (r < 0)
        return r;
    yb_op_view(op)->source = address;
    return start(loop, op);
}

int yibu_op_poll(yibu_loop *loop, yibu_op *op, int fd, unsigned events)
{
    if (events == 0 || (events & ~(unsigned)(YIBU_READABLE | YIBU_WRITABLE)))
        return -EINVAL;
    int r = prepare(loop, op, YB_OP_POLL, fd);
    if (r < 0)
        return r;
    yb_op_view(op)->events = events;
    return start(loop, op);
}

int yibu_op_sleep(yibu_loop *loop, yibu_op *op, int64_t delay_ns)
{
    int r = prepare(loop, op, YB_OP_SLEEP, 0);
    if (r < 0)
        return r;
    yb_op_view(op)->timer.deadline_ns = yb_loop_deadline(loop, delay_ns);
    return start(loop, op);
}

int yibu_op_cancel(yibu_op *op)
{
    if (!op)
        return -EINVAL;
    return yb_op_cancel(yb_op_view(op)) ? 0 : -EALREADY;
}

/* The public form of custom operations. */

/* Their own room in the operation. */
enum { INTERRUPT };

static bool interrupt_custom(yb_op *op)
{
    yibu_op_interrupt *interrupt = (yibu_op_interrupt *)op->custom_room[INTERRUPT];
    return interrupt(yb_op_public(op), op->custom_data);
}

int yibu_op_begin(yibu_loop *loop, yibu_op *op, yibu_op_interrupt *interrupt, void *data)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!op || !op->callback || !interrupt)
        return -EINVAL;
    yb_op_view(op)->custom_room[INTERRUPT] = (uintptr_t)interrupt;
    yb_op_begin_custom(loop, yb_op_view(op), interrupt_custom, data);
    return 0;
}

void yibu_op_complete(yibu_op *op, ssize_t result)
{
    yb_op *o = yb_op_view(op);
    if (o->kind != YB_OP_CUSTOM || o->state == YB_OP_IDLE)
        yb_abort("an operation was completed that is not under way");
    yb_loop_check_thread(o->loop, "an operation was completed");
    yb_op_complete(o, result);
}
