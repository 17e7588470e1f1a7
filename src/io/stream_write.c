/* A stream's write side: its writer, and the tasks that wait for that. */
#include <errno.h>

#include "io/stream.h"

static void end_all(yb_waiters *waiters)
{
    while (yb_waiters_end_first(waiters, 0))
        ;
}

void yb_stream_writer_changed(yb_writer *writer)
{
    yibu_stream *stream = YB_CONTAINER_OF(writer, yibu_stream, writer);
    if (!writer->paused)
        end_all(&stream->drained);
    if (writer->phase != YB_WRITER_CLOSED)
        return;
    end_all(&stream->closed);
    if (stream->released)
        yb_stream_destroy(stream);
}

int yibu_stream_write(yibu_stream *stream, const void *data, size_t size)
{
    if (!stream || (!data && size > 0))
        return -EINVAL;
    return yb_writer_write(&stream->writer, data, size);
}

int yibu_stream_writelines(yibu_stream *stream, const struct iovec *pieces, size_t count)
{
    if (!stream || (!pieces && count > 0))
        return -EINVAL;
    return yb_writer_writelines(&stream->writer, pieces, count);
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
    if (!stream->writer.paused)
        yb_task_spend(task);
    else
        r = yb_wait_on(&drain_class, stream, task, &value);
    return r < 0 ? r : stream->writer.error;
}

int yibu_stream_write_eof(yibu_stream *stream)
{
    return yb_writer_write_eof(&stream->writer);
}

bool yibu_stream_can_write_eof(const yibu_stream *stream)
{
    return stream->writer.layer->can_finish;
}

int yibu_stream_set_write_buffer_limits(yibu_stream *stream, size_t high, size_t low)
{
    return yb_writer_set_limits(&stream->writer, high, low);
}

void yibu_stream_get_write_buffer_limits(const yibu_stream *stream, size_t *ret_high,
                                         size_t *ret_low)
{
    *ret_high = stream->writer.high_water;
    *ret_low = stream->writer.low_water;
}

size_t yibu_stream_get_write_buffer_size(const yibu_stream *stream)
{
    return stream->writer.chunks.size;
}
