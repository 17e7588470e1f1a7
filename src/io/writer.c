/* See writer.h.
 *
 * Bytes are tried directly only while nothing waits, so they go out in the order of the calls.  The
 * chunk that is with the layer stays where it is until the operation has ended, also after an
 * abort.  A failure drops what waits: nobody could send it. */
#include "io/writer.h"

#include <errno.h>
#include <string.h>

#include "base/options.h"

enum { DEFAULT_HIGH_WATER = 65536, DEFAULT_MAX_BUFFERED = 64 << 20 };

/* Tells the owner, who may free the writer. */
static void tell(yb_writer *writer)
{
    if (!writer->has_changed)
        return;
    writer->has_changed = false;
    writer->changed(writer);
}

static void set_paused(yb_writer *writer, bool paused)
{
    if (writer->paused == paused)
        return;
    writer->paused = paused;
    writer->has_changed = true;
}

static void measure(yb_writer *writer)
{
    if (writer->chunks.size > writer->high_water)
        set_paused(writer, true);
    else if (writer->chunks.size <= writer->low_water)
        set_paused(writer, false);
}

static void fail(yb_writer *writer, int error)
{
    if (!writer->error)
        writer->error = error;
    writer->has_changed = true;
    yb_chunks_clear(&writer->chunks);
    set_paused(writer, false);
}

static void become_closed(yb_writer *writer)
{
    yb_chunks_clear(&writer->chunks);
    set_paused(writer, false);
    writer->phase = YB_WRITER_CLOSED;
    writer->has_changed = true;
}

static void conclude(yb_writer *writer, ssize_t result)
{
    yb_writer_phase phase = writer->phase;
    writer->phase = YB_WRITER_IDLE;
    if (writer->aborted || phase == YB_WRITER_CLOSING) {
        if (!writer->aborted && result < 0 && !writer->error)
            writer->error = (int)result; /* the layer had taken what did not go out */
        become_closed(writer);
        return;
    }
    if (result < 0) {
        fail(writer, (int)result);
        return;
    }
    if (phase == YB_WRITER_FINISHING) {
        writer->eof_sent = true;
        return;
    }
    if (phase == YB_WRITER_LENT)
        return;
    yb_chunks_take(&writer->chunks, (size_t)result);
    measure(writer);
}

static void advance(yb_writer *writer);

static void ended(yb_op *op, ssize_t result)
{
    yb_writer *writer = op->arg;
    conclude(writer, result);
    advance(writer);
    tell(writer);
}

static yibu_op *prepare(yb_writer *writer, yb_writer_phase phase)
{
    writer->phase = (uint8_t)phase;
    memset(&writer->op, 0, sizeof(writer->op));
    writer->op.callback = ended;
    writer->op.arg = writer;
    return yb_op_public(&writer->op);
}

/* Starts what is next; -EAGAIN where nothing is. */
static int begin(yb_writer *writer)
{
    yibu_layer *layer = writer->layer;
    const yibu_layer_methods *m = layer->methods;
    ssize_t *ret_result = &writer->op.result;
    const yb_chunk *first = writer->chunks.first;
    if (first)
        return m->write(layer, prepare(writer, YB_WRITER_WRITING), first->bytes + first->start,
                        first->end - first->start, ret_result);
    if (writer->eof_asked && !writer->eof_sent && !writer->error)
        return m->finish(layer, prepare(writer, YB_WRITER_FINISHING), ret_result);
    if (writer->closing)
        return m->close(layer, prepare(writer, YB_WRITER_CLOSING), ret_result);
    return -EAGAIN;
}

/* What is buffered, then its end, then the close. */
static void advance(yb_writer *writer)
{
    while (writer->phase == YB_WRITER_IDLE) {
        int r = begin(writer);
        if (r == 0 || writer->phase == YB_WRITER_IDLE)
            return;
        conclude(writer, r == 1 ? writer->op.result : r);
    }
}

int yb_writer_init(yb_writer *writer, yibu_layer *layer, const yibu_stream_options *options,
                   void (*changed)(yb_writer *writer))
{
    yibu_stream_options taken;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r < 0)
        return r;
    writer->layer = layer;
    writer->changed = changed;
    writer->max_buffered = taken.max_buffered ? taken.max_buffered : DEFAULT_MAX_BUFFERED;
    size_t high = taken.high_water ? taken.high_water : DEFAULT_HIGH_WATER;
    return yb_writer_set_limits(writer, high, taken.low_water ? taken.low_water : high / 4);
}

/* Writing. */

/* Whether anything may be written. */
static int check(const yb_writer *writer)
{
    if (writer->error && !writer->aborted)
        return writer->error;
    if (writer->closing || writer->eof_asked)
        return -EPIPE;
    return writer->chunks.size > writer->max_buffered ? -ENOBUFS : 0;
}

/* How much went out without waiting, or a failure. */
static ssize_t send_directly(yb_writer *writer, const struct iovec *pieces, size_t count)
{
    if (writer->phase != YB_WRITER_IDLE || writer->chunks.size > 0)
        return 0;
    ssize_t n = writer->layer->methods->try_write(writer->layer, pieces, count);
    return n == -EAGAIN ? 0 : n;
}

static int write_all(yb_writer *writer, const struct iovec *pieces, size_t count, size_t size)
{
    int r = check(writer);
    if (r < 0 || size == 0)
        return r;
    ssize_t sent = send_directly(writer, pieces, count);
    if (sent < 0) {
        fail(writer, (int)sent);
        return (int)sent;
    }
    if ((size_t)sent == size)
        return 0;
    if (!yb_chunks_add(&writer->chunks, pieces, count, (size_t)sent)) {
        if (sent > 0)
            fail(writer, -ENOMEM); /* a part has gone out */
        return -ENOMEM;
    }
    advance(writer);
    measure(writer);
    return 0;
}

int yb_writer_writelines(yb_writer *writer, const struct iovec *pieces, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(size, pieces[i].iov_len, &size))
            return -EINVAL;
    int r = write_all(writer, pieces, count, size);
    tell(writer);
    return r;
}

int yb_writer_write(yb_writer *writer, const void *data, size_t size)
{
    const struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    return yb_writer_writelines(writer, &piece, 1);
}

/* The end. */

int yb_writer_write_eof(yb_writer *writer)
{
    if (!writer->layer->can_finish)
        return -ENOTSUP;
    if (writer->error)
        return writer->error;
    if (writer->closing && !writer->eof_asked)
        return -EPIPE;
    writer->eof_asked = true;
    advance(writer);
    tell(writer);
    return 0;
}

int yb_writer_set_limits(yb_writer *writer, size_t high, size_t low)
{
    if (low > high)
        return -EINVAL;
    writer->high_water = high;
    writer->low_water = low;
    measure(writer);
    tell(writer);
    return 0;
}

int yb_writer_lend(yb_writer *writer)
{
    int r = check(writer);
    if (r < 0)
        return r;
    if (writer->phase != YB_WRITER_IDLE || writer->chunks.size > 0)
        return -EBUSY;
    writer->phase = YB_WRITER_LENT;
    return 0;
}

void yb_writer_take_back(yb_writer *writer, int error)
{
    conclude(writer, error);
    advance(writer);
    tell(writer);
}

int yb_writer_set_layer(yb_writer *writer, yibu_layer *layer)
{
    if (writer->closing)
        return -EPIPE;
    if (writer->phase != YB_WRITER_IDLE || writer->chunks.size > 0)
        return -EBUSY;
    writer->layer = layer;
    return 0;
}

void yb_writer_close(yb_writer *writer)
{
    if (writer->closing)
        return;
    writer->closing = true;
    advance(writer);
    tell(writer);
}

void yb_writer_abort(yb_writer *writer)
{
    if (writer->aborted || writer->phase == YB_WRITER_CLOSED)
        return;
    writer->closing = writer->aborted = true;
    writer->layer->methods->abort(writer->layer);
    if (!writer->error && writer->chunks.size > 0)
        writer->error = -ECONNABORTED;
    if (writer->phase == YB_WRITER_IDLE)
        become_closed(writer);
    tell(writer);
}
