/* Datagram transports: what comes in.
 *
 * The transport waits for its socket to become readable and then takes a batch of messages, into
 * room that all transports of a loop share: what came is the protocol's until its callback returns,
 * and no callback can get in between.  What is left makes the socket readable again at once. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "net/datagram.h"
#include "net/message.h"

enum { BATCH = 16, MESSAGE_BYTES = 65536 };

/* 64 KiB each: of memory that no long datagram has been in, the system has given little yet. */
struct yb_datagram_room {
    yibu_message messages[BATCH];
    char data[BATCH][MESSAGE_BYTES];
};

yb_datagram_room *yb_datagram_room_new(void)
{
    return yb_malloc(sizeof(yb_datagram_room));
}

void yb_datagram_room_free(yb_datagram_room *room)
{
    yb_free(room);
}

static void deliver_segments(yibu_datagram_transport *t, const yibu_message *message)
{
    size_t segment = message->segment_size ? message->segment_size : message->size;
    size_t at = 0;
    do {
        size_t size = message->size - at < segment ? message->size - at : segment;
        YB_DATAGRAM_TELL(t, datagram_received, t, (char *)message->data + at, size,
                         &message->address);
        at += size;
    } while (at < message->size && !t->closing);
}

static void deliver(yibu_datagram_transport *t, yibu_message *message)
{
    if (message->flags & YIBU_MESSAGE_TRUNCATED)
        YB_DATAGRAM_TELL(t, error_received, t, -EMSGSIZE, NULL);
    else if (t->protocol->methods->message_received)
        YB_DATAGRAM_TELL(t, message_received, t, message);
    else
        deliver_segments(t, message);
}

/* What the error queue holds; returns whether it held anything. */
static bool deliver_errors(yibu_datagram_transport *t)
{
    yibu_udp_error what;
    bool any = false;
    while (!t->closing && yibu_udp_recv_error(t->fd, NULL, 0, &what) == 0) {
        any = true;
        if (what.error < 0)
            YB_DATAGRAM_TELL(t, error_received, t, what.error, &what);
    }
    return any;
}

/* Whether the socket can go on after it. */
static bool is_passing(int error)
{
    return error != -EBADF && error != -ENOTSOCK && error != -EINVAL && error != -EFAULT &&
           error != -EOPNOTSUPP && error != -ENOTCONN;
}

static void receive_batch(yibu_datagram_transport *t)
{
    yb_datagram_room *room = yb_datagram_room_of(t->loop);
    for (int i = 0; i < BATCH; i++)
        room->messages[i] = (yibu_message){.data = room->data[i], .capacity = MESSAGE_BYTES};
    ssize_t n = yb_messages_try_receive(t->fd, room->messages, BATCH);
    for (ssize_t i = 0; i < n && !t->closing; i++)
        deliver(t, &room->messages[i]);
    if (n >= 0 || n == -EAGAIN)
        return;
    if (!is_passing((int)n))
        yb_datagram_fail(t, (int)n);
    else if (!deliver_errors(t))
        YB_DATAGRAM_TELL(t, error_received, t, (int)n, NULL);
}

static void readable(yb_op *op, ssize_t result)
{
    yibu_datagram_transport *t = YB_CONTAINER_OF(op, yibu_datagram_transport, read_op);
    t->reads = false;
    yb_datagram_enter(t);
    if (!t->closing && result < 0)
        yb_datagram_fail(t, (int)result);
    if (!t->closing)
        receive_batch(t);
    if (!t->closing && (result & YIBU_HANGUP))
        (void)deliver_errors(t);
    if (!t->closing)
        yb_datagram_read(t);
    yb_datagram_leave(t);
}

void yb_datagram_read(yibu_datagram_transport *t)
{
    yb_op *op = &t->read_op;
    memset(op, 0, sizeof(*op));
    op->callback = readable;
    op->kind = YB_OP_POLL;
    op->fd = t->fd;
    op->events = YIBU_READABLE;
    int r = yb_op_start(t->loop, op);
    t->reads = r == 0;
    if (r < 0)
        yb_datagram_fail(t, r);
}
