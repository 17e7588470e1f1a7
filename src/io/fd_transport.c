/* A descriptor as a transport.  Sockets are sent to directly, others through operations alone: a
 * descriptor in blocking mode cannot be tried. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <yibu/io.h>
#include <yibu/tcp.h>

#include "base/memory.h"
#include "io/transport.h"

typedef struct fd_transport {
    yb_transport transport;
    int fd; /* -1 once closed */
    bool is_socket;
    bool simulated;
} fd_transport;

static fd_transport *self(yb_transport *transport)
{
    return YB_CONTAINER_OF(transport, fd_transport, transport);
}

static int start(yb_transport *transport, yb_op *op, yb_op_kind kind, size_t size)
{
    const fd_transport *t = self(transport);
    if (t->fd < 0)
        return -EBADF;
    op->kind = (uint8_t)kind;
    op->fd = t->fd;
    op->size = size < YB_MAX_TRANSFER ? size : YB_MAX_TRANSFER;
    op->offset = -1;
    return yb_op_start(transport->loop, op);
}

static int start_read(yb_transport *transport, yb_op *op, void *buffer, size_t size)
{
    op->buffer = buffer;
    return start(transport, op, self(transport)->is_socket ? YB_OP_RECV : YB_OP_READ, size);
}

static int start_write(yb_transport *transport, yb_op *op, const void *buffer, size_t size)
{
    op->source = buffer;
    return start(transport, op, self(transport)->is_socket ? YB_OP_SEND : YB_OP_WRITE, size);
}

static int finish(yb_transport *transport, yb_op *op)
{
    op->result = yibu_shutdown(self(transport)->fd, SHUT_WR);
    return 1;
}

static void close_now(yb_transport *transport)
{
    fd_transport *t = self(transport);
    int fd = t->fd;
    t->fd = -1;
    if (fd >= 0)
        (void)yibu_close(fd);
}

static int close_in_order(yb_transport *transport, yb_op *op)
{
    close_now(transport);
    op->result = 0;
    return 1;
}

/* As the system calls: -1 with errno, or how many bytes. */
static ssize_t send_now(int fd, const struct iovec *pieces, size_t count)
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (count == 1)
        return send(fd, pieces->iov_base, pieces->iov_len, flags);
    const struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)pieces, /* which are only read */
        .msg_iovlen = count < IOV_MAX ? count : IOV_MAX,
    };
    return sendmsg(fd, &message, flags);
}

static ssize_t try_write(yb_transport *transport, const struct iovec *pieces, size_t count)
{
    const fd_transport *t = self(transport);
    if (!t->is_socket || t->simulated)
        return -EAGAIN;
    ssize_t n;
    do
        n = send_now(t->fd, pieces, count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void tell_peer(int fd, yibu_address *ret_peer)
{
    const yb_network_class *network = yb_loop_network_of(fd);
    yibu_address peer = {.length = sizeof(peer.storage)};
    if (network ? network->get_peer(yb_loop_current->backend, fd, &peer) == 0
                : getpeername(fd, (struct sockaddr *)&peer.storage, &peer.length) == 0)
        *ret_peer = peer;
}

static void tell(yb_transport *transport, yibu_stream_info *ret_info)
{
    const fd_transport *t = self(transport);
    ret_info->fd = t->fd;
    if (t->fd < 0 || !t->is_socket)
        return;
    (void)yibu_getsockname(t->fd, &ret_info->local);
    tell_peer(t->fd, &ret_info->peer);
}

static void free_transport(yb_transport *transport)
{
    yb_free(self(transport));
}

static const yb_transport_class fd_class = {
    .read = start_read,
    .write = start_write,
    .finish = finish,
    .close = close_in_order,
    .try_write = try_write,
    .abort = close_now,
    .info = tell,
    .free = free_transport,
};

/* 1 or 0, or why that cannot be told. */
static int is_socket(int fd)
{
    int type;
    socklen_t length = sizeof(type);
    if (yb_loop_network_of(fd) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0)
        return 1;
    return errno == ENOTSOCK ? 0 : -errno;
}

int yb_fd_transport_new(yibu_loop *loop, int fd, yb_transport **ret_transport)
{
    int socket = is_socket(fd);
    if (socket < 0)
        return socket;
    fd_transport *t = yb_calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->simulated = yb_loop_network_of(fd) != NULL;
    t->is_socket = socket == 1;
    t->transport = (yb_transport){&fd_class, loop, .can_finish = t->is_socket};
    t->fd = fd;
    if (t->is_socket)
        loop->backend->class->adopt_fd(loop->backend, fd);
    *ret_transport = &t->transport;
    return 0;
}
