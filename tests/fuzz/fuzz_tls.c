/* A TLS client and a TLS server whose bytes are changed or cut on the way, or replaced by any
 * others: neither crashes, and what one reads is always the beginning of what the other wrote. */
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <yibu.h>
#include <yibu/tls.h>

#include "check.h"

enum { WIRE_BYTES = 1 << 17, TEXT_BYTES = 3000, CHANGES = 8 };

/* Turns of the loop in which 16 pieces each, of a single byte even, carry everything. */
enum { ENOUGH = 600 };

/* One direction of the connection, as the layer of who reads it. */
typedef struct wire {
    yibu_layer layer;
    struct wire *other;
    uint8_t bytes[WIRE_BYTES];
    size_t start, end;
    size_t changes[CHANGES]; /* where a bit is turned */
    uint8_t masks[CHANGES];
    size_t cut; /* nothing comes behind that */
    bool closed;
    yibu_op *reader;
    void *to;
    size_t to_size;
    size_t step; /* a read takes that much at most */
} wire;

static size_t hand_out(wire *w, void *to, size_t size)
{
    size_t n = w->end - w->start;
    n = n < size ? n : size;
    n = n < w->step ? n : w->step;
    memcpy(to, w->bytes + w->start, n);
    w->start += n;
    return n;
}

static bool stop(yibu_op *op, void *data)
{
    (void)op;
    ((wire *)data)->reader = NULL;
    return true;
}

static int wire_read(yibu_layer *layer, yibu_op *op, void *to, size_t size, ssize_t *ret_result)
{
    wire *w = (wire *)layer;
    *ret_result = (ssize_t)hand_out(w, to, size);
    if (*ret_result > 0 || w->closed)
        return 1;
    CHECK(!w->reader);
    CHECK(yibu_op_begin(layer->loop, op, stop, w) == 0);
    w->reader = op;
    w->to = to;
    w->to_size = size;
    return 0;
}

/* Who reads goes on, also from inside who writes. */
static void wake(wire *w)
{
    yibu_op *reader = w->reader;
    if (!reader || (w->start == w->end && !w->closed))
        return;
    w->reader = NULL;
    yibu_op_complete(reader, (ssize_t)hand_out(w, w->to, w->to_size));
}

static void append(wire *w, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size && w->end < WIRE_BYTES; i++) {
        uint8_t byte = bytes[i];
        for (int c = 0; c < CHANGES; c++)
            if (w->changes[c] == w->end)
                byte ^= w->masks[c];
        if (w->end == w->cut)
            w->closed = true;
        if (!w->closed)
            w->bytes[w->end++] = byte;
    }
    wake(w);
}

static ssize_t wire_try_write(yibu_layer *layer, const struct iovec *pieces, size_t count)
{
    CHECK(count == 1);
    wire *to = ((wire *)layer)->other;
    append(to, pieces->iov_base, pieces->iov_len);
    return (ssize_t)pieces->iov_len;
}

static int wire_write(yibu_layer *layer, yibu_op *op, const void *bytes, size_t size,
                      ssize_t *ret_result)
{
    (void)op;
    append(((wire *)layer)->other, bytes, size);
    *ret_result = (ssize_t)size;
    return 1;
}

static void end_both(wire *w)
{
    w->closed = w->other->closed = true;
    wake(w->other);
    wake(w);
}

static int wire_finish(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    wire *to = ((wire *)layer)->other;
    (void)op;
    to->closed = true;
    wake(to);
    *ret_result = 0;
    return 1;
}

static int wire_close(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    (void)op;
    end_both((wire *)layer);
    *ret_result = 0;
    return 1;
}

static void wire_abort(yibu_layer *layer)
{
    end_both((wire *)layer);
}

static void wire_info(yibu_layer *layer, yibu_stream_info *ret_info)
{
    (void)layer;
    (void)ret_info;
}

static void wire_free(yibu_layer *layer)
{
    CHECK(!((wire *)layer)->reader);
}

static const yibu_layer_methods wire_methods = {
    .size = sizeof(wire_methods),
    .read = wire_read,
    .write = wire_write,
    .finish = wire_finish,
    .close = wire_close,
    .try_write = wire_try_write,
    .abort = wire_abort,
    .info = wire_info,
    .free = wire_free,
};

/* An end: a TLS layer, and a read of it that goes on and on. */
typedef struct end {
    yibu_layer *layer;
    yibu_op read_op, close_op;
    uint8_t got[TEXT_BYTES * 2];
    size_t count;
    bool reads, failed, closes;
} end;

static uint8_t text_byte(size_t place)
{
    return (uint8_t)(place * 7 + place / 251);
}

static void read_on(end *e);

static void took(end *e, ssize_t result)
{
    e->failed = result <= 0;
    for (ssize_t i = 0; i < result; i++)
        CHECK(e->got[e->count + (size_t)i] == text_byte(e->count + (size_t)i));
    if (result > 0)
        e->count += (size_t)result;
    CHECK(e->count <= TEXT_BYTES);
}

static void read_ended(yibu_op *op, ssize_t result)
{
    end *e = op->arg;
    e->reads = false;
    took(e, result);
    read_on(e);
}

static void read_on(end *e)
{
    while (!e->failed && !e->reads) {
        ssize_t result;
        e->read_op = (yibu_op){.callback = read_ended, .arg = e};
        int r = e->layer->methods->read(e->layer, &e->read_op, e->got + e->count,
                                        sizeof(e->got) - e->count, &result);
        e->reads = r == 0;
        if (r != 0)
            took(e, r < 0 ? r : result);
    }
}

static void close_ended(yibu_op *op, ssize_t result)
{
    end *e = op->arg;
    (void)result;
    e->closes = false;
}

static void close_end(end *e)
{
    ssize_t result;
    e->close_op = (yibu_op){.callback = close_ended, .arg = e};
    e->closes = e->layer->methods->close(e->layer, &e->close_op, &result) == 0;
}

static void write_text(end *e)
{
    uint8_t text[TEXT_BYTES];
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = text_byte(i);
    const struct iovec pieces[] = {{text, 1}, {text + 1, TEXT_BYTES - 1}};
    ssize_t n = e->layer->methods->try_write(e->layer, pieces, 2);
    CHECK(n <= TEXT_BYTES);
}

/* What all runs share. */

static yibu_loop *loop;
static yibu_tls_context *contexts[2];

static void give_certificate(SSL_CTX *to)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    CHECK(key && x509);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    CHECK(X509_set_pubkey(x509, key) == 1 && X509_sign(x509, key, EVP_sha256()) > 0);
    CHECK(SSL_CTX_use_certificate(to, x509) == 1 && SSL_CTX_use_PrivateKey(to, key) == 1);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void prepare(void)
{
    if (loop)
        return;
    CHECK(yibu_loop_new(NULL, &loop) == 0);
    CHECK(yibu_tls_context_new(YIBU_TLS_CLIENT, &contexts[0]) == 0);
    CHECK(yibu_tls_context_new(YIBU_TLS_SERVER, &contexts[1]) == 0);
    CHECK(yibu_tls_context_set_verify_mode(contexts[0], YIBU_TLS_CERT_NONE) == 0);
    give_certificate(yibu_tls_context_get_ssl_ctx(contexts[1]));
}

static size_t take_place(stream *s)
{
    size_t high = take(s);
    return high << 8 | take(s);
}

static void shape(wire *w, stream *s, bool changes)
{
    static const size_t steps[] = {WIRE_BYTES, 1, 5, 100};
    w->layer = (yibu_layer){&wire_methods, loop, true};
    w->step = steps[take(s) % 4];
    w->cut = changes && take(s) % 4 == 0 ? take_place(s) % 8192 : SIZE_MAX;
    for (int c = 0; c < CHANGES; c++) {
        w->changes[c] = take_place(s) % 8192;
        w->masks[c] = changes ? take(s) : 0;
    }
}

static void turns(int count)
{
    for (int i = 0; i < count; i++)
        (void)yibu_loop_run_once(loop, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wire wires[2];
    static end ends[2];
    stream s = {data, data + size};
    prepare();
    memset(wires, 0, sizeof(wires));
    memset(ends, 0, sizeof(ends));
    uint8_t mode = take(&s) % 4; /* 0: nothing is changed; 1, 2: bits are; 3: rubbish to a server */
    for (int i = 0; i < 2; i++) {
        shape(&wires[i], &s, mode == 1 || mode == 2);
        wires[i].other = &wires[1 - i];
    }
    int first = mode == 3 ? 1 : 0;
    for (int i = first; i < 2; i++) {
        CHECK(yibu_tls_layer_new(&wires[i].layer, contexts[i],
                                 &(yibu_tls_options){.size = sizeof(yibu_tls_options),
                                                     .shutdown_timeout_ns = YIBU_MS(1)},
                                 &ends[i].layer) == 0);
        read_on(&ends[i]);
    }
    if (mode == 3)
        append(&wires[1], s.at, (size_t)(s.end - s.at));
    turns(ENOUGH);
    for (int i = first; i < 2; i++)
        write_text(&ends[i]);
    turns(ENOUGH);
    if (mode == 0)
        CHECK(ends[0].count == TEXT_BYTES && ends[1].count == TEXT_BYTES);
    for (int i = first; i < 2; i++)
        if (take(&s) % 2)
            close_end(&ends[i]);
    turns(3);
    for (int i = first; i < 2; i++)
        ends[i].layer->methods->abort(ends[i].layer);
    turns(3);
    for (int i = first; i < 2; i++) {
        CHECK(!ends[i].reads && !ends[i].closes);
        ends[i].layer->methods->free(ends[i].layer);
    }
    turns(2);
    return 0;
}
