/* Streams: a descriptor with a buffer for what was read and one for what is to be written
 * (asyncio's StreamReader and StreamWriter, as one object).
 *
 *     yibu_stream *stream;
 *     int r = yibu_open_connection("example.org", 80, NULL, &stream);
 *     …
 *     yibu_stream_write(stream, "QUIT\r\n", 6);
 *     char *line;
 *     ssize_t n = yibu_stream_readline(stream, &line);     // 0: the end
 *     …
 *     yibu_stream_close(stream);
 *     yibu_stream_wait_closed(stream);                     // what was written has gone out
 *     yibu_stream_free(stream);
 *
 * One task reads at a time, and any number write.  No cancel loses a byte or doubles one: what a
 * cancelled read had received stays in the buffer, what a cancelled drain waited for still goes
 * out.
 *
 * A pointer to data that a read returns points into the stream's buffer: the bytes are the
 * caller's, to change as well, until the next call that reads, feeds, closes or frees the stream.
 *
 * Context, where nothing else is said: the thread of the loop on which the stream was made. */
#ifndef YIBU_STREAM_H
#define YIBU_STREAM_H

#include <sys/uio.h>
#include <yibu/address.h>
#include <yibu/base.h>
#include <yibu/iterator.h>

typedef struct yibu_stream yibu_stream;

/* Options of a stream.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_stream_options {
    size_t size;
    size_t limit;        /* bytes before a separator, at most; default 65536 */
    size_t high_water;   /* drain waits once more than this is buffered; default 65536 */
    size_t low_water;    /* … until no more than this is; default a quarter of high_water */
    size_t max_buffered; /* once more waits to be written, writing is refused; default 64 MiB */
} yibu_stream_options;

/* Options of a connection.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_connection_options {
    size_t size;
    int64_t attempt_delay_ns; /* head start of an address before the next one is tried beside it;
                               * default 250 ms; YIBU_FOREVER: one after the other */
    bool keep_alive;          /* SO_KEEPALIVE */
    bool nagle;               /* TCP_NODELAY is not set */
    yibu_stream_options stream;
} yibu_connection_options;

/* What ends a piece of a stream. */
typedef struct yibu_separator {
    const void *data;
    size_t size;
} yibu_separator;

/* A line, its "\n" included; the last one of a stream may have none. */
typedef struct yibu_line {
    char *data;
    size_t size;
} yibu_line;

/* What is known of a stream.  Set size to sizeof. */
typedef struct yibu_stream_info {
    size_t size;
    int fd;             /* -1 once it is closed; the stream's: nobody else closes it */
    yibu_address local; /* length 0 where it has none */
    yibu_address peer;
} yibu_stream_info;

YIBU_BEGIN_DECLS

/* A stream over a descriptor that can be polled (a socket, pipe, terminal …), which it takes over.
 * options may be NULL.  Never suspends.
 * Returns 0; -EINVAL, -EBADF, -ENOMEM or YIBU_ENOTASK (no loop): fd is the caller's still. */
YIBU_API int yibu_stream_new(int fd, const yibu_stream_options *options, yibu_stream **ret_stream);

/* Frees a stream.  One that is not closed is aborted first.  NULL is fine.  Never suspends.
 * No task may be waiting for it: that aborts the program. */
YIBU_API void yibu_stream_free(yibu_stream *stream);

/* Connects to host (a name or a numeric address) and port.  Of several addresses the families take
 * turns, in the resolver's order, each with a head start before the next (RFC 8305); the first that
 * answers is taken, and the others are given up.  options may be NULL.
 * Checkpoint.  Cancel: no connection is left behind.
 * Returns 0; -ECANCELED; a YIBU_EAI_ code; or the negative errno of the address that failed
 * last. */
YIBU_API int yibu_open_connection(const char *host, uint16_t port,
                                  const yibu_connection_options *options, yibu_stream **ret_stream);

/* Connects to a Unix socket: a path, or "@name" in the abstract namespace (unix(7)).
 * Checkpoint.  Cancel: no connection is left behind.
 * Returns 0, -ECANCELED, -ENAMETOOLONG, or another negative errno. */
YIBU_API int yibu_open_unix_connection(const char *path, const yibu_stream_options *options,
                                       yibu_stream **ret_stream);

/* Reading.  All calls that suspend: a checkpoint, and -EBUSY while another task reads.  What is
 * buffered is handed out before a failure of the descriptor is told, which every later read
 * repeats.  After yibu_stream_close or _abort of its own side, a stream that is read is at its
 * end. */

/* Up to size bytes, as soon as there are any.  Cancel: nothing was read, or what was is returned.
 * Returns how many; 0 at the end, or where size is 0; or a failure. */
YIBU_API ssize_t yibu_stream_read(yibu_stream *stream, void *ret_buffer, size_t size);

/* All that comes until the end, max_size bytes at most (asyncio: read(-1)).
 * Returns how many; or a failure: YIBU_ELIMIT where there is more.  After one, nothing is
 * consumed. */
YIBU_API ssize_t yibu_stream_read_all(yibu_stream *stream, size_t max_size, char **ret_data);

/* Exactly size bytes, or none.
 * Returns 0; YIBU_EINCOMPLETE where the stream ends before; or another failure.  After any failure
 * what has come is in the buffer: yibu_stream_read and yibu_stream_peek have it. */
YIBU_API int yibu_stream_readexactly(yibu_stream *stream, void *ret_buffer, size_t size);

/* The next line.  Returns its length, "\n" included; what is left at the end is a line, too; 0 at
 * the end; or a failure: YIBU_ELIMIT for a line longer than the limit.  After one, nothing is
 * consumed. */
YIBU_API ssize_t yibu_stream_readline(yibu_stream *stream, char **ret_line);

/* Everything up to the separator, that included.
 * Returns the length; YIBU_EINCOMPLETE at the end of the stream; YIBU_ELIMIT where the separator
 * does not follow within the limit; -EINVAL for an empty one; or another failure.  After one,
 * nothing is consumed. */
YIBU_API ssize_t yibu_stream_readuntil(yibu_stream *stream, const void *separator, size_t size,
                                       char **ret_data);

/* The same with several: up to the first place at which one of them ends; where several end there,
 * the longest counts.  *ret_which, which may be NULL, says which. */
YIBU_API ssize_t yibu_stream_readuntil_any(yibu_stream *stream, const yibu_separator *separators,
                                           size_t count, size_t *ret_which, char **ret_data);

/* Waits until at least size bytes are buffered, or the stream has ended, and shows all that are;
 * they stay in the buffer.  size 0 does not wait.
 * Returns how many, fewer than size only at the end; or a failure. */
YIBU_API ssize_t yibu_stream_peek(yibu_stream *stream, size_t size, char **ret_data);

/* Takes bytes off the buffer's front.  Never suspends.  Returns 0, or -EINVAL where it has
 * fewer. */
YIBU_API int yibu_stream_consume(yibu_stream *stream, size_t size);

/* How many bytes are buffered for reading.  Never suspends. */
YIBU_API size_t yibu_stream_buffered(const yibu_stream *stream);

/* Whether the end has come and the buffer is empty.  Never suspends. */
YIBU_API bool yibu_stream_at_eof(const yibu_stream *stream);

/* Puts a copy of data behind what is buffered, as if it had come in.  Never suspends.
 * Returns 0, -ENOMEM, -EPIPE where the stream has ended, or -EBUSY while a task reads. */
YIBU_API int yibu_stream_feed_data(yibu_stream *stream, const void *data, size_t size);

/* Says that nothing more will come; a read that waits ends.  Never suspends. */
YIBU_API void yibu_stream_feed_eof(yibu_stream *stream);

/* The lines as an iterator of yibu_line (*), each valid until the next.  It ends with the stream,
 * or with a failure of yibu_stream_readline.  The stream must outlive it.  Never suspends.
 * Returns NULL without memory. */
YIBU_API yibu_iterator *yibu_stream_lines(yibu_stream *stream);

/* Writing.  A failure of the descriptor is told by the next call, and by every later one. */

/* Sends as much as goes out at once and buffers a copy of the rest, which goes out by itself; call
 * yibu_stream_drain now and then.  Never suspends.
 * Returns 0; -ENOBUFS where more than max_buffered waits already, and -ENOMEM: nothing was taken;
 * -EPIPE after yibu_stream_write_eof, _close or _abort; or the failure of an earlier write.
 * (Without memory for the rest of what was sent in part, -ENOMEM is such a failure.) */
YIBU_API int yibu_stream_write(yibu_stream *stream, const void *data, size_t size);

/* The same for several pieces, in one system call where possible. */
YIBU_API int yibu_stream_writelines(yibu_stream *stream, const struct iovec *pieces, size_t count);

/* Waits, where more than high_water is buffered, until no more than low_water is.
 * Checkpoint.  Cancel: the buffer still goes out.  Returns 0, -ECANCELED, or why writing failed. */
YIBU_API int yibu_stream_drain(yibu_stream *stream);

/* Ends the stream for the peer, once all that was written has gone out.  Reading goes on.
 * Never suspends.  Returns 0, also the second time; -ENOTSUP where the descriptor cannot. */
YIBU_API int yibu_stream_write_eof(yibu_stream *stream);
YIBU_API bool yibu_stream_can_write_eof(const yibu_stream *stream);

/* Sets high_water and low_water; 0 and 0 make drain wait until all has gone out.
 * Never suspends.  Returns 0, or -EINVAL where low is above high. */
YIBU_API int yibu_stream_set_write_buffer_limits(yibu_stream *stream, size_t high, size_t low);
YIBU_API void yibu_stream_get_write_buffer_limits(const yibu_stream *stream, size_t *ret_high,
                                                  size_t *ret_low);

/* How many bytes are buffered for writing.  Never suspends. */
YIBU_API size_t yibu_stream_get_write_buffer_size(const yibu_stream *stream);

/* Closes the descriptor once all that was written has gone out.  Ends reading at once.
 * Never suspends. */
YIBU_API void yibu_stream_close(yibu_stream *stream);

/* Closes the descriptor now; what has not gone out is dropped.  Never suspends. */
YIBU_API void yibu_stream_abort(yibu_stream *stream);

/* Whether it was closed or aborted.  Never suspends. */
YIBU_API bool yibu_stream_is_closing(const yibu_stream *stream);

/* Waits until the descriptor is closed; somebody must have called for that.
 * Checkpoint.  Cancel: it is closed all the same, once what was written has gone out.
 * Returns 0, -ECANCELED, or why what was written did not all go out. */
YIBU_API int yibu_stream_wait_closed(yibu_stream *stream);

/* Says what is known of a stream.  Never suspends.  Returns 0 or -EINVAL. */
YIBU_API int yibu_stream_get_extra_info(const yibu_stream *stream, yibu_stream_info *ret_info);

YIBU_END_DECLS

#endif
