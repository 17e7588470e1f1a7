/* The handshake: what is to be asked and verified, and its steps. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"

static const int64_t HANDSHAKE_NS = YIBU_SECONDS(60), SHUTDOWN_NS = YIBU_SECONDS(30);

static bool verifies(const yb_tls_layer *t)
{
    return SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE;
}

static bool is_address(const char *name)
{
    unsigned char room[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

static bool set_expected(yb_tls_layer *t, const char *name)
{
    return is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1
                            : SSL_set1_host(t->ssl, name) == 1;
}

/* Names are asked for without the dot that ends an absolute one (RFC 6066, section 3). */
static char *without_dot(const char *name)
{
    char *own = strdup(name);
    size_t length = own ? strlen(own) : 0;
    if (length > 1 && own[length - 1] == '.')
        own[length - 1] = '\0';
    return own;
}

static int prepare_client(yb_tls_layer *t, const yibu_tls_options *options)
{
    bool checks = t->context->check_hostname && verifies(t);
    if (!options->server_name || !options->server_name[0])
        return checks ? -EINVAL : yb_tls_session_offer(t, options->session);
    char *name = without_dot(options->server_name);
    if (!name)
        return -ENOMEM;
    bool done = (is_address(name) || SSL_set_tlsext_host_name(t->ssl, name) == 1) &&
                (!checks || set_expected(t, name));
    if (checks)
        t->server_name = name;
    else
        free(name);
    ERR_clear_error();
    return done ? yb_tls_session_offer(t, options->session) : -EINVAL;
}

static void on_limit(void *arg)
{
    yb_tls_layer *t = arg;
    yb_tls_fail(t, YIBU_TLS_ETIMEDOUT, NULL);
    yb_tls_advance(t);
}

int yb_tls_handshake_prepare(yb_tls_layer *t, const yibu_tls_options *options)
{
    if (options->handshake_timeout_ns < 0)
        return -EINVAL;
    int r = t->context->side == YIBU_TLS_CLIENT ? prepare_client(t, options) : 0;
    if (r < 0)
        return r;
    int64_t limit_ns = options->handshake_timeout_ns;
    t->shutdown_timeout_ns =
        options->shutdown_timeout_ns ? options->shutdown_timeout_ns : SHUTDOWN_NS;
    return yibu_timer_start(t->layer.loop, &t->limit, limit_ns ? limit_ns : HANDSHAKE_NS, on_limit,
                            t);
}

/* A session that is resumed brings its certificate along without showing it, and what was found of
 * it, perhaps by a context that did not mind. */
static bool is_believed(const yb_tls_layer *t)
{
    return !SSL_session_reused(t->ssl) || !verifies(t) || t->context->side != YIBU_TLS_CLIENT ||
           SSL_get_verify_result(t->ssl) == X509_V_OK;
}

/* It must be for the name of this connection, too. */
static bool is_expected(const yb_tls_layer *t)
{
    if (!t->server_name || !SSL_session_reused(t->ssl))
        return true;
    X509 *peer = SSL_get0_peer_certificate(t->ssl);
    if (!peer)
        return false;
    if (is_address(t->server_name))
        return X509_check_ip_asc(peer, t->server_name, 0) == 1;
    unsigned flags = X509_VERIFY_PARAM_get_hostflags(SSL_get0_param(t->ssl));
    return X509_check_host(peer, t->server_name, 0, flags, NULL) == 1;
}

static void succeed(yb_tls_layer *t)
{
    if (!is_believed(t)) {
        yb_tls_fail(t, yb_tls_error_of_verification(SSL_get_verify_result(t->ssl)), NULL);
        return;
    }
    if (!is_expected(t)) {
        yb_tls_fail(t, YIBU_TLS_EHOST, "the session that was resumed is another host's");
        return;
    }
    yibu_timer_stop(&t->limit);
    t->state = YB_TLS_OPEN;
    /* Before TLS 1.3 the peer answers close_notify with its own, and drops what it has to say. */
    t->layer.can_finish = SSL_version(t->ssl) >= TLS1_3_VERSION;
}

void yb_tls_handshake_step(yb_tls_layer *t)
{
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    if (r == 1) {
        succeed(t);
        return;
    }
    int why = SSL_get_error(t->ssl, r);
    if (why == SSL_ERROR_WANT_READ && !t->read_error && !t->write_error)
        t->wants_read = true;
    else if (why == SSL_ERROR_WANT_READ)
        yb_tls_fail(t, t->read_error ? t->read_error : t->write_error, NULL);
    else if (why != SSL_ERROR_WANT_WRITE)
        yb_tls_fail_as_openssl(t);
}
