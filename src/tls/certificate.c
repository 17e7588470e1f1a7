/* The peer's certificate, taken apart when it is asked for. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"

typedef struct yb_tls_peer_certificate {
    unsigned char *der;
    size_t der_size;
    char *subject, *issuer, *serial;
    int64_t not_before, not_after;
    char **names;
    size_t name_count;
} yb_tls_peer_certificate;

void yb_tls_peer_certificate_free(yb_tls_peer_certificate *peer)
{
    if (!peer)
        return;
    for (size_t i = 0; i < peer->name_count; i++)
        free(peer->names[i]);
    free(peer->names);
    OPENSSL_free(peer->der);
    free(peer->subject);
    free(peer->issuer);
    OPENSSL_free(peer->serial);
    free(peer);
}

/* What was written to a BIO, which is freed, as a string of our own; NULL without memory. */
static char *take_text(BIO *from, bool written)
{
    char *bytes = NULL;
    long size = from ? BIO_get_mem_data(from, &bytes) : 0;
    char *text = from && written ? yb_tls_new_text(bytes, (size_t)size) : NULL;
    BIO_free(from);
    return text;
}

static char *name_text(const X509_NAME *name)
{
    BIO *to = BIO_new(BIO_s_mem());
    return take_text(to, to && X509_NAME_print_ex(to, name, 0, XN_FLAG_RFC2253) >= 0);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static char *serial_text(const X509 *x509)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    char *text = number ? BN_bn2hex(number) : NULL;
    BN_free(number);
    return text;
}

/* As OpenSSL prints it, "IP Address:…" with asyncio's word; other kinds in its own ones. */
static char *general_name_text(const GENERAL_NAME *name)
{
    BIO *to = BIO_new(BIO_s_mem());
    char *text = take_text(to, to && GENERAL_NAME_print(to, (GENERAL_NAME *)(uintptr_t)name) == 1);
    static const char prefix[] = "IP Address:";
    if (text && strncmp(text, prefix, sizeof(prefix) - 1) == 0)
        memmove(text + 2, text + sizeof(prefix) - 2, strlen(text) - (sizeof(prefix) - 2) + 1);
    return text;
}

static bool read_names(yb_tls_peer_certificate *peer, const X509 *x509)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(all);
    if (count <= 0) {
        GENERAL_NAMES_free(all);
        return true;
    }
    peer->names = calloc((size_t)count, sizeof(*peer->names));
    bool done = peer->names != NULL;
    for (int i = 0; done && i < count; i++) {
        char *text = general_name_text(sk_GENERAL_NAME_value(all, i));
        done = text != NULL;
        if (done)
            peer->names[peer->name_count++] = text;
    }
    GENERAL_NAMES_free(all);
    return done;
}

static bool read_all(yb_tls_peer_certificate *peer, const X509 *x509)
{
    int size = i2d_X509(x509, &peer->der);
    peer->der_size = size > 0 ? (size_t)size : 0;
    peer->subject = name_text(X509_get_subject_name(x509));
    peer->issuer = name_text(X509_get_issuer_name(x509));
    peer->serial = serial_text(x509);
    peer->not_before = seconds_of(X509_get0_notBefore(x509));
    peer->not_after = seconds_of(X509_get0_notAfter(x509));
    return size > 0 && peer->subject && peer->issuer && peer->serial && read_names(peer, x509);
}

static int look_at(yb_tls_layer *t)
{
    const X509 *x509 = SSL_get0_peer_certificate(t->ssl);
    if (!x509)
        return -ENOENT;
    yb_tls_peer_certificate *peer = calloc(1, sizeof(*peer));
    bool done = peer && read_all(peer, x509);
    ERR_clear_error();
    if (!done) {
        yb_tls_peer_certificate_free(peer);
        return -ENOMEM;
    }
    t->peer = peer;
    return 0;
}

int yibu_tls_get_peer_certificate(yibu_stream *stream, yibu_tls_certificate *ret_cert)
{
    yb_tls_layer *t = yb_tls_layer_of(stream);
    if (!t || !ret_cert)
        return -EINVAL;
    int r = t->peer ? 0 : look_at(t);
    if (r < 0)
        return r;
    const yb_tls_peer_certificate *peer = t->peer;
    const yibu_tls_certificate told = {
        .der = peer->der,
        .der_size = peer->der_size,
        .subject = peer->subject,
        .issuer = peer->issuer,
        .serial_number = peer->serial,
        .not_before = peer->not_before,
        .not_after = peer->not_after,
        .alternative_names = (const char *const *)peer->names,
        .alternative_name_count = peer->name_count,
    };
    return yb_tls_options_give(ret_cert, &told, sizeof(told));
}
