/* Sessions: what makes a later handshake shorter.  Servers hand them out as tickets that only they
 * can read, and keep some for clients that know no tickets; a client's connection keeps the last
 * one that came. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "context.h"
#include "layer.h"

enum { KEPT_SESSIONS = 1024 };

/* Returns 1 where the reference is kept. */
static int keep(SSL *ssl, SSL_SESSION *session)
{
    yb_tls_layer *t = SSL_get_app_data(ssl);
    SSL_SESSION_free(t->session);
    t->session = session;
    return 1;
}

/* A session is good for the name alone that it was made with (RFC 6066, section 3): OpenSSL looks
 * for it before a context is chosen by name, and resuming it shows no certificate, which another
 * name may insist on. */
static int bind_to_name(SSL *ssl, int *ret_alert, void *arg)
{
    const unsigned char *name;
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned id_size;
    size_t size;
    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &name, &size) != 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    if (EVP_Digest(name, size, id, &id_size, EVP_sha256(), NULL) == 1 &&
        SSL_set_session_id_context(ssl, id, id_size) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    *ret_alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

void yb_tls_sessions_init(yibu_tls_context *context)
{
    static const unsigned char name[] = "yibu"; /* a server's sessions are its own */
    if (context->side == YIBU_TLS_SERVER) {
        SSL_CTX_set_session_id_context(context->ssl_ctx, name, sizeof(name) - 1);
        SSL_CTX_sess_set_cache_size(context->ssl_ctx, KEPT_SESSIONS);
        SSL_CTX_set_client_hello_cb(context->ssl_ctx, bind_to_name, NULL);
        return;
    }
    SSL_CTX_set_session_cache_mode(context->ssl_ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl_ctx, keep);
}

int yibu_tls_context_set_num_tickets(yibu_tls_context *context, size_t count)
{
    if (!context || context->side != YIBU_TLS_SERVER)
        return -EINVAL;
    if (count == 0)
        SSL_CTX_set_options(context->ssl_ctx, SSL_OP_NO_TICKET);
    else
        SSL_CTX_clear_options(context->ssl_ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context->ssl_ctx,
                                   count == 0 ? SSL_SESS_CACHE_OFF : SSL_SESS_CACHE_SERVER);
    return SSL_CTX_set_num_tickets(context->ssl_ctx, count) == 1 ? 0 : -EINVAL;
}

static SSL_SESSION *view(const yibu_tls_session *session)
{
    return (SSL_SESSION *)(uintptr_t)session;
}

int yb_tls_session_offer(yb_tls_layer *t, const yibu_tls_session *session)
{
    if (!session)
        return 0;
    return SSL_set_session(t->ssl, view(session)) == 1 ? 0 : -EINVAL;
}

int yibu_tls_get_session(const yibu_stream *stream, yibu_tls_session **ret_session)
{
    const yb_tls_layer *t = yb_tls_layer_of(stream);
    if (!t || !ret_session)
        return -EINVAL;
    SSL_SESSION *session = t->session;
    if (!session && SSL_version(t->ssl) < TLS1_3_VERSION)
        session = SSL_get0_session(t->ssl); /* which was resumed, and can be again */
    if (!session || !SSL_SESSION_is_resumable(session))
        return -ENOENT;
    SSL_SESSION_up_ref(session);
    *ret_session = (yibu_tls_session *)session;
    return 0;
}

void yibu_tls_session_free(yibu_tls_session *session)
{
    SSL_SESSION_free(view(session));
}

ssize_t yibu_tls_session_save(const yibu_tls_session *session, void *ret_bytes, size_t size)
{
    int length = session ? i2d_SSL_SESSION(view(session), NULL) : -1;
    if (length <= 0)
        return -EINVAL;
    unsigned char *at = ret_bytes;
    if (ret_bytes && size >= (size_t)length)
        (void)i2d_SSL_SESSION(view(session), &at);
    return length;
}

int yibu_tls_session_load(const void *bytes, size_t size, yibu_tls_session **ret_session)
{
    if (!bytes || size > INT32_MAX || !ret_session)
        return -EINVAL;
    const unsigned char *at = bytes;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, (long)size);
    ERR_clear_error();
    if (!session)
        return -EINVAL;
    *ret_session = (yibu_tls_session *)session;
    return 0;
}
