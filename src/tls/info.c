/* What is known of a TLS stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"

struct ssl_st *yibu_tls_get_ssl(const yibu_stream *stream)
{
    const yb_tls_layer *t = yb_tls_layer_of(stream);
    return t ? t->ssl : NULL;
}

/* OpenSSL gives the protocol without an end. */
static const char *protocol_of(yb_tls_layer *t)
{
    const unsigned char *protocol;
    unsigned size;
    SSL_get0_alpn_selected(t->ssl, &protocol, &size);
    if (!t->protocol && size > 0)
        t->protocol = yb_tls_new_text(protocol, size);
    return t->protocol;
}

int yibu_tls_get_info(const yibu_stream *stream, yibu_tls_info *ret_info)
{
    yb_tls_layer *t = yb_tls_layer_of(stream);
    if (!t || !ret_info)
        return -EINVAL;
    if (!SSL_is_init_finished(t->ssl))
        return -EAGAIN;
    const yibu_tls_info told = {
        .version = SSL_get_version(t->ssl),
        .cipher = SSL_get_cipher_name(t->ssl),
        .cipher_bits = SSL_get_cipher_bits(t->ssl, NULL),
        .alpn = protocol_of(t),
        .server_name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name),
        .session_reused = SSL_session_reused(t->ssl) == 1,
        .has_peer_certificate = SSL_get0_peer_certificate(t->ssl) != NULL,
    };
    return yb_tls_options_give(ret_info, &told, sizeof(told));
}

enum { EXPORTER_BYTES = 32 };

static ssize_t export(SSL *ssl, void *ret_bytes, size_t size)
{
    static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266, section 2 */
    if (size < EXPORTER_BYTES)
        return -ENOSPC;
    int r = SSL_export_keying_material(ssl, ret_bytes, EXPORTER_BYTES, label, sizeof(label) - 1,
                                       (const unsigned char *)"", 0, 1);
    return r == 1 ? EXPORTER_BYTES : -ENOMEM;
}

/* The first Finished message: the client's, or the server's where a session is resumed. */
static ssize_t first_finished(const SSL *ssl, void *ret_bytes, size_t size)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    bool ours = (SSL_session_reused(ssl) == 1) == (SSL_is_server(ssl) == 1);
    size_t length = ours ? SSL_get_finished(ssl, bytes, sizeof(bytes))
                         : SSL_get_peer_finished(ssl, bytes, sizeof(bytes));
    if (length > size)
        return -ENOSPC;
    memcpy(ret_bytes, bytes, length);
    return (ssize_t)length;
}

ssize_t yibu_tls_get_channel_binding(const yibu_stream *stream, const char *type, void *ret_bytes,
                                     size_t size)
{
    const yb_tls_layer *t = yb_tls_layer_of(stream);
    if (!t || !type || !ret_bytes)
        return -EINVAL;
    if (!SSL_is_init_finished(t->ssl))
        return -EAGAIN;
    if (strcmp(type, "tls-exporter") == 0)
        return export(t->ssl, ret_bytes, size);
    if (strcmp(type, "tls-unique") == 0 && SSL_version(t->ssl) < TLS1_3_VERSION)
        return first_finished(t->ssl, ret_bytes, size);
    return -ENOTSUP;
}

const char *yb_tls_layer_error_text(const yb_tls_layer *t)
{
    if (t->error_text)
        return t->error_text;
    bool is_own = t->error == -EBADF || t->error == -ECONNABORTED; /* the user closed it */
    return t->error && !is_own ? yibu_tls_strerror(t->error) : "";
}

const char *yibu_tls_error_text(const yibu_stream *stream)
{
    const yb_tls_layer *t = yb_tls_layer_of(stream);
    return t ? yb_tls_layer_error_text(t) : "";
}
