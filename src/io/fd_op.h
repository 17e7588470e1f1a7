/* What every suspending call on a descriptor begins with. */
#ifndef YB_IO_FD_OP_H
#define YB_IO_FD_OP_H

#include "task/task.h"

/* A checkpoint, then the running task's operation on fd, to be filled in and performed with
 * yb_task_perform(yb_task_current); or NULL with the reason in *ret_error. */
yb_op *yb_fd_op(yb_op_kind kind, int fd, int *ret_error);

/* Performs a transfer between fd and size bytes at buffer, at fd's own position. */
ssize_t yb_fd_transfer(yb_op_kind kind, int fd, const void *buffer, size_t size);

#endif
