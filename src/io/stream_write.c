/* A stream's write side: what does not go out at once waits in chunks, and an operation of the
 * stream's own sends them, one after the other, whether anybody drains or not.
 *
 * Bytes are tried directly only while nothing waits, so they go out in the order of the calls.  The
 * chunk that is with the layer stays where it is until the operation has ended, also after an
 * abort.  A failure drops what waits: nobody could send it. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "io/stream.h"

static void wake_drainers(yibu_stream *stream)
{
    stream->paused = false;
    while (yb_waiters_end_first(&stream->drained, 0))
        ;
}

static void measure(yibu_stream *stream)
{
    if (stream->chunks.size > stream->high_water)
        stream->paused = true;
    else if (stream->chunks.size <= stream->low_water && stream->paused)
        wake_drainers(stream);
}

static void fail(yibu_stream *stream, int error)
{
    if (!stream->write_error)
        stream->write_error = error;
    yb_chunks_clear(&stream->chunks);
    wake_drainers(stream);
}

static void become_closed(yibu_stream *stream)
{
    yb_chunks_clear(&stream->chunks);
    stream->phase = YB_STREAM_CLOSED;
    wake_drainers(stream);
    while (yb_waiters_end_first(&stream->closed, 0))
        ;
}

static void conclude(yibu_stream *stream, ssize_t result)
{
    yb_stream_phase phase = stream->phase;
    stream->phase = YB_STREAM_IDLE;
    if (stream->aborted || phase == YB_STREAM_CLOSING) {
        become_closed(stream);
        return;
    }
    if (result < 0) {
        fail(stream, (int)result);
        return;
    }
    if (phase == YB_STREAM_FINISHING) {
        stream->eof_sent = true;
        return;
    }
    yb_chunks_take(&stream->chunks, (size_t)result);
    measure(stream);
}

static void ended(yb_op *op, ssize_t result)
{
    yibu_stream *stream = op->arg;
    conclude(stream, result);
    yb_stream_advance(stream);
    if (stream->phase == YB_STREAM_CLOSED)
        yb_stream_ended(stream);
}

static yibu_op *prepare(yibu_stream *stream, yb_stream_phase phase)
{
    stream->phase = (uint8_t)phase;
    memset(&stream->op, 0, sizeof(stream->op));
    stream->op.callback = ended;
    stream->op.arg = stream;
    return yb_op_public(&stream->op);
}

/* Starts what is next; -EAGAIN where nothing is. */
static int begin(yibu_stream *stream)
{
    yibu_layer *layer = stream->layer;
    const yibu_layer_methods *m = layer->methods;
    ssize_t *ret_result = &stream->op.result;
    const yb_chunk *first = stream->chunks.first;
    if (first)
        return m->write(layer, prepare(stream, YB_STREAM_WRITING), first->bytes + first->start,
                        first->end - first->start, ret_result);
    if (stream->eof_asked && !stream->eof_sent && !stream->write_error)
        return m->finish(layer, prepare(stream, YB_STREAM_FINISHING), ret_result);
    if (stream->closing)
        return m->close(layer, prepare(stream, YB_STREAM_CLOSING), ret_result);
    return -EAGAIN;
}

void yb_stream_advance(yibu_stream *stream)
{
    while (stream->phase == YB_STREAM_IDLE) {
        int r = begin(stream);
        if (r == 0 || stream->phase == YB_STREAM_IDLE)
            return;
        conclude(stream, r == 1 ? stream->op.result : r);
    }
}

void yb_stream_drop(yibu_stream *stream)
{
    if (!stream->write_error && stream->chunks.size > 0)
        stream->write_error = -ECONNABORTED;
    if (stream->phase == YB_STREAM_IDLE)
        become_closed(stream);
}

/* Whether anything may be written. */
static int check(const yibu_stream *stream)
{
    if (stream->write_error)
        return stream->write_error;
    if (stream->closing || stream->eof_asked)
        return -EPIPE;
    return stream->chunks.size > stream->max_buffered ? -ENOBUFS : 0;
}

/* How much went out without waiting, or a failure. */
static ssize_t send_directly(yibu_stream *stream, const struct iovec *pieces, size_t count)
{
    if (stream->phase != YB_STREAM_IDLE || stream->chunks.size > 0)
        return 0;
    ssize_t n = stream->layer->methods->try_write(stream->layer, pieces, count);
    return n == -EAGAIN ? 0 : n;
}

static int write_all(yibu_stream *stream, const struct iovec *pieces, size_t count, size_t size)
{
    int r = check(stream);
    if (r < 0 || size == 0)
        return r;
    ssize_t sent = send_directly(stream, pieces, count);
    if (sent < 0) {
        fail(stream, (int)sent);
        return (int)sent;
    }
    if ((size_t)sent == size)
        return 0;
    if (!yb_chunks_add(&stream->chunks, pieces, count, (size_t)sent)) {
        if (sent > 0)
            fail(stream, -ENOMEM);
        return -ENOMEM;
    }
    yb_stream_advance(stream);
    measure(stream);
    return 0;
}

int yibu_stream_write(yibu_stream *stream, const void *data, size_t size)
{
    if (!stream || (!data && size > 0))
        return -EINVAL;
    const struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    return write_all(stream, &piece, 1, size);
}

int yibu_stream_writelines(yibu_stream *stream, const struct iovec *pieces, size_t count)
{
    if (!stream || (!pieces && count > 0))
        return -EINVAL;
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(size, pieces[i].iov_len, &size))
            return -EINVAL;
    return write_all(stream, pieces, count, size);
}

static yb_waiters *waiters_of_drain(void *object)
{
    return &((yibu_stream *)object)->drained;
}

static const yb_waitable_class drain_class = {
    .wait = {.name = "drain of a stream", .interrupt = yb_waiter_interrupt},
    .waiters = waiters_of_drain,
};

int yibu_stream_drain(yibu_stream *stream)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    intptr_t value = 0;
    if (!stream->paused)
        yb_task_spend(task);
    else
        r = yb_wait_on(&drain_class, stream, task, &value);
    return r < 0 ? r : stream->write_error;
}

int yibu_stream_write_eof(yibu_stream *stream)
{
    if (!yibu_stream_can_write_eof(stream))
        return -ENOTSUP;
    if (stream->write_error)
        return stream->write_error;
    if (stream->closing && !stream->eof_asked)
        return -EPIPE;
    stream->eof_asked = true;
    yb_stream_advance(stream);
    return 0;
}

bool yibu_stream_can_write_eof(const yibu_stream *stream)
{
    return stream->layer->can_finish;
}

int yibu_stream_set_write_buffer_limits(yibu_stream *stream, size_t high, size_t low)
{
    if (low > high)
        return -EINVAL;
    stream->high_water = high;
    stream->low_water = low;
    measure(stream);
    return 0;
}

size_t yibu_stream_get_write_buffer_size(const yibu_stream *stream)
{
    return stream->chunks.size;
}
