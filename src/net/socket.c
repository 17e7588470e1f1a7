/* Socket calls in the form that suspends a task. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <yibu/tcp.h>

#include "io/fd_op.h"
#include "net/socket.h"

int yb_socket_new(int family)
{
    const yb_network_class *network = yb_loop_network();
    if (network)
        return network->open(yb_loop_current->backend, family);
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    return fd < 0 ? -errno : fd;
}

int yb_socket_set(int fd, int level, int option, int value)
{
    const yb_network_class *network = yb_loop_network_of(fd);
    if (network)
        return network->set_option(yb_loop_current->backend, fd, level, option, value);
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int yb_socket_listen(int fd, const yibu_address *address, int backlog)
{
    const yb_network_class *network = yb_loop_network_of(fd);
    if (network)
        return network->listen(yb_loop_current->backend, fd, address, backlog);
    if (bind(fd, (const struct sockaddr *)&address->storage, address->length) < 0 ||
        listen(fd, backlog) < 0)
        return -errno;
    return 0;
}

int yibu_connect(int fd, const yibu_address *address)
{
    if (!address)
        return -EINVAL;
    int error;
    yb_op *op = yb_fd_op(YB_OP_CONNECT, fd, &error);
    if (!op)
        return error;
    op->source = address;
    return (int)yb_task_perform(yb_task_current);
}

static int accept_one(int fd, yibu_address *ret_peer)
{
    int error;
    yb_op *op = yb_fd_op(YB_OP_ACCEPT, fd, &error);
    if (!op)
        return error;
    op->peer = ret_peer;
    return (int)yb_task_perform(yb_task_current);
}

int yibu_accept(int fd, yibu_address *ret_peer)
{
    int accepted;
    do
        accepted = accept_one(fd, ret_peer);
    while (accepted == -ECONNABORTED); /* a client that left the queue: the next one, then */
    if (accepted >= 0)
        (void)yb_socket_set(accepted, IPPROTO_TCP, TCP_NODELAY, 1); /* others than TCP refuse */
    return accepted;
}

ssize_t yibu_recv(int fd, void *ret_buffer, size_t size)
{
    return yb_fd_transfer(YB_OP_RECV, fd, ret_buffer, size);
}

ssize_t yibu_send(int fd, const void *buffer, size_t size)
{
    return yb_fd_transfer(YB_OP_SEND, fd, buffer, size);
}

static int send_all(int fd, const void *buffer, size_t size, size_t *ret_sent)
{
    if (!buffer && size > 0)
        return -EINVAL;
    int error;
    yb_op *op = yb_fd_op(YB_OP_SEND_ALL, fd, &error);
    if (!op)
        return error;
    op->source = buffer;
    op->size = size;
    ssize_t r = yb_task_perform(yb_task_current);
    *ret_sent = op->done;
    return r < 0 ? (int)r : 0;
}

int yibu_send_all(int fd, const void *buffer, size_t size, size_t *ret_sent)
{
    size_t sent = 0;
    int r = send_all(fd, buffer, size, &sent);
    if (ret_sent)
        *ret_sent = sent;
    return r;
}

int yibu_shutdown(int fd, int how)
{
    const yb_network_class *network = yb_loop_network_of(fd);
    if (network)
        return network->shut_down(yb_loop_current->backend, fd, how);
    return shutdown(fd, how) < 0 ? -errno : 0;
}
