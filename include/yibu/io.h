/* Descriptors in the form that suspends a task.  The callback form is in <yibu/op.h>. */
#ifndef YIBU_IO_H
#define YIBU_IO_H

#include <yibu/base.h>

YIBU_BEGIN_DECLS

/* read(2): up to size bytes; 0 is end of file.  fd is a pipe, socket, terminal or other descriptor
 * that can be polled; for files see <yibu/file.h>.
 * Checkpoint.  Cancel: nothing was read, or what was read is returned.
 * Returns the number of bytes, 0, -ECANCELED, or a negative errno. */
YIBU_API ssize_t yibu_read(int fd, void *ret_buffer, size_t size);

/* write(2): may write less than size.  Checkpoint.  Cancel: nothing was written, or how much was
 * is returned.  Returns the number of bytes, -ECANCELED, or a negative errno. */
YIBU_API ssize_t yibu_write(int fd, const void *buffer, size_t size);

/* Suspends until fd is readable (writable) or has hung up; reads nothing.  For libraries that own
 * their descriptors.  Checkpoint.  Returns 0, -ECANCELED, or a negative errno. */
YIBU_API int yibu_wait_readable(int fd);
YIBU_API int yibu_wait_writable(int fd);

/* Closes fd.  Operations on it that this thread's loop has under way end with -EBADF.
 * Never suspends.  Returns 0, or -EBADF; whatever else close(2) says, fd is gone. */
YIBU_API int yibu_close(int fd);

YIBU_END_DECLS

#endif
