/* System calls on pipes and terminals that neither wait nor raise SIGPIPE. */
#ifndef YB_IO_PIPE_CALL_H
#define YB_IO_PIPE_CALL_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/* careful: the descriptor may be in blocking mode, and others' as well.  Both return how many
 * bytes, -EAGAIN where they would have to wait, or another negative errno; the first also 0 at the
 * end. */
ssize_t yb_pipe_read(int fd, void *buffer, size_t size, bool careful);
ssize_t yb_pipe_write(int fd, const struct iovec *pieces, size_t count, bool careful);

/* For tests: as if the kernel did not know the flags that make the calls do so by themselves. */
void yb_pipe_forget_flags(bool forget);

#endif
