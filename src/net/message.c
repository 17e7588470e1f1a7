/* Messages, one at a time.
 *
 * A call first tries without waiting, with all it needs on the task's stack.  Where it would wait,
 * it waits for the socket to become ready and tries again: so the kernel never holds anything of a
 * task that is suspended, and no cancel can meet a message half received.
 *
 * Sends are no operations of io_uring's for another reason, too: Linux (6.18) repeats one that the
 * protocol refused after having copied the bytes (a Unix socket whose receiver's line is full) with
 * none left to copy, and so sends an empty datagram in its place. */
#include "net/message.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <yibu/task.h>

yb_task *yb_message_enter(int fd, int *ret_error)
{
    yb_task *task = yb_task_enter(ret_error);
    if (!task)
        return NULL;
    *ret_error = fd < 0 ? -EBADF : yb_loop_network() ? -ENOTSUP : 0;
    return *ret_error == 0 ? task : NULL;
}

ssize_t yb_message_try_receive(int fd, struct msghdr *header, int flags)
{
    ssize_t n;
    do
        n = recvmsg(fd, header, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t yb_message_try_send(int fd, const struct msghdr *header, int flags)
{
    ssize_t n;
    do
        n = sendmsg(fd, header, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* The events seen, or a failure. */
static ssize_t wait_for(yb_task *task, int fd, uint64_t events)
{
    int r = yb_task_checkpoint(task);
    if (r < 0)
        return r;
    yb_op *op = yb_task_prepare_op(task, YB_OP_POLL, fd);
    op->events = events;
    return yb_task_perform(task);
}

ssize_t yb_message_receive(yb_task *task, int fd, struct msghdr *header)
{
    const struct msghdr room = *header;
    ssize_t n = yb_message_try_receive(fd, header, 0);
    if (n != -EAGAIN) {
        yb_task_spend(task);
        return n;
    }
    do {
        ssize_t events = wait_for(task, fd, YIBU_READABLE);
        if (events < 0)
            return events;
        *header = room;
        n = yb_message_try_receive(fd, header, 0);
        if (n == -EAGAIN && (events & YIBU_HANGUP))
            return -EREMOTEIO; /* nothing is wrong but the error queue, which is not empty */
    } while (n == -EAGAIN);
    return n;
}

/* A Unix socket whose receiver is slow says EAGAIN, and, where it is not connected to it, nothing
 * tells when there is room again: it is asked again after a while. */
static ssize_t send_to_unix(int fd, const struct msghdr *header)
{
    static const int64_t longest_ns = YIBU_MS(20);
    for (int64_t pause_ns = YIBU_US(50);; pause_ns *= 2) {
        int r = yibu_sleep(pause_ns < longest_ns ? pause_ns : longest_ns);
        if (r < 0)
            return r;
        ssize_t n = yb_message_try_send(fd, header, 0);
        if (n != -EAGAIN)
            return n;
        if (pause_ns > longest_ns)
            pause_ns = longest_ns;
    }
}

static bool names_a_unix_socket(const struct msghdr *header)
{
    sa_family_t family;
    if (header->msg_namelen < sizeof(family))
        return false;
    memcpy(&family, header->msg_name, sizeof(family));
    return family == AF_UNIX;
}

ssize_t yb_message_send(yb_task *task, int fd, const struct msghdr *header)
{
    ssize_t n = yb_message_try_send(fd, header, 0);
    if (n == -EAGAIN && names_a_unix_socket(header))
        return send_to_unix(fd, header);
    if (n != -EAGAIN)
        yb_task_spend(task);
    while (n == -EAGAIN) {
        ssize_t events = wait_for(task, fd, YIBU_WRITABLE);
        if (events < 0)
            return events;
        n = yb_message_try_send(fd, header, 0);
        if (n == -EAGAIN && (events & YIBU_HANGUP))
            return -EREMOTEIO;
    }
    return n;
}

void yb_message_to_receive(yibu_message *message, struct iovec *piece, struct msghdr *header)
{
    *piece = (struct iovec){message->data, message->capacity};
    *header = (struct msghdr){.msg_name = &message->address.storage,
                              .msg_namelen = sizeof(message->address.storage),
                              .msg_iov = piece,
                              .msg_iovlen = 1};
}

void yb_message_to_send(const yibu_message *message, struct iovec *piece, struct msghdr *header)
{
    const yibu_address *to = &message->address;
    *piece = (struct iovec){message->data, message->size};
    *header = (struct msghdr){
        .msg_name = to->length > 0 ? (void *)(uintptr_t)&to->storage : NULL,
        .msg_namelen = to->length,
        .msg_iov = piece,
        .msg_iovlen = 1,
    };
}

void yb_message_take(const struct msghdr *header, ssize_t size, yibu_message *message)
{
    message->size = (size_t)size;
    message->address.length = header->msg_namelen;
    yb_ancillary_take(header, message);
}

ssize_t yibu_recvfrom(int fd, void *ret_buffer, size_t size, yibu_address *ret_from)
{
    int error;
    if (!ret_buffer && size > 0)
        return -EINVAL;
    yb_task *task = yb_message_enter(fd, &error);
    if (!task)
        return error;
    yibu_address from;
    struct iovec piece = {ret_buffer, size};
    struct msghdr header = {.msg_name = ret_from ? &from.storage : NULL,
                            .msg_namelen = ret_from ? sizeof(from.storage) : 0,
                            .msg_iov = &piece,
                            .msg_iovlen = 1};
    ssize_t n = yb_message_receive(task, fd, &header);
    if (n < 0)
        return n;
    if (ret_from) {
        memcpy(&ret_from->storage, &from.storage, header.msg_namelen);
        ret_from->length = header.msg_namelen;
    }
    return header.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

ssize_t yibu_sendto(int fd, const void *buffer, size_t size, const yibu_address *to)
{
    int error;
    if (!buffer && size > 0)
        return -EINVAL;
    yb_task *task = yb_message_enter(fd, &error);
    if (!task)
        return error;
    struct iovec piece = {(void *)(uintptr_t)buffer, size};
    struct msghdr header = {.msg_name = to ? (void *)(uintptr_t)&to->storage : NULL,
                            .msg_namelen = to ? to->length : 0,
                            .msg_iov = &piece,
                            .msg_iovlen = 1};
    return yb_message_send(task, fd, &header);
}

ssize_t yibu_recv_message(int fd, yibu_message *message)
{
    int error;
    if (!message || (!message->data && message->capacity > 0) ||
        (!message->fds && message->fd_capacity > 0))
        return -EINVAL;
    yb_task *task = yb_message_enter(fd, &error);
    if (!task)
        return error;
    yb_ancillary control;
    struct iovec piece;
    struct msghdr header;
    yb_message_to_receive(message, &piece, &header);
    header.msg_control = &control;
    header.msg_controllen = yb_ancillary_room(message->fd_capacity);
    memset(&control, 0, header.msg_controllen);
    ssize_t n = yb_message_receive(task, fd, &header);
    if (n >= 0)
        yb_message_take(&header, n, message);
    return n;
}

ssize_t yibu_send_message(int fd, const yibu_message *message)
{
    int error;
    if (!message || (!message->data && message->size > 0))
        return -EINVAL;
    yb_task *task = yb_message_enter(fd, &error);
    if (!task)
        return error;
    if (message->segment_size > 0 && message->segment_size < message->size)
        return yb_message_send_segments(task, fd, message);
    yb_ancillary control;
    struct iovec piece;
    struct msghdr header;
    yb_message_to_send(message, &piece, &header);
    header.msg_control = &control;
    int r = yb_ancillary_put(fd, message, 0, &header);
    return r < 0 ? r : yb_message_send(task, fd, &header);
}
