/* Application protocols (ALPN, RFC 7301). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"

/* The first of ours that the client offers, too. */
static int choose(SSL *ssl, const unsigned char **ret_protocol, unsigned char *ret_size,
                  const unsigned char *offered, unsigned offered_size, void *arg)
{
    const yibu_tls_context *context = arg;
    unsigned char *chosen;
    (void)ssl;
    int r = SSL_select_next_proto(&chosen, ret_size, context->protocols, context->protocols_size,
                                  offered, offered_size);
    if (r != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_protocol = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* The size of the list as it is sent, or 0 where it cannot be. */
static size_t measure(const char *const *protocols, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = protocols[i] ? strlen(protocols[i]) : 0;
        if (length == 0 || length > 255)
            return 0;
        size += 1 + length;
    }
    return size <= 65535 ? size : 0;
}

int yibu_tls_context_set_alpn_protocols(yibu_tls_context *context, const char *const *protocols,
                                        size_t count)
{
    size_t size = context && protocols ? measure(protocols, count) : 0;
    if (size == 0)
        return -EINVAL;
    unsigned char *list = malloc(size);
    if (!list)
        return -ENOMEM;
    unsigned char *at = list;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(protocols[i]);
        *at = (unsigned char)length;
        memcpy(at + 1, protocols[i], length);
        at += 1 + length;
    }
    free(context->protocols);
    context->protocols = list;
    context->protocols_size = (unsigned)size;
    if (context->side == YIBU_TLS_SERVER) {
        SSL_CTX_set_alpn_select_cb(context->ssl_ctx, choose, context);
        return 0;
    }
    bool done = SSL_CTX_set_alpn_protos(context->ssl_ctx, list, (unsigned)size) == 0;
    return yb_tls_context_settle(context, done, -ENOMEM);
}
