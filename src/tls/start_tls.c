/* A stream goes over to TLS: the layer is put below it, and the task waits for the handshake. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "layer.h"
#include <yibu/task.h>

/* Waits until everything that was written is with the kernel. */
static int send_all(yibu_stream *stream)
{
    size_t high, low;
    yibu_stream_get_write_buffer_limits(stream, &high, &low);
    (void)yibu_stream_set_write_buffer_limits(stream, 0, 0);
    int r = yibu_stream_drain(stream);
    (void)yibu_stream_set_write_buffer_limits(stream, high, low);
    return r;
}

/* What came in before is TLS's first input, never its output. */
static int hand_over(yibu_stream *stream, yb_tls_layer *t)
{
    size_t size = yibu_stream_buffered(stream);
    char *bytes;
    if (size == 0)
        return 0;
    if (!yb_tls_buffer_reserve(&t->in, size))
        return -ENOMEM;
    ssize_t n = yibu_stream_peek(stream, 0, &bytes);
    if (n < 0)
        return (int)n;
    memcpy(t->in.bytes, bytes, size);
    t->in.end = size;
    return 0;
}

static int put_below(yibu_stream *stream, yibu_tls_context *context,
                     const yibu_tls_options *options, yb_tls_layer **ret_layer)
{
    yb_tls_layer *t;
    int r = yb_tls_layer_make(yibu_stream_get_layer(stream), context, options, &t);
    if (r < 0)
        return r;
    r = hand_over(stream, t);
    if (r == 0)
        r = yibu_stream_set_layer(stream, &t->layer);
    if (r < 0) {
        yb_tls_layer_unmake(t);
        return r;
    }
    (void)yibu_stream_consume(stream, yb_tls_buffered(&t->in));
    *ret_layer = t;
    return 0;
}

static void started(yibu_op *op, ssize_t result)
{
    yb_tls_layer *t = op->arg;
    t->start_result = result;
    t->starts = false;
    yibu_event_set(&t->started);
    yb_tls_release(t); /* after a cancel its stream may have been freed */
}

static int shake(yb_tls_layer *t)
{
    ssize_t result;
    t->started = (yibu_event)YIBU_EVENT_INIT;
    t->start_op = (yibu_op){.callback = started, .arg = t};
    int r = yb_tls_layer_shake(t, &t->start_op, &result);
    if (r != 0)
        return r < 0 ? r : (int)result;
    t->starts = true;
    r = yibu_event_wait(&t->started);
    if (r < 0) {
        (void)yibu_op_cancel(&t->start_op);
        return r;
    }
    return (int)t->start_result;
}

void yb_tls_give_text(const yibu_tls_options *options, const char *text)
{
    const size_t known = offsetof(yibu_tls_options, error_text_size) + sizeof(size_t);
    if (options && options->size >= known && options->ret_error_text && options->error_text_size)
        (void)snprintf(options->ret_error_text, options->error_text_size, "%s", text);
}

int yibu_stream_start_tls(yibu_stream *stream, yibu_tls_context *context,
                          const yibu_tls_options *options)
{
    if (!stream || !context)
        return -EINVAL;
    yb_tls_layer *t = NULL;
    int r = send_all(stream);
    if (r == 0)
        r = put_below(stream, context, options, &t);
    if (r != 0) {
        yb_tls_give_text(options, yibu_tls_strerror(r));
        return r;
    }
    r = shake(t);
    if (r < 0)
        yb_tls_give_text(options,
                         t->error == r ? yb_tls_layer_error_text(t) : yibu_tls_strerror(r));
    if (r == -ECANCELED)
        yibu_stream_abort(stream);
    return r;
}
