/* Servers of several names (SNI, RFC 6066, section 3): which context serves a connection. */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "context.h"
#include "layer.h"

/* Whether "*.rest" stands for the name: exactly one label before the rest. */
static bool fits(const char *pattern, const char *name)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcasecmp(pattern, name) == 0;
    const char *dot = strchr(name, '.');
    return dot && dot > name && strcasecmp(pattern + 1, dot) == 0;
}

/* A name itself goes before a pattern. */
static yibu_tls_context *look_up(const yibu_tls_context *context, const char *name)
{
    yibu_tls_context *found = NULL;
    for (const yb_tls_server_name *at = context->names; name && at; at = at->next) {
        if (!fits(at->name, name))
            continue;
        if (at->name[0] != '*')
            return at->context;
        if (!found)
            found = at->context;
    }
    return found;
}

/* SSL_set_SSL_CTX changes the certificate and the callbacks; the rest is said here. */
static bool go_over(SSL *ssl, yibu_tls_context *to)
{
    if (!SSL_set_SSL_CTX(ssl, to->ssl_ctx))
        return false;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(to->ssl_ctx), NULL);
    SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(to->ssl_ctx));
    SSL_set_options(ssl, SSL_CTX_get_options(to->ssl_ctx));
    return SSL_set1_param(ssl, SSL_CTX_get0_param(to->ssl_ctx)) == 1;
}

static int choose(SSL *ssl, int *ret_alert, void *arg)
{
    yibu_tls_context *context = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    yibu_tls_context *chosen = look_up(context, name);
    if (!chosen && context->name_callback) {
        chosen = context;
        if (context->name_callback(name, &chosen, context->name_arg) < 0) {
            *ret_alert = SSL_AD_UNRECOGNIZED_NAME;
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
    }
    if (!chosen || chosen == context)
        return name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
    yb_tls_layer_use_context(SSL_get_app_data(ssl), chosen);
    *ret_alert = SSL_AD_INTERNAL_ERROR;
    return go_over(ssl, chosen) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void yb_tls_server_names_init(yibu_tls_context *context)
{
    if (context->side == YIBU_TLS_CLIENT)
        return;
    SSL_CTX_set_tlsext_servername_callback(context->ssl_ctx, choose);
    SSL_CTX_set_tlsext_servername_arg(context->ssl_ctx, context);
}

void yb_tls_server_names_free(yibu_tls_context *context)
{
    for (yb_tls_server_name *at; (at = context->names);) {
        context->names = at->next;
        yibu_tls_context_free(at->context);
        free(at);
    }
}

int yibu_tls_context_add_server_name(yibu_tls_context *context, const char *name,
                                     yibu_tls_context *other)
{
    if (!context || !name || !name[0] || !other || other == context ||
        context->side != YIBU_TLS_SERVER || other->side != YIBU_TLS_SERVER)
        return -EINVAL;
    size_t size = strlen(name) + 1;
    yb_tls_server_name *fresh = malloc(sizeof(*fresh) + size);
    if (!fresh)
        return -ENOMEM;
    memcpy(fresh->name, name, size);
    fresh->context = yb_tls_context_ref(other);
    fresh->next = context->names;
    context->names = fresh;
    return 0;
}

int yibu_tls_context_set_server_name_callback(yibu_tls_context *context,
                                              yibu_tls_server_name_callback *callback, void *arg)
{
    if (!context || context->side != YIBU_TLS_SERVER)
        return -EINVAL;
    context->name_callback = callback;
    context->name_arg = arg;
    return 0;
}
