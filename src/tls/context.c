/* A context: an SSL_CTX and what belongs to it.
 *
 * Whoever sets one up is alone with it; connections, of any thread, only read it.  References: the
 * caller's, one of each connection, one of each context that names it. */
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

yibu_tls_context *yb_tls_context_ref(yibu_tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

/* The last one to let go sees what the others did: release pairs with acquire. */
void yibu_tls_context_free(yibu_tls_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) > 1)
        return;
    yb_tls_server_names_free(context);
    SSL_CTX_free(context->ssl_ctx);
    if (context->keylog_fd >= 0)
        close(context->keylog_fd);
    free(context->protocols);
    free(context);
}

static void set_defaults(yibu_tls_context *context)
{
    SSL_CTX *c = context->ssl_ctx;
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(c), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    yb_tls_credentials_init(context);
    yb_tls_server_names_init(context);
    yb_tls_sessions_init(context);
    bool is_client = context->side == YIBU_TLS_CLIENT;
    context->check_hostname = is_client;
    yibu_tls_context_set_verify_mode(context,
                                     is_client ? YIBU_TLS_CERT_REQUIRED : YIBU_TLS_CERT_NONE);
}

int yibu_tls_context_new(yibu_tls_side side, yibu_tls_context **ret_context)
{
    if (!ret_context || (side != YIBU_TLS_CLIENT && side != YIBU_TLS_SERVER))
        return -EINVAL;
    yibu_tls_context *context = calloc(1, sizeof(*context));
    if (!context)
        return -ENOMEM;
    context->ssl_ctx =
        SSL_CTX_new(side == YIBU_TLS_CLIENT ? TLS_client_method() : TLS_server_method());
    if (!context->ssl_ctx) {
        ERR_clear_error();
        free(context);
        return -ENOMEM;
    }
    atomic_init(&context->references, 1);
    context->side = side;
    context->keylog_fd = -1;
    SSL_CTX_set_app_data(context->ssl_ctx, context);
    set_defaults(context);
    *ret_context = context;
    return 0;
}

int yb_tls_context_settle(yibu_tls_context *context, bool succeeded, int fallback)
{
    context->text[0] = '\0';
    if (!succeeded)
        return yb_tls_error_of_setting(fallback, context->text, sizeof(context->text));
    ERR_clear_error();
    return 0;
}

int yb_tls_context_complete(yibu_tls_context *context)
{
    bool verifies = SSL_CTX_get_verify_mode(context->ssl_ctx) != SSL_VERIFY_NONE;
    if (context->side == YIBU_TLS_SERVER || !verifies || atomic_load(&context->trusts))
        return 0;
    return yibu_tls_context_load_default_certs(context);
}

int yibu_tls_context_set_versions(yibu_tls_context *context, yibu_tls_version minimum,
                                  yibu_tls_version maximum)
{
    if (!context || minimum < YIBU_TLS_1_2 || maximum > YIBU_TLS_1_3 || minimum > maximum)
        return -EINVAL;
    bool done = SSL_CTX_set_min_proto_version(context->ssl_ctx, (int)minimum) == 1 &&
                SSL_CTX_set_max_proto_version(context->ssl_ctx, (int)maximum) == 1;
    return yb_tls_context_settle(context, done, -EINVAL);
}

int yibu_tls_context_set_ciphers(yibu_tls_context *context, const char *ciphers)
{
    if (!context || !ciphers)
        return -EINVAL;
    return yb_tls_context_settle(context, SSL_CTX_set_cipher_list(context->ssl_ctx, ciphers) == 1,
                                 -EINVAL);
}

int yibu_tls_context_set_ciphersuites(yibu_tls_context *context, const char *suites)
{
    if (!context || !suites)
        return -EINVAL;
    return yb_tls_context_settle(context, SSL_CTX_set_ciphersuites(context->ssl_ctx, suites) == 1,
                                 -EINVAL);
}

int yibu_tls_context_set_groups(yibu_tls_context *context, const char *groups)
{
    if (!context || !groups)
        return -EINVAL;
    return yb_tls_context_settle(
        context, SSL_CTX_set1_groups_list(context->ssl_ctx, (char *)(uintptr_t)groups) == 1,
        -EINVAL);
}

/* One write a line, so that lines of several connections do not mix. */
static void log_secret(const SSL *ssl, const char *line)
{
    const yibu_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    char text[1024];
    int length = snprintf(text, sizeof(text), "%s\n", line);
    if (length > 0 && (size_t)length < sizeof(text))
        (void)!write(context->keylog_fd, text, (size_t)length);
}

int yibu_tls_context_set_keylog_file(yibu_tls_context *context, const char *path)
{
    if (!context)
        return -EINVAL;
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (path && fd < 0)
        return -errno;
    if (context->keylog_fd >= 0)
        close(context->keylog_fd);
    context->keylog_fd = fd;
    SSL_CTX_set_keylog_callback(context->ssl_ctx, fd >= 0 ? log_secret : NULL);
    return 0;
}

const char *yibu_tls_context_error_text(const yibu_tls_context *context)
{
    return context ? context->text : "";
}

struct ssl_ctx_st *yibu_tls_context_get_ssl_ctx(yibu_tls_context *context)
{
    return context ? context->ssl_ctx : NULL;
}
