/* A transport's read side.
 *
 * A layer that can be waited for is read once there is something, into the loop's one buffer or
 * where the protocol says: an idle connection holds no memory for reading.  Others read into a
 * buffer of the transport's.  What such a read brings while reading is paused is held until it goes
 * on; a wait that ends meanwhile is forgotten, since the next one finds the same. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "io/transport.h"
#include "loop/overseer.h"

enum {
    OWN_BUFFER_BYTES = 16384,
    READS_A_TURN = 16 /* that are done at once, before others have their turn */
};

static bool wants(const yibu_transport *t)
{
    return t->made && !t->read_paused && !t->read_ended;
}

static bool can_wait(const yibu_transport *t)
{
    return t->writer.layer->methods->wait_readable != NULL;
}

static bool is_buffered(const yibu_transport *t)
{
    return t->protocol->methods->get_buffer != NULL;
}

void yb_transport_end_reading(yibu_transport *t)
{
    t->read_ended = true;
    t->holds = false;
    if (t->under_way)
        (void)yb_op_cancel(&t->op);
}

/* Telling the protocol. */

static void end_of_stream(yibu_transport *t)
{
    const yibu_protocol_methods *m = t->protocol->methods;
    bool stays_open = false;
    t->read_ended = true;
    if (m->eof_received) {
        yibu_loop *loop = t->loop;
        yb_callback_begin(loop, (yb_function *)m->eof_received);
        stays_open = m->eof_received(t->protocol, t);
        yb_callback_end(loop);
    }
    if (!stays_open)
        yibu_transport_close(t);
}

static void tell_data(yibu_transport *t, void *data, size_t size)
{
    if (t->protocol->methods->data_received)
        YB_TRANSPORT_TELL(t, data_received, data, size);
}

/* The protocol's memory for *size bytes, or as many as it says; NULL where nothing shall be
 * read. */
static void *ask_for_buffer(yibu_transport *t, size_t *size)
{
    const yibu_protocol_methods *m = t->protocol->methods;
    yb_callback_begin(t->loop, (yb_function *)m->get_buffer);
    void *buffer = m->get_buffer(t->protocol, t, size);
    yb_callback_end(t->loop);
    if (!wants(t) || !is_buffered(t))
        return NULL;
    if (buffer && *size > 0)
        return buffer;
    yb_transport_fail(t, -ENOBUFS);
    return NULL;
}

static void tell_result(yibu_transport *t, ssize_t n)
{
    if (n == 0)
        end_of_stream(t);
    else if (n < 0 && n != -EAGAIN)
        yb_transport_fail(t, (int)n);
}

/* Reading what is there. */

static void read_where_it_says(yibu_transport *t)
{
    size_t size = YB_TRANSPORT_BUFFER_BYTES;
    void *buffer = ask_for_buffer(t, &size);
    if (!buffer)
        return;
    yibu_layer *layer = t->writer.layer;
    ssize_t n = layer->methods->try_read(layer, buffer, size);
    if (n > 0)
        YB_TRANSPORT_TELL(t, buffer_updated, (size_t)n);
    else
        tell_result(t, n);
}

static void read_and_tell(yibu_transport *t)
{
    void *buffer = yb_transport_buffer(t->loop);
    if (!buffer) {
        yb_transport_fail(t, -ENOMEM);
        return;
    }
    yibu_layer *layer = t->writer.layer;
    ssize_t n = layer->methods->try_read(layer, buffer, YB_TRANSPORT_BUFFER_BYTES);
    if (n > 0)
        tell_data(t, buffer, (size_t)n);
    else
        tell_result(t, n);
}

/* Hands out what was read into a buffer of the transport's; what the protocol does not take any
 * more is held. */
static void hand_out(yibu_transport *t, size_t size)
{
    size_t at = 0;
    while (at < size && wants(t) && is_buffered(t)) {
        size_t room = size - at;
        void *buffer = ask_for_buffer(t, &room);
        if (!buffer)
            continue;
        size_t n = room < size - at ? room : size - at;
        memcpy(buffer, t->bytes + at, n);
        at += n;
        YB_TRANSPORT_TELL(t, buffer_updated, n);
    }
    if (at < size && wants(t)) {
        tell_data(t, t->bytes + at, size - at);
    } else if (at < size && !t->read_ended) {
        memmove(t->bytes, t->bytes + at, size - at);
        t->held = (ssize_t)(size - at);
        t->holds = true;
    }
}

/* What a read or a wait has come to. */
static void take(yibu_transport *t, ssize_t result)
{
    if (result < 0)
        yb_transport_fail(t, (int)result);
    else if (!can_wait(t) && result > 0)
        hand_out(t, (size_t)result);
    else if (!can_wait(t))
        end_of_stream(t);
    else if (is_buffered(t))
        read_where_it_says(t);
    else
        read_and_tell(t);
}

static void ended(yb_op *op, ssize_t result)
{
    yibu_transport *t = op->arg;
    yb_transport_enter(t);
    t->under_way = false;
    if (result != -ECANCELED && wants(t)) {
        take(t, result);
    } else if (result != -ECANCELED && !t->read_ended && !can_wait(t)) {
        t->held = result;
        t->holds = true;
    }
    yb_transport_read(t);
    yb_transport_leave(t);
}

/* Starting. */

static int start(yibu_transport *t)
{
    yibu_layer *layer = t->writer.layer;
    memset(&t->op, 0, sizeof(t->op));
    t->op.callback = ended;
    t->op.arg = t;
    if (can_wait(t))
        return layer->methods->wait_readable(layer, yb_op_public(&t->op), &t->op.result);
    if (!t->bytes)
        t->bytes = yb_malloc(OWN_BUFFER_BYTES);
    if (!t->bytes)
        return -ENOMEM;
    return layer->methods->read(layer, yb_op_public(&t->op), t->bytes, OWN_BUFFER_BYTES,
                                &t->op.result);
}

/* What was held, or is there at once: 1 with *ret_result; 0 where it will come. */
static int begin(yibu_transport *t, ssize_t *ret_result)
{
    if (t->holds) {
        t->holds = false;
        *ret_result = t->held;
        return 1;
    }
    int r = start(t);
    *ret_result = r < 0 ? r : t->op.result;
    return r == 0 ? 0 : 1;
}

void yb_transport_read(yibu_transport *t)
{
    for (int reads = 0; wants(t) && !t->under_way; reads++) {
        if (reads == READS_A_TURN) {
            yb_transport_soon(t);
            return;
        }
        ssize_t result;
        if (begin(t, &result) == 1)
            take(t, result);
        else
            t->under_way = true;
    }
}
