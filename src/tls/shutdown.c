/* The close: what was written goes out, then our close_notify, then the peer's is waited for, so
 * that closing the connection does not reset it with something unread, which would take our last
 * words from the peer.  All of that within a time limit.
 *
 * After a failure the peer gets the alert that says why, and a moment to read it. */
#include <errno.h>
#include <openssl/err.h>

#include "layer.h"

static const int64_t FLUSH_NS = YIBU_SECONDS(30), ALERT_NS = YIBU_SECONDS(1);

static void on_limit(void *arg)
{
    yb_tls_layer *t = arg;
    if (t->farewell < YB_TLS_LINGERS && !t->write_error)
        t->write_error = -ETIMEDOUT;
    yb_tls_cut(t);
    yb_tls_advance(t);
}

void yb_tls_shutdown_begin(yb_tls_layer *t)
{
    int64_t limit_ns = t->shutdown_timeout_ns < 0 ? FLUSH_NS : t->shutdown_timeout_ns;
    if (t->state != YB_TLS_OPEN && ALERT_NS < limit_ns)
        limit_ns = ALERT_NS;
    t->farewell = YB_TLS_FLUSHES;
    (void)yibu_timer_start(t->layer.loop, &t->limit, limit_ns, on_limit, t);
}

static void notify(yb_tls_layer *t)
{
    if (t->state == YB_TLS_SHAKING)
        yb_tls_fail(t, -ECONNABORTED, NULL);
    yb_tls_say_end(t);
    yb_tls_flush(t);
    t->farewell = YB_TLS_NOTIFIES;
}

/* Drops what comes; whether the peer is done. */
static bool has_heard(yb_tls_layer *t)
{
    char nothing[512];
    size_t n;
    int r = 1;
    if (t->at_end || t->state != YB_TLS_OPEN)
        return t->at_end;
    ERR_clear_error();
    while (r == 1)
        r = SSL_read_ex(t->ssl, nothing, sizeof(nothing), &n);
    int why = SSL_get_error(t->ssl, r);
    ERR_clear_error();
    return why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
}

static void finished(yibu_op *op, ssize_t result)
{
    yb_tls_layer *t = op->arg;
    (void)result;
    t->closes = false;
    yb_tls_advance(t);
}

/* The peer of a connection that failed is told the end, which it answers with its own. */
static void finish_below(yb_tls_layer *t)
{
    ssize_t result;
    if (t->state != YB_TLS_FAILED || t->finished || !t->below->can_finish)
        return;
    t->finished = true;
    t->close_op = (yibu_op){.callback = finished, .arg = t};
    t->closes = t->below->methods->finish(t->below, &t->close_op, &result) == 0;
}

static void linger(yb_tls_layer *t)
{
    t->farewell = YB_TLS_LINGERS;
    finish_below(t);
    if (t->state == YB_TLS_FAILED)
        yb_tls_buffer_consume(&t->in, yb_tls_buffered(&t->in));
    bool over = t->ended || t->read_error || t->write_error || t->shutdown_timeout_ns < 0;
    if (over || has_heard(t))
        t->farewell = YB_TLS_PARTS;
    else
        t->wants_read = true;
}

static void parted(yibu_op *op, ssize_t result)
{
    yb_tls_layer *t = op->arg;
    if (result < 0 && !t->write_error)
        t->write_error = (int)result;
    t->closes = false;
    t->farewell = YB_TLS_GONE;
    yb_tls_advance(t);
}

static void part(yb_tls_layer *t)
{
    ssize_t result = 0;
    if (t->closes)
        return;
    t->close_op = (yibu_op){.callback = parted, .arg = t};
    int r = t->below->methods->close(t->below, &t->close_op, &result);
    t->closes = r == 0;
    if (r != 0)
        t->farewell = YB_TLS_GONE;
}

static void answer(yb_tls_layer *t)
{
    yibu_timer_stop(&t->limit);
    if (!t->error)
        t->error = -EBADF;
    t->state = YB_TLS_CLOSED;
    yb_tls_answer(&t->closing, t->write_error);
}

void yb_tls_shutdown_step(yb_tls_layer *t)
{
    bool waits = t->writes || yb_tls_buffered(&t->out) > 0;
    if (t->farewell == YB_TLS_FLUSHES && !waits)
        notify(t);
    waits = t->writes || yb_tls_buffered(&t->out) > 0;
    if ((t->farewell == YB_TLS_NOTIFIES || t->farewell == YB_TLS_LINGERS) && !waits && !t->closes)
        linger(t);
    if (t->farewell == YB_TLS_PARTS)
        part(t);
    if (t->farewell == YB_TLS_GONE && t->closing.op)
        answer(t);
}
