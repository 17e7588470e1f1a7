/* Making calls on files: by the backend, or on a thread of the loop's pool for files. */
#ifndef YB_IO_FILE_CALL_H
#define YB_IO_FILE_CALL_H

#include <fcntl.h>

#include "platform/file_call.h"
#include "task/task.h"

/* Makes the call as a checkpoint.  Returns its result, or why it was not made; a read or write of
 * what is no file answers -EAGAIN where it would have to wait. */
ssize_t yb_file_call_make(yb_file_call *call);

/* The same, but cancels are left to the next checkpoint. */
ssize_t yb_file_call_finish(yb_file_call *call);

/* Closes a file that was only read, so that nothing is left to be done that could take time. */
void yb_file_close_read(int fd);

/* Whether what fd is can be waited for: a pipe, socket, terminal or other device, and no file. */
bool yb_fd_can_wait(int fd);

#endif
