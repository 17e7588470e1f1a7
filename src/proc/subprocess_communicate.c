/* communicate: what the child says is appended to the caller's buffers as it comes, and leaves its
 * stream only then, so whatever ends the call, nothing is lost. */
#include <errno.h>
#include <yibu/error.h>
#include <yibu/group.h>

#include "proc/subprocess.h"

typedef struct drain {
    yibu_stream *stream;
    yibu_buffer *buffer;
    size_t limit;
} drain;

/* Takes what the stream has: how much, 0 at its end, or a failure. */
static ssize_t take_some(const drain *d)
{
    char *data;
    ssize_t n = yibu_stream_peek(d->stream, 1, &data);
    if (n <= 0)
        return n;
    size_t taken = (size_t)n;
    if (d->buffer) {
        size_t room = d->limit - d->buffer->size;
        if (room == 0)
            return YIBU_ELIMIT;
        taken = taken < room ? taken : room;
        int r = yibu_buffer_append(d->buffer, data, taken);
        if (r < 0)
            return r;
    }
    (void)yibu_stream_consume(d->stream, taken);
    return (ssize_t)taken;
}

/* limit counts what this call adds; without a buffer, all is dropped. */
static intptr_t read_to_end(void *arg)
{
    drain *d = arg;
    ssize_t n;
    size_t size = d->buffer ? d->buffer->size : 0;
    d->limit = d->limit < SIZE_MAX - size ? d->limit + size : SIZE_MAX;
    while ((n = take_some(d)) > 0)
        ;
    return n;
}

static intptr_t read_both(drain *output, drain *errors)
{
    if (!output->stream)
        return errors->stream ? read_to_end(errors) : 0;
    if (!errors->stream || errors->stream == output->stream)
        return read_to_end(output);
    intptr_t r;
    YIBU_GROUP (group, NULL, &r) {
        yibu_group_spawn(&group, read_to_end, errors);
        r = read_to_end(output);
    }
    return r;
}

/* A terminal cannot be closed for writing alone. */
static int give_input(yibu_subprocess *process, const void *input, size_t size)
{
    yibu_stream *in = process->streams[0];
    if (!in || yibu_stream_is_closing(in))
        return size > 0 ? -EINVAL : 0;
    int r = size > 0 ? yibu_stream_write(in, input, size) : 0;
    if (in != process->streams[1] && in != process->streams[2])
        yibu_stream_close(in);
    return r == -EPIPE ? 0 : r;
}

int yibu_subprocess_communicate(yibu_subprocess *process, const void *input, size_t size,
                                yibu_buffer *output, yibu_buffer *errors, size_t limit)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    if (!process || (!input && size > 0))
        return -EINVAL;
    r = give_input(process, input, size);
    if (r < 0)
        return r;
    drain out = {process->streams[1], output, limit}, err = {process->streams[2], errors, limit};
    intptr_t read = read_both(&out, &err);
    return read < 0 ? (int)read : yibu_subprocess_wait(process);
}
