/* A transport's life.  transport_read.c is its read side; the write side is a writer.
 *
 * Whatever calls the protocol stands between yb_transport_enter and _leave, since the protocol may
 * do everything to the transport, free it too.  Its memory goes with the last leave after all has
 * ended: the writer is closed, no read is under way, nothing waits in the loop's line, and the
 * protocol knows.  connection_made and connection_lost are called from the loop's turn alone.
 *
 * The transports of a loop are known to it: its end is the end of those that are left. */
#include "io/transport.h"

#include <errno.h>

#include "base/memory.h"
#include "base/options.h"
#include "loop/overseer.h"
#include <yibu/error.h>

/* The transports of a loop. */

typedef struct transports {
    yb_loop_part part;
    yibu_loop *loop;
    yb_list all;  /* yibu_transport.links */
    void *buffer; /* or NULL */
} transports;

static void lose(yibu_transport *t)
{
    bool tell = t->made && !t->lost;
    t->lost = true;
    if (tell && t->protocol->methods->connection_lost)
        YB_TRANSPORT_TELL(t, connection_lost, t->error);
}

static void free_transports(yb_loop_part *part)
{
    transports *s = YB_CONTAINER_OF(part, transports, part);
    for (yb_list *item; (item = yb_list_pop_front(&s->all));) {
        yibu_transport *t = YB_CONTAINER_OF(item, yibu_transport, links);
        if (!t->error)
            t->error = -ECANCELED;
        yb_transport_enter(t);
        lose(t);
        yibu_transport_free(t);
        yb_transport_leave(t);
    }
    s->loop->parts[YB_PART_TRANSPORTS] = NULL;
    yb_free(s->buffer);
    yb_free(s);
}

static transports *transports_of(yibu_loop *loop)
{
    yb_loop_part *part = loop->parts[YB_PART_TRANSPORTS];
    if (part)
        return YB_CONTAINER_OF(part, transports, part);
    transports *s = yb_calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->part.free = free_transports;
    s->loop = loop;
    yb_list_init(&s->all);
    loop->parts[YB_PART_TRANSPORTS] = &s->part;
    return s;
}

void *yb_transport_buffer(yibu_loop *loop)
{
    transports *s = transports_of(loop);
    if (s && !s->buffer)
        s->buffer = yb_malloc(YB_TRANSPORT_BUFFER_BYTES);
    return s ? s->buffer : NULL;
}

/* The end. */

static void destroy(yibu_transport *t)
{
    yb_transport_owner *owner = t->owner;
    yb_list_unlink(&t->links);
    t->writer.layer->methods->free(t->writer.layer);
    yb_free(t->bytes);
    yb_free(t);
    if (owner)
        owner->ended(owner);
}

static bool is_over(const yibu_transport *t)
{
    return t->writer.phase == YB_WRITER_CLOSED && !t->under_way;
}

void yb_transport_leave(yibu_transport *t)
{
    if (--t->inside > 0 || !is_over(t))
        return;
    if (!t->lost)
        yb_transport_soon(t);
    else if (!t->turn_waits)
        destroy(t);
}

void yb_transport_fail(yibu_transport *t, int error)
{
    yb_transport_enter(t);
    if (!t->error)
        t->error = error;
    yb_transport_end_reading(t);
    yb_writer_abort(&t->writer);
    yb_transport_leave(t);
}

/* Turns in the loop. */

static void run(yb_runnable *item)
{
    yibu_transport *t = YB_CONTAINER_OF(item, yibu_transport, turn);
    t->turn_waits = false;
    yb_transport_begin(t);
}

void yb_transport_soon(yibu_transport *t)
{
    if (t->turn_waits)
        return;
    t->turn_waits = true;
    t->turn.run = run;
    yb_loop_ready(t->loop, &t->turn);
}

static void tell(yibu_transport *t, void (*method)(yibu_protocol *, yibu_transport *))
{
    if (!method)
        return;
    yibu_loop *loop = t->loop;
    yb_callback_begin(loop, (yb_function *)method);
    method(t->protocol, t);
    yb_callback_end(loop);
}

static void tell_marks(yibu_transport *t)
{
    const yibu_protocol_methods *m = t->protocol->methods;
    t->write_paused = t->writer.paused;
    tell(t, t->write_paused ? m->pause_writing : m->resume_writing);
}

static void make_connection(yibu_transport *t)
{
    t->made = true;
    if (!t->protocol)
        t->protocol = t->owner->make(t->owner);
    if (!yb_transport_can_tell(t->protocol)) {
        yibu_transport_free(t);
        return;
    }
    tell(t, t->protocol->methods->connection_made);
    if (!t->writer.closing && t->writer.paused != t->write_paused)
        tell_marks(t);
}

void yb_transport_begin(yibu_transport *t)
{
    yb_transport_enter(t);
    if (!t->made && !t->lost)
        make_connection(t);
    if (is_over(t))
        lose(t);
    else
        yb_transport_read(t);
    yb_transport_leave(t);
}

/* The writer's news. */

static void writer_changed(yb_writer *writer)
{
    yibu_transport *t = YB_CONTAINER_OF(writer, yibu_transport, writer);
    yb_transport_enter(t);
    if (writer->error && !writer->aborted)
        yb_transport_fail(t, writer->error);
    else if (writer->paused != t->write_paused && !writer->closing && t->made)
        tell_marks(t);
    yb_transport_leave(t);
}

/* Making. */

bool yb_transport_can_tell(const yibu_protocol *protocol)
{
    const yibu_protocol_methods *m = protocol ? protocol->methods : NULL;
    return m && m->size >= sizeof(*m) && !m->get_buffer == !m->buffer_updated;
}

int yb_transport_new(yibu_layer *layer, yibu_protocol *protocol, const yibu_stream_options *options,
                     yb_transport_owner *owner, yibu_transport **ret_transport)
{
    if (!layer || layer->methods->size < sizeof(*layer->methods) ||
        !(protocol ? yb_transport_can_tell(protocol) : owner != NULL))
        return -EINVAL;
    yb_loop_check_thread(layer->loop, "a transport was made on a layer");
    transports *all = transports_of(layer->loop);
    yibu_transport *t = yb_calloc(1, sizeof(*t));
    int r = all && t ? yb_writer_init(&t->writer, layer, options, writer_changed) : -ENOMEM;
    if (r < 0) {
        yb_free(t);
        return r;
    }
    t->loop = layer->loop;
    t->protocol = protocol;
    t->owner = owner;
    yb_list_push_back(&all->all, &t->links);
    *ret_transport = t;
    return 0;
}

int yb_transport_new_fd(int fd, yibu_protocol *protocol, const yibu_stream_options *options,
                        yb_transport_owner *owner, yibu_transport **ret_transport)
{
    yibu_layer *layer;
    int r = yibu_fd_layer_new(fd, &layer);
    if (r < 0)
        return r;
    r = yb_transport_new(layer, protocol, options, owner, ret_transport);
    if (r < 0)
        layer->methods->free(layer);
    return r;
}

static int begin_soon(yibu_transport *t, yibu_transport **ret_transport)
{
    yb_transport_soon(t);
    if (ret_transport)
        *ret_transport = t;
    return 0;
}

int yibu_transport_new(int fd, yibu_protocol *protocol, const yibu_stream_options *options,
                       yibu_transport **ret_transport)
{
    yibu_transport *t;
    int r = yb_transport_new_fd(fd, protocol, options, NULL, &t);
    return r < 0 ? r : begin_soon(t, ret_transport);
}

int yibu_transport_new_on(yibu_layer *layer, yibu_protocol *protocol,
                          const yibu_stream_options *options, yibu_transport **ret_transport)
{
    yibu_transport *t;
    int r = yb_transport_new(layer, protocol, options, NULL, &t);
    return r < 0 ? r : begin_soon(t, ret_transport);
}
