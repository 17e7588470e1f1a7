/* OpenSSL's way to the buffers.  It never waits in here: reading answers "try again" where `in` is
 * empty, and writing appends to `out`, which the layer offers to the one below afterwards. */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>

#include "layer.h"

/* More than OpenSSL writes in one call of ours, unless the peer makes it answer without end. */
enum { OUT_LIMIT = 256 << 10 };

static BIO_METHOD *method;

static int read_in(BIO *bio, char *ret_bytes, int size)
{
    yb_tls_layer *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t held = yb_tls_buffered(&t->in);
    if (held == 0) {
        if (t->ended)
            return 0;
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = (size_t)size < held ? (size_t)size : held;
    memcpy(ret_bytes, t->in.bytes + t->in.start, n);
    yb_tls_buffer_consume(&t->in, n);
    return (int)n;
}

static int write_out(BIO *bio, const char *bytes, int size)
{
    yb_tls_layer *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (yb_tls_buffered(&t->out) > OUT_LIMIT) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (!yb_tls_buffer_reserve(&t->out, (size_t)size)) {
        ERR_raise(ERR_LIB_BIO, ERR_R_MALLOC_FAILURE);
        return -1;
    }
    memcpy(t->out.bytes + t->out.end, bytes, (size_t)size);
    t->out.end += (size_t)size;
    return size;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    const yb_tls_layer *t = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_EOF:
        return t->ended && yb_tls_buffered(&t->in) == 0;
    case BIO_CTRL_FLUSH:
        return 1;
    default:
        return 0;
    }
}

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "yibu");
    if (!m)
        return;
    BIO_meth_set_read(m, read_in);
    BIO_meth_set_write(m, write_out);
    BIO_meth_set_ctrl(m, control);
    method = m;
}

BIO *yb_tls_bio_new(yb_tls_layer *t)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock); /* a failure for lack of memory can be tried again */
    if (!method)
        make_method();
    pthread_mutex_unlock(&lock);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (!bio)
        return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}
