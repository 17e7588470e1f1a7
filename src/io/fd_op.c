/* See fd_op.h. */
#include "io/fd_op.h"

#include <errno.h>

yb_op *yb_fd_op(yb_op_kind kind, int fd, int *ret_error)
{
    yb_task *task = yb_task_enter(ret_error);
    if (!task)
        return NULL;
    if (YB_LIKELY(fd >= 0))
        return yb_task_prepare_call(task, kind, fd);
    *ret_error = -EBADF;
    return NULL;
}

ssize_t yb_fd_transfer(yb_op_kind kind, int fd, const void *buffer, size_t size)
{
    int error;
    yb_op *op = yb_fd_op(kind, fd, &error);
    if (!op)
        return error;
    if (!buffer && size > 0)
        return -EINVAL;
    op->source = buffer; /* op->buffer where the kernel writes */
    op->size = size < YB_MAX_TRANSFER ? size : YB_MAX_TRANSFER;
    op->offset = -1;
    return yb_task_perform(yb_task_current);
}
