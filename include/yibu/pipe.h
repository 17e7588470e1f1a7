/* Pipes, and the descriptors that a program shares with others: standard input, output and error.
 *
 * Whether a read or a write waits is a property of what a descriptor stands for, not of the
 * descriptor, and so of everybody who has it: a program that makes its standard input non-blocking
 * makes that of the shell non-blocking, for good where it is killed.  These streams change nothing
 * that is shared.  A pipe or terminal is opened anew, through /proc/self/fd, which gives the
 * program a view of its own; where that is refused, and for files, devices and sockets, the shared
 * one is used such that it does not wait.
 *
 * Writing to a pipe that nobody reads any more is -EPIPE, never a signal.
 *
 * Context: the loop's thread.  Nothing here suspends. */
#ifndef YIBU_PIPE_H
#define YIBU_PIPE_H

#include <yibu/base.h>
#include <yibu/stream.h>

YIBU_BEGIN_DECLS

/* A pipe as two streams, the caller's to close and free.  options may be NULL.
 * Returns 0, -EMFILE, -EINVAL, -ENOMEM or YIBU_ENOTASK (no loop). */
YIBU_API int yibu_pipe(const yibu_stream_options *options, yibu_stream **ret_reader,
                       yibu_stream **ret_writer);

/* A stream that reads from (writes to) a descriptor that others may have as well: a pipe, a
 * terminal, a socket, a file or a device.  fd stays the caller's and open; the stream has a
 * descriptor of its own.  options may be NULL.
 * Returns 0; -EBADF, also where fd cannot be read (written); -EMFILE, -EINVAL, -ENOMEM or
 * YIBU_ENOTASK. */
YIBU_API int yibu_connect_read_pipe(int fd, const yibu_stream_options *options,
                                    yibu_stream **ret_stream);
YIBU_API int yibu_connect_write_pipe(int fd, const yibu_stream_options *options,
                                     yibu_stream **ret_stream);

/* Standard input, output and error as streams.  Open each once: two streams of one descriptor have
 * two buffers, and what <stdio.h> has buffered is a third.  What was written goes out while the
 * loop runs; close the stream and wait for that (yibu_stream_wait_closed) before the program
 * ends. */
YIBU_API int yibu_open_stdin(const yibu_stream_options *options, yibu_stream **ret_stream);
YIBU_API int yibu_open_stdout(const yibu_stream_options *options, yibu_stream **ret_stream);
YIBU_API int yibu_open_stderr(const yibu_stream_options *options, yibu_stream **ret_stream);

YIBU_END_DECLS

#endif
