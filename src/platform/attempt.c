/* The system calls behind the operations.  None blocks: sockets are called with MSG_DONTWAIT, and
 * a descriptor that is in blocking mode, which may belong to others too (a shared terminal, say),
 * is asked by poll(2) first and never written more than a pipe takes whole. */
#include "platform/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <yibu/address.h>

void yb_op_write_to_send(yb_op *op)
{
    int type;
    socklen_t length = sizeof(type);
    if (op->offset < 0 && getsockopt(op->fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0)
        op->kind = YB_OP_SEND;
}

unsigned yb_poll_mask(uint64_t events)
{
    unsigned mask = 0;
    if (events & YIBU_READABLE)
        mask |= POLLIN | POLLRDHUP;
    if (events & YIBU_WRITABLE)
        mask |= POLLOUT;
    return mask;
}

unsigned yb_poll_result(unsigned mask, uint64_t wanted)
{
    unsigned events = 0;
    if (mask & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
        events |= YIBU_READABLE;
    if (mask & (POLLOUT | POLLHUP | POLLERR))
        events |= YIBU_WRITABLE;
    events &= (unsigned)wanted;
    if (mask & (POLLHUP | POLLERR))
        events |= YIBU_HANGUP;
    return events;
}

/* Whether a call on fd would wait although fd is in blocking mode. */
static bool would_block(const yb_op *op, bool *ret_blocking)
{
    int flags = fcntl(op->fd, F_GETFL);
    *ret_blocking = flags >= 0 && !(flags & O_NONBLOCK);
    if (!*ret_blocking)
        return false;
    struct pollfd query = {.fd = op->fd, .events = yb_op_writes(op) ? POLLOUT : POLLIN};
    return poll(&query, 1, 0) == 0;
}

static ssize_t read_or_write(yb_op *op)
{
    bool blocking;
    if (would_block(op, &blocking)) {
        errno = EAGAIN;
        return -1;
    }
    size_t size = op->size;
    if (op->kind == YB_OP_READ)
        return op->offset >= 0 ? pread(op->fd, op->buffer, size, op->offset)
                               : read(op->fd, op->buffer, size);
    if (op->offset >= 0)
        return pwrite(op->fd, op->source, size, op->offset);
    if (blocking && size > PIPE_BUF)
        size = PIPE_BUF;
    return write(op->fd, op->source, size);
}

/* What accept(2) on fd would say at once, although nobody has come: EAGAIN from a listener. */
static int accept_error(int fd)
{
    int listening = 0;
    socklen_t length = sizeof(listening);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0)
        return errno;
    return listening ? EAGAIN : EINVAL;
}

static ssize_t accept_one(yb_op *op)
{
    bool blocking;
    if (would_block(op, &blocking)) {
        errno = accept_error(op->fd);
        return -1;
    }
    if (!op->peer)
        return accept4(op->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    op->peer->length = sizeof(op->peer->storage);
    return accept4(op->fd, (struct sockaddr *)&op->peer->storage, &op->peer->length,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static ssize_t send_rest(yb_op *op)
{
    while (op->done < op->size) {
        ssize_t n = send(op->fd, (const char *)op->source + op->done, op->size - op->done,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return n;
        op->done += (size_t)n;
    }
    return (ssize_t)op->size;
}

static ssize_t connect_step(yb_op *op)
{
    if (op->done == 0) {
        op->done = 1;
        const yibu_address *to = op->peer;
        if (connect(op->fd, (const struct sockaddr *)&to->storage, to->length) == 0)
            return 0;
        if (errno == EINPROGRESS || errno == EINTR)
            errno = EAGAIN;
        return -1;
    }
    struct pollfd query = {.fd = op->fd, .events = POLLOUT};
    if (poll(&query, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(op->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -1;
    errno = error;
    return error ? -1 : 0;
}

/* As the system calls: -1 with errno, or a result. */
static ssize_t attempt_once(yb_op *op)
{
    switch (op->kind) {
    case YB_OP_READ:
    case YB_OP_WRITE:
        return read_or_write(op);
    case YB_OP_RECV:
        return recv(op->fd, op->buffer, op->size, MSG_DONTWAIT);
    case YB_OP_SEND:
        return send(op->fd, op->source, op->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case YB_OP_SEND_ALL:
        return send_rest(op);
    case YB_OP_RECV_MESSAGE:
        return recvmsg(op->fd, op->message, (int)op->size | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    case YB_OP_SEND_MESSAGE:
        return sendmsg(op->fd, op->message, (int)op->size | MSG_DONTWAIT | MSG_NOSIGNAL);
    case YB_OP_ACCEPT:
        return accept_one(op);
    case YB_OP_CONNECT:
        return connect_step(op);
    default:
        errno = EINVAL;
        return -1;
    }
}

ssize_t yb_attempt(yb_op *op)
{
    ssize_t r;
    do
        r = attempt_once(op);
    while (r == -1 && errno == EINTR);
    return r == -1 ? -errno : r;
}
