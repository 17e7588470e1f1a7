/* Bytes through the layer: read below, decrypted, handed up; encrypted, written below.
 *
 * What comes in is read into `in` in large pieces that follow the peer's pace, so one system call
 * brings many records.  A large piece is not held while nothing comes, nor is any where the user
 * only waits: then the layer below is waited for, if it can be.  What goes out is gathered in `out`
 * and offered to the layer below at once; an operation follows only where that takes less than
 * all. */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "layer.h"

enum { GATHER_BYTES = 65536 }; /* encrypted before it is written, at most */

/* From below. */

static void adapt(yb_tls_layer *t, size_t asked, size_t got)
{
    if (got == asked && t->read_size < YB_TLS_MAX_READ)
        t->read_size *= 2;
    else if (got < asked / 4 && t->read_size > YB_TLS_MIN_READ)
        t->read_size /= 2;
}

static void take(yb_tls_layer *t, ssize_t result)
{
    if (t->looks && result >= 0) {
        t->looks = false; /* it can be read now */
    } else if (result > 0) {
        adapt(t, t->in.capacity - t->in.end, (size_t)result);
        t->in.end += (size_t)result;
    } else if (result == 0) {
        t->ended = true;
    } else if (result != -ECANCELED) {
        t->read_error = (int)result;
    }
}

static void read_ended(yibu_op *op, ssize_t result)
{
    yb_tls_layer *t = op->arg;
    t->reads = false;
    take(t, result);
    yb_tls_advance(t);
}

static int begin_read(yb_tls_layer *t, ssize_t *ret_result)
{
    t->looks = false;
    return t->below->methods->read(t->below, &t->read_op, t->in.bytes + t->in.end,
                                   t->in.capacity - t->in.end, ret_result);
}

/* Reads what there is; where that is nothing, waits without the buffer. */
static int look(yb_tls_layer *t, ssize_t *ret_result)
{
    const yibu_layer_methods *m = t->below->methods;
    t->looks = false;
    *ret_result = m->try_read(t->below, t->in.bytes + t->in.end, t->in.capacity - t->in.end);
    if (*ret_result != -EAGAIN)
        return 1;
    if (yb_tls_buffered(&t->in) == 0)
        yb_tls_buffer_clear(&t->in);
    t->looks = true;
    return m->wait_readable(t->below, &t->read_op, ret_result);
}

static bool is_to_look(const yb_tls_layer *t)
{
    bool rests = t->reading.op && t->waits;
    return t->below->methods->wait_readable && (rests || t->read_size > YB_TLS_MIN_READ);
}

bool yb_tls_read_more(yb_tls_layer *t)
{
    if (t->reads || t->ended || t->read_error || t->state == YB_TLS_CLOSED)
        return false;
    if (yb_tls_buffered(&t->in) == 0 && t->in.capacity > t->read_size * 4)
        yb_tls_buffer_clear(&t->in);
    if (!yb_tls_buffer_reserve(&t->in, t->read_size)) {
        t->read_error = -ENOMEM;
        return true;
    }
    ssize_t result;
    t->read_op = (yibu_op){.callback = read_ended, .arg = t};
    int r = is_to_look(t) ? look(t, &result) : begin_read(t, &result);
    t->reads = r == 0;
    if (r != 0)
        take(t, r < 0 ? r : result);
    return r != 0;
}

/* To below. */

static void drop_out(yb_tls_layer *t, int error)
{
    if (!t->write_error)
        t->write_error = error;
    yb_tls_buffer_clear(&t->out);
}

static void sent(yb_tls_layer *t, ssize_t result)
{
    if (result < 0)
        drop_out(t, (int)result);
    else
        yb_tls_buffer_consume(&t->out, (size_t)result);
}

static void write_ended(yibu_op *op, ssize_t result)
{
    yb_tls_layer *t = op->arg;
    t->writes = false;
    sent(t, result);
    yb_tls_advance(t);
}

static void write_directly(yb_tls_layer *t)
{
    const struct iovec piece = {t->out.bytes + t->out.start, yb_tls_buffered(&t->out)};
    ssize_t n = t->below->methods->try_write(t->below, &piece, 1);
    if (n != -EAGAIN)
        sent(t, n);
}

static void write_rest(yb_tls_layer *t)
{
    while (!t->writes && yb_tls_buffered(&t->out) > 0) {
        ssize_t result;
        t->write_op = (yibu_op){.callback = write_ended, .arg = t};
        int r = t->below->methods->write(t->below, &t->write_op, t->out.bytes + t->out.start,
                                         yb_tls_buffered(&t->out), &result);
        t->writes = r == 0;
        if (r != 0)
            sent(t, r < 0 ? r : result);
    }
}

void yb_tls_flush(yb_tls_layer *t)
{
    if (t->writes || yb_tls_buffered(&t->out) == 0)
        return;
    if (t->write_error || t->state == YB_TLS_CLOSED) {
        yb_tls_buffer_clear(&t->out);
        return;
    }
    write_directly(t);
    write_rest(t);
    if (yb_tls_buffered(&t->out) == 0)
        yb_tls_buffer_clear(&t->out);
}

/* To the user. */

/* Decrypts what there is: how many bytes; 0 where OpenSSL does not go on, *ret_why. */
static size_t decrypt(yb_tls_layer *t, char *to, size_t size, int *ret_why)
{
    size_t total = 0;
    *ret_why = SSL_ERROR_NONE;
    ERR_clear_error();
    while (total < size && *ret_why == SSL_ERROR_NONE) {
        size_t n;
        int r = SSL_read_ex(t->ssl, to + total, size - total, &n);
        if (r == 1)
            total += n;
        else
            *ret_why = SSL_get_error(t->ssl, r);
    }
    return total;
}

/* The same, but leaves it there: 1 or 0. */
static size_t peek(yb_tls_layer *t, int *ret_why)
{
    char byte;
    size_t n;
    ERR_clear_error();
    int r = SSL_peek_ex(t->ssl, &byte, 1, &n);
    *ret_why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r);
    return r == 1;
}

static void note_end(yb_tls_layer *t, int why)
{
    if (why == SSL_ERROR_ZERO_RETURN)
        t->at_end = true;
    else if (why == SSL_ERROR_SSL || why == SSL_ERROR_SYSCALL)
        yb_tls_fail_as_openssl(t);
}

static int why_not_read(yb_tls_layer *t)
{
    int error = t->read_error;
    if (error == -ENOMEM)
        t->read_error = 0; /* which says nothing of the connection */
    return error;
}

static void wait_to_read(yb_tls_layer *t)
{
    int error = why_not_read(t);
    if (error < 0)
        yb_tls_answer(&t->reading, error);
    else if (t->read_cancelled)
        yb_tls_answer(&t->reading, -ECANCELED);
    else
        t->wants_read = true;
}

static void read_some(yb_tls_layer *t)
{
    int why;
    size_t n = t->waits ? peek(t, &why) : decrypt(t, t->to, t->to_size, &why);
    note_end(t, why);
    if (n > 0)
        yb_tls_answer(&t->reading, (ssize_t)n);
    else if (t->at_end)
        yb_tls_answer(&t->reading, 0);
    else if (t->state == YB_TLS_FAILED)
        yb_tls_answer(&t->reading, t->error);
    else if (why == SSL_ERROR_WANT_READ)
        wait_to_read(t);
}

void yb_tls_serve_reading(yb_tls_layer *t)
{
    if (!t->reading.op || t->state == YB_TLS_SHAKING)
        return;
    if (t->farewell != YB_TLS_STAYS) {
        if (!t->starting)
            yb_tls_answer(&t->reading, -EBADF);
    } else if (t->at_end || (t->to_size == 0 && !t->waits)) {
        yb_tls_answer(&t->reading, 0);
    } else if (t->state == YB_TLS_FAILED) {
        yb_tls_answer(&t->reading, t->error);
    } else {
        read_some(t);
    }
}

ssize_t yb_tls_try_read(yb_tls_layer *t, char *buffer, size_t size)
{
    if (t->state == YB_TLS_SHAKING || t->reading.op)
        return -EAGAIN;
    if (t->farewell != YB_TLS_STAYS)
        return -EBADF;
    if (t->state != YB_TLS_OPEN && !t->at_end)
        return t->error;
    int why = SSL_ERROR_NONE;
    size_t n = t->at_end ? 0 : decrypt(t, buffer, size, &why);
    note_end(t, why);
    yb_tls_flush(t); /* an answer to a change of keys, or an alert */
    if (n > 0 || t->at_end || size == 0)
        return (ssize_t)n;
    if (t->state != YB_TLS_OPEN)
        return t->error;
    int error = why_not_read(t);
    return error < 0 ? error : -EAGAIN;
}

/* From the user. */

/* Why nothing can be written: a failure, -EAGAIN for now, or 0. */
static int check_writing(const yb_tls_layer *t)
{
    if (t->state == YB_TLS_SHAKING)
        return -EAGAIN;
    if (t->state != YB_TLS_OPEN)
        return t->error;
    if (t->write_error)
        return t->write_error;
    return yb_tls_buffered(&t->out) > 0 ? -EAGAIN : 0;
}

/* Encrypts up to GATHER_BYTES into `out`: how many, -EAGAIN or a failure. */
static ssize_t encrypt(yb_tls_layer *t, const char *bytes, size_t size)
{
    size_t total = 0;
    ERR_clear_error();
    while (total < size && yb_tls_buffered(&t->out) < GATHER_BYTES) {
        size_t n;
        int r = SSL_write_ex(t->ssl, bytes + total, size - total, &n);
        if (r == 1) {
            total += n;
            continue;
        }
        int why = SSL_get_error(t->ssl, r);
        if (why == SSL_ERROR_SSL || why == SSL_ERROR_SYSCALL)
            yb_tls_fail_as_openssl(t);
        break;
    }
    if (total > 0 || size == 0)
        return (ssize_t)total;
    return t->state == YB_TLS_FAILED ? t->error : -EAGAIN;
}

ssize_t yb_tls_try_write(yb_tls_layer *t, const struct iovec *pieces, size_t count)
{
    int r = t->writing.op || t->finishing.op ? -EAGAIN : check_writing(t);
    if (r < 0)
        return r;
    ssize_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const char *bytes = pieces[i].iov_base;
        for (size_t left = pieces[i].iov_len; left > 0;) {
            ssize_t n = encrypt(t, bytes, left);
            yb_tls_flush(t);
            if (n < 0)
                return total > 0 ? total : n;
            total += n;
            bytes += n;
            left -= (size_t)n;
            if (check_writing(t) < 0)
                return total;
        }
    }
    return total;
}

static void write_some(yb_tls_layer *t)
{
    int r = check_writing(t);
    ssize_t n = r < 0 ? r : encrypt(t, t->from, t->from_size);
    if (n != -EAGAIN)
        yb_tls_answer(&t->writing, n);
}

/* A second call would wait for the peer's. */
void yb_tls_say_end(yb_tls_layer *t)
{
    if (t->state != YB_TLS_OPEN || SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)
        return;
    ERR_clear_error();
    if (SSL_shutdown(t->ssl) < 0)
        yb_tls_fail_as_openssl(t);
}

static void write_end(yb_tls_layer *t)
{
    int r = check_writing(t);
    if (r == 0) {
        yb_tls_say_end(t);
        r = t->state == YB_TLS_OPEN ? 0 : t->error;
    }
    if (r != -EAGAIN)
        yb_tls_answer(&t->finishing, r);
}

void yb_tls_serve_writing(yb_tls_layer *t)
{
    if (t->writing.op)
        write_some(t);
    if (t->finishing.op)
        write_end(t);
}
