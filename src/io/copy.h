/* Transfers through memory, where the kernel has no shorter way. */
#ifndef YB_IO_COPY_H
#define YB_IO_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { YB_COPY_BUFFER = 64 * 1024 };

/* Whether a failure says that the kernel cannot do it for these two descriptors. */
int yb_copy_refused(ssize_t result);

/* Writes a piece of the file: all of it, or a failure, with what was written added to *sent. */
typedef int yb_copy_sink(void *arg, const char *data, size_t size, size_t *sent);

/* Reads count bytes of the file from offset, or up to its end, and passes them on.
 * Returns 0 at the end or once *sent is count, or a negative errno. */
int yb_copy_through(int file, int64_t offset, size_t count, yb_copy_sink *sink, void *arg,
                    size_t *sent);

/* A sink: arg points to a descriptor that is nobody else's. */
int yb_copy_to_fd(void *arg, const char *data, size_t size, size_t *sent);

/* Where a file is sent to.  Threads write to a duplicate, where somebody may close fd meanwhile. */
typedef struct yb_send_target {
    int fd;
    int duplicate;          /* or the same */
    const bool *is_aborted; /* NULL: it is not */
} yb_send_target;

/* Sends from file to target: the kernel does, or as above.  Returns 0, -ECONNABORTED, or another
 * negative errno, with what was sent added to *sent. */
int yb_sendfile(const yb_send_target *target, int file, int64_t offset, size_t count, size_t *sent);

#endif
