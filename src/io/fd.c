/* Descriptors in the form that suspends a task. */
#include <errno.h>
#include <unistd.h>
#include <yibu/io.h>

#include "io/fd_op.h"

ssize_t yibu_read(int fd, void *ret_buffer, size_t size)
{
    return yb_fd_transfer(YB_OP_READ, fd, ret_buffer, size);
}

ssize_t yibu_write(int fd, const void *buffer, size_t size)
{
    return yb_fd_transfer(YB_OP_WRITE, fd, buffer, size);
}

static int wait_for(int fd, uint64_t events)
{
    int error;
    yb_op *op = yb_fd_op(YB_OP_POLL, fd, &error);
    if (!op)
        return error;
    op->events = events;
    ssize_t r = yb_task_perform(yb_task_current);
    return r < 0 ? (int)r : 0;
}

int yibu_wait_readable(int fd)
{
    return wait_for(fd, YIBU_READABLE);
}

int yibu_wait_writable(int fd)
{
    return wait_for(fd, YIBU_WRITABLE);
}

int yibu_close(int fd)
{
    yibu_loop *loop = yb_loop_current;
    if (loop && fd >= 0)
        loop->backend->class->forget_fd(loop->backend, fd);
    const yb_network_class *network = yb_loop_network_of(fd);
    if (network)
        return network->close(loop->backend, fd);
    /* Whatever close says but EBADF, Linux has released the descriptor. */
    return close(fd) < 0 && errno == EBADF ? -EBADF : 0;
}
