/* Operations on sockets: attempted at once, else waiting in line by direction, as in the epoll
 * backend.  Completions always go through the ready queue, so nothing here is called back while it
 * works.
 *
 * An operation that could be done at once is sometimes put off to a later step: the seed's choice
 * between what epoll and what io_uring does. */
#include <errno.h>

#include "platform/attempt.h"
#include "sim/network.h"
#include <yibu/error.h>

static int queue_of(const yb_op *op)
{
    if (op->kind == YB_OP_POLL)
        return YB_SIM_POLLERS;
    return yb_op_writes(op) ? YB_SIM_WRITERS : YB_SIM_READERS;
}

static yb_op *first_waiting(const yb_sim_socket *s, int queue)
{
    const yb_list *list = &s->waiting[queue];
    return yb_list_empty(list) ? NULL : YB_CONTAINER_OF(list->next, yb_op, links);
}

/* Faults. */

static size_t shorten(yb_sim *sim, size_t size)
{
    if (size < 2 || !yb_sim_faulty(sim, sim->chances.short_transfer))
        return size;
    return size - yb_sim_below(sim, size);
}

static int receive_error(yb_sim_socket *s)
{
    static const int errors[] = {ECONNRESET, ETIMEDOUT};
    if (!s->connection || !yb_sim_faulty(s->sim, s->sim->chances.read))
        return 0;
    int error = errors[yb_sim_below(s->sim, 2)];
    yb_sim_connection_break(s->connection, ECONNRESET);
    s->error = 0; /* told now */
    return error;
}

static int send_error(yb_sim_socket *s)
{
    static const int errors[] = {ECONNRESET, EPIPE};
    yb_sim *sim = s->sim;
    if (!s->connection)
        return 0;
    bool reset = yb_sim_faulty(sim, sim->chances.reset);
    if (!reset && !yb_sim_faulty(sim, sim->chances.write))
        return 0;
    int error = reset ? ECONNRESET : errors[yb_sim_below(sim, 2)];
    yb_sim_connection_break(s->connection, ECONNRESET);
    s->error = 0;
    return error;
}

/* Attempts: a result, or -EAGAIN. */

static ssize_t receive(yb_sim_socket *s, yb_op *op)
{
    if (!yb_sim_socket_readable(s))
        return s->state == YB_SIM_CONNECTED || s->state == YB_SIM_CONNECTING ? -EAGAIN : -ENOTCONN;
    int error = receive_error(s);
    if (error)
        return -error;
    return yb_sim_socket_receive(s, op->buffer, shorten(s->sim, op->size));
}

static ssize_t send_some(yb_sim_socket *s, const void *from, size_t size)
{
    if (s->state == YB_SIM_CONNECTING)
        return -EAGAIN;
    int error = yb_sim_socket_writable(s) ? send_error(s) : 0;
    if (error)
        return -error;
    ssize_t n = yb_sim_socket_send(s, from, shorten(s->sim, size));
    if (n > 0)
        yb_sim_maybe_part(s->sim, &s->local, &s->peer);
    return n;
}

static ssize_t send_rest(yb_sim_socket *s, yb_op *op)
{
    while (op->done < op->size) {
        ssize_t n = send_some(s, (const char *)op->source + op->done, op->size - op->done);
        if (n < 0)
            return n;
        op->done += (size_t)n;
    }
    return (ssize_t)op->size;
}

static ssize_t look(const yb_sim_socket *s, const yb_op *op)
{
    unsigned events = 0;
    if (yb_sim_socket_readable(s))
        events |= YIBU_READABLE;
    if (yb_sim_socket_writable(s))
        events |= YIBU_WRITABLE;
    events &= (unsigned)op->events;
    if (s->state == YB_SIM_BROKEN)
        events |= YIBU_HANGUP;
    return events ? (ssize_t)events : -EAGAIN;
}

static ssize_t attempt(yb_sim_socket *s, yb_op *op)
{
    switch (op->kind) {
    case YB_OP_READ:
    case YB_OP_RECV:
        return op->kind == YB_OP_READ && op->offset >= 0 ? -ESPIPE : receive(s, op);
    case YB_OP_WRITE:
    case YB_OP_SEND:
        return op->kind == YB_OP_WRITE && op->offset >= 0 ? -ESPIPE
                                                          : send_some(s, op->source, op->size);
    case YB_OP_SEND_ALL:
        return send_rest(s, op);
    case YB_OP_ACCEPT:
        return yb_sim_socket_accept(s, op);
    case YB_OP_POLL:
        return look(s, op);
    default:
        return -EINVAL;
    }
}

static void trace_result(const yb_sim_socket *s, const yb_op *op, ssize_t result)
{
    static const char *const names[] = {
        [YB_OP_READ] = "receives",         [YB_OP_WRITE] = "sends",
        [YB_OP_RECV] = "receives",         [YB_OP_SEND] = "sends",
        [YB_OP_SEND_ALL] = "sends",        [YB_OP_ACCEPT] = "accepts",
        [YB_OP_CONNECT] = "connects",      [YB_OP_POLL] = "is ready for",
        [YB_OP_RECV_MESSAGE] = "receives", [YB_OP_SEND_MESSAGE] = "sends"};
    if (op->kind == YB_OP_ACCEPT && result >= 0)
        return; /* the accepted one says it */
    if (result < 0)
        yb_sim_trace_socket(s, "%s: %s", names[op->kind], yibu_error_name(result));
    else
        yb_sim_trace_socket(s, "%s %zd", names[op->kind], result);
}

/* Waiting. */

static void retry(yb_timer *timer)
{
    yb_sim_socket *s = YB_CONTAINER_OF(timer, yb_sim_socket, again);
    s->again_set = false;
    yb_sim_socket_serve(s);
}

/* The attempt is interrupted: as the kernel backends, it is made again. */
static bool interrupted(yb_sim_socket *s)
{
    if (!yb_sim_faulty(s->sim, s->sim->chances.interrupt))
        return false;
    yb_sim_trace_socket(s, "is interrupted");
    if (s->again_set)
        return true;
    s->again.fire = retry;
    s->again.deadline_ns = s->sim->now_ns;
    yb_loop_timer_add(s->sim->loop, &s->again);
    s->again_set = true;
    return true;
}

static ssize_t attempt_or_not(yb_sim_socket *s, yb_op *op)
{
    ssize_t r = interrupted(s) ? -EAGAIN : attempt(s, op);
    if (r != -EAGAIN)
        trace_result(s, op, r);
    return r;
}

static void serve_queue(yb_sim_socket *s, int queue)
{
    for (yb_op *op; (op = first_waiting(s, queue));) {
        ssize_t r = attempt_or_not(s, op);
        if (r == -EAGAIN)
            return;
        yb_list_remove(&op->links);
        yb_op_complete_soon(op, r);
    }
}

static void serve_polls(yb_sim_socket *s)
{
    yb_list *polls = &s->waiting[YB_SIM_POLLERS];
    for (yb_list *at = polls->next, *next; at != polls; at = next) {
        yb_op *op = YB_CONTAINER_OF(at, yb_op, links);
        next = at->next;
        ssize_t r = look(s, op);
        if (r == -EAGAIN)
            continue;
        yb_list_remove(at);
        yb_op_complete_soon(op, r);
    }
}

void yb_sim_socket_serve(yb_sim_socket *s)
{
    if (s->serving) /* what it sends to itself, say: the one who serves goes on */
        return;
    s->serving = true;
    serve_queue(s, YB_SIM_READERS);
    serve_queue(s, YB_SIM_WRITERS);
    serve_polls(s);
    s->serving = false;
}

int yb_sim_socket_submit(yb_sim_socket *s, yb_op *op)
{
    int queue = queue_of(op);
    ssize_t r = -EAGAIN;
    if (op->kind == YB_OP_CONNECT) {
        r = yb_sim_socket_connect(s, op);
        if (r == -EAGAIN)
            return 0;
    } else if (!first_waiting(s, queue) || queue == YB_SIM_POLLERS) {
        r = attempt_or_not(s, op);
    }
    if (r == -EAGAIN) {
        yb_list_push_back(&s->waiting[queue], &op->links);
        return 0;
    }
    if (!s->sim->options.fifo && yb_sim_below(s->sim, 2) == 1) {
        yb_op_complete_soon(op, r);
        return 0;
    }
    op->result = r;
    return 1;
}

void yb_sim_socket_cancel(yb_sim_socket *s, yb_op *op)
{
    if (s->connecting == op)
        s->connecting = NULL;
    else
        yb_list_remove(&op->links);
    yb_op_complete_soon(op, -ECANCELED);
}

void yb_sim_socket_end_all(yb_sim_socket *s, ssize_t result)
{
    if (s->connecting)
        yb_op_complete_soon(s->connecting, result);
    s->connecting = NULL;
    for (int queue = 0; queue < YB_SIM_QUEUES; queue++)
        for (yb_op *op; (op = first_waiting(s, queue));) {
            yb_list_remove(&op->links);
            yb_op_complete_soon(op, result);
        }
}
