/* Datagram transports: what goes out.
 *
 * A datagram is sent at once where nothing waits and the socket has room; else a copy waits for its
 * turn.  A Unix socket with a receiver that is slow never tells when there is room: it is asked
 * again after a while. */
#include <errno.h>
#include <string.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "net/datagram.h"
#include "net/message.h"

static const int64_t PAUSE_NS = YIBU_MS(1);

static ssize_t try_send(int fd, const void *data, size_t size, const yibu_address *to)
{
    bool connected = !to || to->length == 0;
    struct iovec piece = {(void *)(uintptr_t)data, size};
    const struct msghdr header = {
        .msg_name = connected ? NULL : (void *)(uintptr_t)&to->storage,
        .msg_namelen = connected ? 0 : to->length,
        .msg_iov = &piece,
        .msg_iovlen = 1,
    };
    return yb_message_try_send(fd, &header, 0);
}

static yb_datagram *first_of(const yibu_datagram_transport *t)
{
    return yb_list_empty(&t->waiting) ? NULL : YB_CONTAINER_OF(t->waiting.next, yb_datagram, links);
}

static void drop_first(yibu_datagram_transport *t)
{
    yb_datagram *first = first_of(t);
    t->waiting_bytes -= sizeof(*first) + first->size;
    yb_list_remove(&first->links);
    yb_free(first);
}

void yb_datagram_drop(yibu_datagram_transport *t)
{
    while (first_of(t))
        drop_first(t);
    if (t->writes)
        (void)yb_op_cancel(&t->write_op);
}

static void wait_to_send(yibu_datagram_transport *t);

/* Sends what can be sent now.  A callback may drop the rest. */
static void send_waiting(yibu_datagram_transport *t)
{
    for (yb_datagram *first; (first = first_of(t));) {
        ssize_t n = try_send(t->fd, first->data, first->size, &first->to);
        if (n == -EAGAIN)
            break;
        drop_first(t);
        if (n < 0)
            YB_DATAGRAM_TELL(t, error_received, t, (int)n, NULL);
    }
    if (t->paused && !t->closing && t->waiting_bytes <= t->low_water) {
        t->paused = false;
        YB_DATAGRAM_TELL(t, resume_writing, t);
    }
    if (first_of(t))
        wait_to_send(t);
}

static void writable(yb_op *op, ssize_t result)
{
    yibu_datagram_transport *t = YB_CONTAINER_OF(op, yibu_datagram_transport, write_op);
    t->writes = false;
    yb_datagram_enter(t);
    if (result < 0 && result != -ECANCELED)
        yb_datagram_fail(t, (int)result);
    send_waiting(t);
    yb_datagram_leave(t);
}

static void wait_to_send(yibu_datagram_transport *t)
{
    if (t->writes)
        return;
    yb_op *op = &t->write_op;
    memset(op, 0, sizeof(*op));
    op->callback = writable;
    op->fd = t->fd;
    if (first_of(t)->to.storage.ss_family == AF_UNIX) {
        op->kind = YB_OP_SLEEP;
        op->timer.deadline_ns = yb_loop_deadline(t->loop, PAUSE_NS);
    } else {
        op->kind = YB_OP_POLL;
        op->events = YIBU_WRITABLE;
    }
    int r = yb_op_start(t->loop, op);
    t->writes = r == 0;
    if (r < 0)
        yb_datagram_fail(t, r);
}

static int keep(yibu_datagram_transport *t, const void *data, size_t size, const yibu_address *to)
{
    size_t bytes = sizeof(yb_datagram) + size;
    if (bytes > t->max_buffered || t->waiting_bytes > t->max_buffered - bytes)
        return -ENOBUFS;
    yb_datagram *datagram = yb_malloc(bytes);
    if (!datagram)
        return -ENOMEM;
    datagram->to = to ? *to : (yibu_address){0};
    datagram->size = size;
    if (size > 0)
        memcpy(datagram->data, data, size);
    yb_list_push_back(&t->waiting, &datagram->links);
    t->waiting_bytes += bytes;
    return 0;
}

static void pause_where_full(yibu_datagram_transport *t)
{
    if (t->paused || t->waiting_bytes <= t->high_water)
        return;
    t->paused = true;
    YB_DATAGRAM_TELL(t, pause_writing, t);
}

int yibu_datagram_transport_sendto(yibu_datagram_transport *t, const void *data, size_t size,
                                   const yibu_address *to)
{
    yb_loop_check_thread(t->loop, "sent a datagram");
    if (!data && size > 0)
        return -EINVAL;
    if (t->closing)
        return -EPIPE;
    if (!first_of(t)) {
        ssize_t n = try_send(t->fd, data, size, to);
        if (n != -EAGAIN)
            return n < 0 ? (int)n : 0;
    }
    int r = keep(t, data, size, to);
    if (r < 0)
        return r;
    yb_datagram_enter(t);
    wait_to_send(t);
    pause_where_full(t);
    yb_datagram_leave(t);
    return 0;
}

int yibu_datagram_transport_set_write_buffer_limits(yibu_datagram_transport *t, size_t high,
                                                    size_t low)
{
    if (low > high)
        return -EINVAL;
    t->high_water = high;
    t->low_water = low;
    return 0;
}

size_t yibu_datagram_transport_get_write_buffer_size(const yibu_datagram_transport *t)
{
    return t->waiting_bytes;
}
