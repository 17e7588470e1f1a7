/* A stream's read side: a buffer that the reading task fills itself, with an operation of its own.
 *
 * bytes[start..end] is what has come and nobody has taken.  Only a call that waits for more moves
 * it, so what a read has handed out stays until the next one.  Whatever ends a wait (a cancel, an
 * error, the end), what came before is in the buffer; only a plain read may receive into the
 * caller's memory, and then answers what it received.
 *
 * A read that waits for long gives the memory back that it does not need: it is interrupted, and
 * begins anew with a small buffer. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "io/search.h"
#include "io/stream.h"
#include <yibu/error.h>

enum {
    DIRECT_BYTES = 1024,    /* smaller reads go through the buffer */
    MAX_READ_BYTES = 65536, /* what is asked for at once, at most */
    IDLE_READ_BYTES = 256,  /* … where nothing has come for long */
    AGAIN = 1               /* something has changed: look anew */
};

static size_t buffered(const yibu_stream *stream)
{
    return stream->end - stream->start;
}

static char *front(const yibu_stream *stream)
{
    static char nothing[1];
    return stream->bytes ? stream->bytes + stream->start : nothing;
}

/* Begins a call that reads: 0, or why not. */
static int enter(yibu_stream *stream)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    if (!stream || stream->loop != task->future.loop)
        return -EINVAL;
    if (stream->reader)
        return -EBUSY;
    stream->reader = task;
    return 0;
}

static ssize_t leave(yibu_stream *stream, ssize_t result)
{
    stream->reader = NULL;
    return result;
}

/* The wait of the reader is to end, for a reason that the stream knows. */
static void interrupt_reader(yibu_stream *stream)
{
    if (!stream->read_waits || stream->read_changed)
        return;
    stream->read_changed = true;
    (void)yb_op_cancel(&stream->reader->wait.op);
}

void yb_stream_end_reading(yibu_stream *stream)
{
    stream->read_ended = true;
    interrupt_reader(stream);
}

/* How much memory a stream may keep that waits for long. */
static size_t spare_from(const yibu_stream *stream)
{
    return buffered(stream) + (size_t)2 * IDLE_READ_BYTES;
}

void yb_stream_give_back(yibu_stream *stream)
{
    stream->read_idle = true;
    stream->read_size = YB_STREAM_FIRST_READ_BYTES;
    interrupt_reader(stream);
}

/* The buffer becomes as small as what is in it allows; without memory it stays. */
static void shrink(yibu_stream *stream)
{
    size_t size = buffered(stream);
    if (stream->capacity <= spare_from(stream))
        return;
    if (stream->start > 0)
        memmove(stream->bytes, front(stream), size);
    stream->start = 0;
    stream->end = size;
    char *bytes = yb_realloc(stream->bytes, size + IDLE_READ_BYTES);
    if (!bytes)
        return;
    stream->bytes = bytes;
    stream->capacity = size + IDLE_READ_BYTES;
}

static ssize_t perform(yibu_stream *stream, void *to, size_t size)
{
    yb_task *task = stream->reader;
    yb_op *op = yb_task_prepare_op(task, YB_OP_NONE, -1);
    stream->read_changed = false;
    yibu_layer *layer = stream->writer.layer;
    int started = layer->methods->read(layer, yb_op_public(op), to, size, &op->result);
    stream->read_waits = started == 0;
    bool rests = started == 0 && stream->capacity > spare_from(stream);
    if (rests)
        yb_stream_rest(stream);
    ssize_t n = yb_task_finish_op(task, started);
    if (rests)
        yb_stream_rise(stream);
    stream->read_waits = false;
    return n;
}

/* Receives up to size bytes: *ret_count of them.  Returns AGAIN, also where something else has
 * changed; 0 at the end; or a failure. */
static int receive(yibu_stream *stream, void *to, size_t size, size_t *ret_count)
{
    *ret_count = 0;
    if (stream->read_ended)
        return stream->read_error;
    ssize_t n = perform(stream, to, size);
    if (n > 0) {
        *ret_count = (size_t)n;
        stream->read_idle = false;
        return AGAIN;
    }
    if (n < 0 && stream->read_changed && !yb_task_cancel_pending(stream->reader))
        return AGAIN;
    if (n == -ECANCELED || n == -ENOMEM) /* which say nothing of the layer */
        return (int)n;
    stream->read_ended = true;
    return stream->read_error = (int)n;
}

static bool reserve(yibu_stream *stream, size_t room)
{
    if (stream->start == stream->end)
        stream->start = stream->end = 0;
    if (stream->capacity - stream->end >= room)
        return true;
    size_t size = buffered(stream);
    if (stream->start > 0) {
        memmove(stream->bytes, front(stream), size);
        stream->start = 0;
        stream->end = size;
    }
    if (stream->capacity - size >= room)
        return true;
    size_t capacity = stream->capacity * 2;
    if (capacity < size + room)
        capacity = size + room;
    char *bytes = yb_realloc(stream->bytes, capacity);
    if (!bytes)
        return false;
    stream->bytes = bytes;
    stream->capacity = capacity;
    return true;
}

/* Waits until the buffer has grown, or something else has changed: AGAIN; 0 at the end; or a
 * failure. */
static int fill(yibu_stream *stream)
{
    if (stream->read_ended)
        return stream->read_error;
    if (stream->read_idle)
        shrink(stream);
    if (!reserve(stream, stream->read_idle ? IDLE_READ_BYTES : stream->read_size))
        return -ENOMEM;
    size_t room = stream->capacity - stream->end;
    size_t asked = room < MAX_READ_BYTES ? room : MAX_READ_BYTES;
    size_t count;
    int r = receive(stream, stream->bytes + stream->end, asked, &count);
    stream->end += count;
    if (count == asked && stream->read_size < MAX_READ_BYTES)
        stream->read_size *= 2;
    return r;
}

/* Waits until size bytes are buffered: AGAIN, 0 at the end, or a failure. */
static int fill_to(yibu_stream *stream, size_t size)
{
    int r = AGAIN;
    while (r == AGAIN && buffered(stream) < size)
        r = fill(stream);
    return r;
}

static size_t take(yibu_stream *stream, void *ret_buffer, size_t size)
{
    size_t n = size < buffered(stream) ? size : buffered(stream);
    if (n > 0)
        memcpy(ret_buffer, front(stream), n);
    stream->start += n;
    return n;
}

/* Into the caller's memory: the stream's own, which is empty, is not needed meanwhile. */
static int receive_directly(yibu_stream *stream, void *to, size_t size, size_t *ret_count)
{
    if (stream->read_idle)
        shrink(stream);
    return receive(stream, to, size, ret_count);
}

static ssize_t read_some(yibu_stream *stream, void *ret_buffer, size_t size)
{
    size_t count = 0;
    int r = AGAIN;
    while (r == AGAIN && count == 0 && buffered(stream) == 0) {
        if (size < DIRECT_BYTES)
            r = fill(stream);
        else
            r = receive_directly(stream, ret_buffer, size, &count);
    }
    if (count > 0)
        return (ssize_t)count;
    return buffered(stream) > 0 ? (ssize_t)take(stream, ret_buffer, size) : r;
}

ssize_t yibu_stream_read(yibu_stream *stream, void *ret_buffer, size_t size)
{
    if (!ret_buffer && size > 0)
        return -EINVAL;
    int r = enter(stream);
    if (r < 0)
        return r;
    return leave(stream, size > 0 ? read_some(stream, ret_buffer, size) : 0);
}

/* Hands out size bytes of the buffer. */
static ssize_t hand_out(yibu_stream *stream, size_t size, char **ret_data)
{
    *ret_data = front(stream);
    stream->start += size;
    return (ssize_t)size;
}

ssize_t yibu_stream_read_all(yibu_stream *stream, size_t max_size, char **ret_data)
{
    if (!ret_data)
        return -EINVAL;
    int r = enter(stream);
    if (r < 0)
        return r;
    r = fill_to(stream, max_size < SIZE_MAX ? max_size + 1 : SIZE_MAX);
    if (r == AGAIN)
        return leave(stream, YIBU_ELIMIT);
    return leave(stream, r < 0 ? r : hand_out(stream, buffered(stream), ret_data));
}

int yibu_stream_readexactly(yibu_stream *stream, void *ret_buffer, size_t size)
{
    if (!ret_buffer && size > 0)
        return -EINVAL;
    int r = enter(stream);
    if (r < 0)
        return r;
    r = fill_to(stream, size);
    if (r == 0)
        r = YIBU_EINCOMPLETE;
    if (r == AGAIN) {
        (void)take(stream, ret_buffer, size);
        r = 0;
    }
    return (int)leave(stream, r);
}

ssize_t yibu_stream_peek(yibu_stream *stream, size_t size, char **ret_data)
{
    if (!ret_data)
        return -EINVAL;
    int r = enter(stream);
    if (r < 0)
        return r;
    r = fill_to(stream, size);
    if (r < 0)
        return leave(stream, r);
    *ret_data = front(stream);
    return leave(stream, (ssize_t)buffered(stream));
}

/* Up to a separator: the length; 0 at the end of the stream, with what is left in the buffer; or a
 * failure. */
static ssize_t read_until(yibu_stream *stream, yb_search *search, char **ret_data)
{
    int r = AGAIN;
    while (r == AGAIN) {
        bool found = yb_search_find(search, front(stream), buffered(stream));
        if ((found ? search->start : search->seen) > stream->limit)
            return YIBU_ELIMIT;
        if (found)
            return hand_out(stream, search->end, ret_data);
        r = fill(stream);
    }
    return r;
}

ssize_t yibu_stream_readuntil_any(yibu_stream *stream, const yibu_separator *separators,
                                  size_t count, size_t *ret_which, char **ret_data)
{
    yb_search search;
    if (!ret_data || yb_search_begin(&search, separators, count) < 0)
        return -EINVAL;
    int r = enter(stream);
    if (r < 0)
        return r;
    ssize_t n = read_until(stream, &search, ret_data);
    if (n > 0 && ret_which)
        *ret_which = search.which;
    return leave(stream, n == 0 ? YIBU_EINCOMPLETE : n);
}

ssize_t yibu_stream_readuntil(yibu_stream *stream, const void *separator, size_t size,
                              char **ret_data)
{
    const yibu_separator one = {separator, size};
    return yibu_stream_readuntil_any(stream, &one, 1, NULL, ret_data);
}

ssize_t yibu_stream_readline(yibu_stream *stream, char **ret_line)
{
    static const yibu_separator newline = {"\n", 1};
    yb_search search;
    if (!ret_line || yb_search_begin(&search, &newline, 1) < 0)
        return -EINVAL;
    int r = enter(stream);
    if (r < 0)
        return r;
    ssize_t n = read_until(stream, &search, ret_line);
    if (n == 0 && buffered(stream) > 0)
        n = hand_out(stream, buffered(stream), ret_line);
    return leave(stream, n);
}

int yibu_stream_consume(yibu_stream *stream, size_t size)
{
    if (size > buffered(stream))
        return -EINVAL;
    stream->start += size;
    return 0;
}

size_t yibu_stream_buffered(const yibu_stream *stream)
{
    return buffered(stream);
}

bool yibu_stream_at_eof(const yibu_stream *stream)
{
    return stream->read_ended && buffered(stream) == 0;
}

int yibu_stream_feed_data(yibu_stream *stream, const void *data, size_t size)
{
    if (!stream || (!data && size > 0))
        return -EINVAL;
    if (stream->reader)
        return -EBUSY;
    if (stream->read_ended)
        return -EPIPE;
    if (size == 0)
        return 0;
    if (!reserve(stream, size))
        return -ENOMEM;
    memcpy(stream->bytes + stream->end, data, size);
    stream->end += size;
    return 0;
}

void yibu_stream_feed_eof(yibu_stream *stream)
{
    yb_stream_end_reading(stream);
}
