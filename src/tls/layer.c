/* The TLS layer's life, and what its user starts.
 *
 * Every event (the end of an operation below, a timer, a call of the user's) changes a field and
 * calls yb_tls_advance, which goes round until nothing more can happen at once.  Callbacks of the
 * user's may call the layer: then the round under way looks again.  Where there is always something
 * more, since the peer sends faster than we read, it goes on in a later turn, so that others get
 * theirs.
 *
 * The layer lives until its user has freed it, nothing is under way below, and the operation of
 * yibu_stream_start_tls has ended, which is part of it. */
#include "layer.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 16 };

static const yibu_layer_methods methods;

yb_tls_layer *yb_tls_layer_of(const yibu_stream *stream)
{
    yibu_layer *layer = stream ? yibu_stream_get_layer(stream) : NULL;
    return layer && layer->methods == &methods ? yb_tls_view(layer) : NULL;
}

/* The end. */

static void destroy(yb_tls_layer *t)
{
    yibu_timer_stop(&t->limit);
    yibu_timer_stop(&t->later);
    yb_tls_peer_certificate_free(t->peer);
    SSL_free(t->ssl);
    SSL_SESSION_free(t->session);
    yibu_tls_context_free(t->chosen);
    yibu_tls_context_free(t->context);
    if (t->below)
        t->below->methods->free(t->below);
    yb_tls_buffer_clear(&t->in);
    yb_tls_buffer_clear(&t->out);
    free(t->server_name);
    free(t->error_text);
    free(t->protocol);
    free(t);
}

void yb_tls_release(yb_tls_layer *t)
{
    bool idle = !t->reads && !t->writes && !t->closes && !t->starts;
    if (t->released && !t->advances && idle)
        destroy(t);
}

static void go_on_later(void *arg)
{
    yb_tls_advance(arg);
}

static void look_again_later(yb_tls_layer *t)
{
    (void)yibu_timer_start(t->layer.loop, &t->later, 0, go_on_later, t);
}

void yb_tls_cut(yb_tls_layer *t)
{
    if (t->state == YB_TLS_CLOSED)
        return;
    if (!t->error)
        t->error = -ECONNABORTED;
    t->state = YB_TLS_CLOSED;
    t->farewell = YB_TLS_GONE;
    yibu_timer_stop(&t->limit);
    t->below->methods->abort(t->below);
    look_again_later(t); /* for whom nothing below ends */
}

void yb_tls_fail(yb_tls_layer *t, int error, const char *text)
{
    if (t->state == YB_TLS_FAILED || t->state == YB_TLS_CLOSED)
        return;
    if (t->state == YB_TLS_SHAKING && t->farewell == YB_TLS_STAYS)
        yibu_timer_stop(&t->limit);
    t->state = YB_TLS_FAILED;
    t->error = error;
    t->error_text = text && text[0] ? strdup(text) : NULL;
    t->again = true;
}

void yb_tls_fail_as_openssl(yb_tls_layer *t)
{
    char text[YB_TLS_TEXT];
    int error = yb_tls_error_of_connection(t->ssl, text, sizeof(text));
    yb_tls_fail(t, error, text);
}

/* Rounds. */

void yb_tls_answer(yb_tls_request *request, ssize_t result)
{
    yibu_op *op = request->op;
    request->op = NULL;
    request->result = result;
    if (op && request->begun)
        yibu_op_complete(op, result);
}

static void serve_shaking(yb_tls_layer *t)
{
    if (t->shaking.op && t->state != YB_TLS_SHAKING)
        yb_tls_answer(&t->shaking, t->error);
}

static void advance_once(yb_tls_layer *t)
{
    t->again = t->wants_read = false;
    if (t->state == YB_TLS_SHAKING)
        yb_tls_handshake_step(t);
    yb_tls_flush(t);
    serve_shaking(t);
    yb_tls_serve_reading(t);
    yb_tls_serve_writing(t);
    yb_tls_flush(t);
    yb_tls_shutdown_step(t);
    if (t->wants_read && yb_tls_read_more(t))
        t->again = true;
}

void yb_tls_advance(yb_tls_layer *t)
{
    if (t->advances) {
        t->again = true;
        return;
    }
    t->advances = true;
    int rounds = 0;
    do
        advance_once(t);
    while (t->again && ++rounds < MAX_ROUNDS);
    if (t->again && !t->released)
        look_again_later(t);
    t->advances = false;
    yb_tls_release(t);
}

/* What the user starts. */

/* Whether the request is done at once, as the methods answer. */
static int start(yb_tls_layer *t, yb_tls_request *request, yibu_op *op,
                 yibu_op_interrupt *interrupt, ssize_t *ret_result)
{
    if (request->op)
        return -EBUSY;
    *request = (yb_tls_request){.op = op};
    t->starting++;
    yb_tls_advance(t);
    t->starting--;
    if (!request->op) {
        *ret_result = request->result;
        return 1;
    }
    int r = yibu_op_begin(t->layer.loop, op, interrupt, t);
    request->begun = r == 0;
    if (r < 0)
        request->op = NULL;
    return r;
}

/* What has come from below stays; where a read is under way there, it ends first, as it may have
 * received the rest of a record.  A wait takes nothing. */
static bool interrupt_read(yibu_op *op, void *data)
{
    yb_tls_layer *t = data;
    (void)op;
    if (t->waits || t->state != YB_TLS_OPEN || t->farewell != YB_TLS_STAYS || !t->reads) {
        t->reading.op = NULL;
        return true;
    }
    t->read_cancelled = true;
    (void)yibu_op_cancel(&t->read_op);
    return false;
}

static int start_reading(yb_tls_layer *t, yibu_op *op, ssize_t *ret_result)
{
    t->read_cancelled = false;
    return start(t, &t->reading, op, interrupt_read, ret_result);
}

static int start_read(yibu_layer *layer, yibu_op *op, void *buffer, size_t size,
                      ssize_t *ret_result)
{
    yb_tls_layer *t = yb_tls_view(layer);
    if (t->reading.op)
        return -EBUSY;
    t->to = buffer;
    t->to_size = size;
    t->waits = false;
    return start_reading(t, op, ret_result);
}

static int wait_readable(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    yb_tls_layer *t = yb_tls_view(layer);
    if (t->reading.op)
        return -EBUSY;
    t->waits = true;
    return start_reading(t, op, ret_result);
}

static ssize_t try_read(yibu_layer *layer, void *buffer, size_t size)
{
    return yb_tls_try_read(yb_tls_view(layer), buffer, size);
}

/* Nothing of a write that waits has been encrypted. */
static bool interrupt_write(yibu_op *op, void *data)
{
    yb_tls_layer *t = data;
    (void)op;
    t->writing.op = NULL;
    return true;
}

static int start_write(yibu_layer *layer, yibu_op *op, const void *buffer, size_t size,
                       ssize_t *ret_result)
{
    yb_tls_layer *t = yb_tls_view(layer);
    if (t->writing.op)
        return -EBUSY;
    t->from = buffer;
    t->from_size = size;
    return start(t, &t->writing, op, interrupt_write, ret_result);
}

static bool interrupt_finish(yibu_op *op, void *data)
{
    yb_tls_layer *t = data;
    (void)op;
    t->finishing.op = NULL;
    return true;
}

static int start_finish(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    yb_tls_layer *t = yb_tls_view(layer);
    return start(t, &t->finishing, op, interrupt_finish, ret_result);
}

static bool never_interrupt(yibu_op *op, void *data)
{
    (void)op;
    (void)data;
    return false;
}

static int start_close(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    yb_tls_layer *t = yb_tls_view(layer);
    if (t->farewell == YB_TLS_STAYS)
        yb_tls_shutdown_begin(t);
    int r = start(t, &t->closing, op, never_interrupt, ret_result);
    if (t->reading.op)
        look_again_later(t); /* it ends, but not within this call */
    return r;
}

static ssize_t try_write(yibu_layer *layer, const struct iovec *pieces, size_t count)
{
    return yb_tls_try_write(yb_tls_view(layer), pieces, count);
}

static void abort_now(yibu_layer *layer)
{
    yb_tls_cut(yb_tls_view(layer));
}

static void tell(yibu_layer *layer, yibu_stream_info *ret_info)
{
    yibu_layer *below = yb_tls_view(layer)->below;
    below->methods->info(below, ret_info);
}

static void free_layer(yibu_layer *layer)
{
    yb_tls_layer *t = yb_tls_view(layer);
    yb_tls_cut(t);
    t->released = true;
    yb_tls_release(t);
}

static const yibu_layer_methods methods = {
    .size = sizeof(methods),
    .read = start_read,
    .write = start_write,
    .finish = start_finish,
    .close = start_close,
    .try_write = try_write,
    .abort = abort_now,
    .info = tell,
    .free = free_layer,
    .wait_readable = wait_readable,
    .try_read = try_read,
};

static bool interrupt_handshake(yibu_op *op, void *data)
{
    yb_tls_layer *t = data;
    (void)op;
    t->shaking.op = NULL;
    return true;
}

int yb_tls_layer_shake(yb_tls_layer *t, yibu_op *op, ssize_t *ret_result)
{
    return start(t, &t->shaking, op, interrupt_handshake, ret_result);
}

/* The callback form answers in a later turn, always. */
int yibu_tls_layer_handshake(yibu_layer *layer, yibu_op *op)
{
    if (!layer || layer->methods != &methods || !op || !op->callback)
        return -EINVAL;
    yb_tls_layer *t = yb_tls_view(layer);
    if (t->shaking.op)
        return -EBUSY;
    int r = yibu_op_begin(layer->loop, op, interrupt_handshake, t);
    if (r < 0)
        return r;
    t->shaking = (yb_tls_request){.op = op, .begun = true};
    look_again_later(t);
    return 0;
}

/* The beginning. */

void yb_tls_layer_use_context(yb_tls_layer *t, yibu_tls_context *context)
{
    yibu_tls_context_free(t->chosen);
    t->chosen = yb_tls_context_ref(context);
}

/* A client may come without a context. */
static int adopt_context(yb_tls_layer *t, yibu_tls_context *context)
{
    int r = 0;
    if (context)
        t->context = yb_tls_context_ref(context);
    else
        r = yibu_tls_context_new(YIBU_TLS_CLIENT, &t->context);
    return r < 0 ? r : yb_tls_context_complete(t->context);
}

static int make_ssl(yb_tls_layer *t)
{
    t->ssl = SSL_new(t->context->ssl_ctx);
    BIO *bio = t->ssl ? yb_tls_bio_new(t) : NULL;
    if (!bio) {
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    if (t->context->side == YIBU_TLS_CLIENT)
        SSL_set_connect_state(t->ssl);
    else
        SSL_set_accept_state(t->ssl);
    return 0;
}

int yb_tls_layer_make(yibu_layer *below, yibu_tls_context *context, const yibu_tls_options *options,
                      yb_tls_layer **ret_layer)
{
    yibu_tls_options taken;
    int r = yb_tls_options_take(&taken, sizeof(taken), options);
    if (r < 0)
        return r;
    yb_tls_layer *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->layer = (yibu_layer){.methods = &methods, .loop = below->loop};
    t->read_size = YB_TLS_MIN_READ;
    r = adopt_context(t, context);
    if (r == 0)
        r = make_ssl(t);
    if (r == 0)
        r = yb_tls_handshake_prepare(t, &taken);
    if (r < 0) {
        destroy(t);
        return r;
    }
    t->below = below;
    *ret_layer = t;
    return 0;
}

void yb_tls_layer_unmake(yb_tls_layer *t)
{
    t->below = NULL;
    destroy(t);
}

int yibu_tls_layer_new(yibu_layer *below, yibu_tls_context *context,
                       const yibu_tls_options *options, yibu_layer **ret_layer)
{
    if (!below || !ret_layer)
        return -EINVAL;
    yb_tls_layer *t;
    int r = yb_tls_layer_make(below, context, options, &t);
    if (r < 0)
        return r;
    yb_tls_advance(t);
    *ret_layer = &t->layer;
    return 0;
}
