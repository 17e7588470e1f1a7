/* Bytes from one descriptor to another that the program does not look at: copies of files, files
 * sent through sockets and pipes.
 *
 *     yibu_copy_file("photo.jpg", "backup/photo.jpg");
 *     yibu_sendfile(socket, file, 0, SIZE_MAX, NULL);
 *
 * Where the kernel can, the bytes do not come through the program's memory; where it refuses, they
 * do, which is the only difference.
 *
 * Context of all calls: a task.  Checkpoints. */
#ifndef YIBU_COPY_H
#define YIBU_COPY_H

#include <yibu/base.h>
#include <yibu/stream.h>

YIBU_BEGIN_DECLS

/* Copies a file's content and its permissions, less the umask, to a new file, which then takes the
 * place of whatever file has that name; until then that is as it was.  File systems that can share
 * blocks do so.
 * Cancel, or a failure: nothing has changed; 16 MiB may be copied before a cancel is heard.
 * Returns how many bytes, or a negative errno. */
YIBU_API ssize_t yibu_copy_file(const char *from, const char *to);

/* copy_file_range(2), between two files; an offset of -1 is the descriptor's own, which moves.
 * Cancel: not begun, or its result.
 * Returns how many bytes, also fewer; 0 at the end; or a negative errno, -EXDEV or -EINVAL where
 * the kernel cannot. */
YIBU_API ssize_t yibu_copy_file_range(int from, int64_t from_offset, int to, int64_t to_offset,
                                      size_t size);

/* Sends count bytes of a file from offset (SIZE_MAX: up to its end) to a socket or pipe, or to
 * another file.  The file's position stays.  A socket in blocking mode is not made to wait.
 * Cancel and failures: *ret_sent, which may be NULL, says how much was sent until then.
 * Returns how many bytes: fewer than count only where the file ended, for instance because somebody
 * cut it meanwhile; -ECANCELED; or a negative errno. */
YIBU_API ssize_t yibu_sendfile(int fd, int file, int64_t offset, size_t count, size_t *ret_sent);

/* The same behind all that was written to a stream (loop.sendfile).  What is written meanwhile goes
 * out after it.  On a stream over a layer of another kind, TLS for instance, the bytes are written
 * to it like any others.
 * Cancel and failures: as above; the stream goes on, and its peer may have a part of the file.
 * Returns as above; -EPIPE where nothing may be written any more; or why writing failed. */
YIBU_API ssize_t yibu_stream_sendfile(yibu_stream *stream, int file, int64_t offset, size_t count,
                                      size_t *ret_sent);

/* splice(2): moves up to size bytes between two descriptors, one of which is a pipe; waits until
 * there are any, and room for some.  An offset of -1 is the descriptor's own.
 * Cancel: nothing was moved, or how much was is returned.
 * Returns how many bytes; 0 at the end; or a negative errno. */
YIBU_API ssize_t yibu_splice(int from, int64_t from_offset, int to, int64_t to_offset, size_t size);

YIBU_END_DECLS

#endif
