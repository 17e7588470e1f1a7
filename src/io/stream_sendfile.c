/* A file behind what was written to a stream.
 *
 * While it is sent, the writer is lent: what others write waits in its buffer.  A close waits as
 * well; an abort closes the descriptor at once, so threads are given a duplicate, whose number
 * nobody reuses meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <yibu/copy.h>
#include <yibu/io.h>

#include "io/copy.h"
#include "io/fd_layer.h"
#include "io/stream.h"

/* Waits until nothing is left to be written, and borrows the writer. */
static int borrow(yibu_stream *stream)
{
    yb_writer *writer = &stream->writer;
    int r;
    while ((r = yb_writer_lend(writer)) == -EBUSY || r == -ENOBUFS) {
        size_t high = writer->high_water, low = writer->low_water;
        (void)yb_writer_set_limits(writer, 0, 0);
        r = yibu_stream_drain(stream);
        (void)yb_writer_set_limits(writer, high, low);
        if (r == 0 && writer->phase != YB_WRITER_IDLE)
            r = yibu_yield();
        if (r < 0)
            return r;
    }
    return r;
}

/* To a descriptor of the kernel's. */
static int send_to_fd(yibu_stream *stream, int fd, int file, int64_t offset, size_t count,
                      size_t *sent)
{
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0)
        return -errno;
    yb_writer *writer = &stream->writer;
    const yb_send_target target = {fd, duplicate, &writer->aborted};
    int r = yb_sendfile(&target, file, offset, count, sent);
    if (r == -EBADF && writer->aborted)
        r = -ECONNABORTED;
    (void)yibu_close(duplicate);
    return r;
}

static bool breaks(int error)
{
    return error == -EPIPE || error == -ECONNRESET || error == -ETIMEDOUT;
}

static int send_natively(yibu_stream *stream, int file, int64_t offset, size_t count, size_t *sent)
{
    int r = borrow(stream);
    if (r < 0)
        return r;
    yibu_stream_info info = {.size = sizeof(info)};
    r = yibu_stream_get_extra_info(stream, &info);
    if (r == 0)
        r = send_to_fd(stream, info.fd, file, offset, count, sent);
    yb_writer_take_back(&stream->writer, breaks(r) ? r : 0);
    return r;
}

static int write_piece(void *arg, const char *data, size_t size, size_t *sent)
{
    yibu_stream *stream = arg;
    int r = yibu_stream_write(stream, data, size);
    if (r < 0)
        return r;
    *sent += size;
    return yibu_stream_drain(stream);
}

ssize_t yibu_stream_sendfile(yibu_stream *stream, int file, int64_t offset, size_t count,
                             size_t *ret_sent)
{
    int r;
    if (!yb_task_require(&r))
        return r;
    if (!stream || offset < 0)
        return -EINVAL;
    if (file < 0)
        return -EBADF;
    size_t sent = 0;
    if (yb_layer_is_fd(stream->writer.layer))
        r = send_natively(stream, file, offset, count, &sent);
    else
        r = yb_copy_through(file, offset, count, write_piece, stream, &sent);
    if (ret_sent)
        *ret_sent = sent;
    return r < 0 ? r : (ssize_t)sent;
}
