/* Whom a context trusts, and how it verifies. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "context.h"

/* Adds a certificate or a list, whichever the block held. */
static bool add(X509_STORE *store, const X509_INFO *info, int *count)
{
    *count += info->x509 || info->crl;
    return (!info->x509 || X509_STORE_add_cert(store, info->x509) == 1) &&
           (!info->crl || X509_STORE_add_crl(store, info->crl) == 1);
}

static bool add_all(X509_STORE *store, BIO *from)
{
    STACK_OF(X509_INFO) *all = from ? PEM_X509_INFO_read_bio(from, NULL, NULL, NULL) : NULL;
    bool done = all != NULL;
    int count = 0;
    for (int i = 0; done && i < sk_X509_INFO_num(all); i++)
        done = add(store, sk_X509_INFO_value(all, i), &count);
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    BIO_free(from);
    if (done && count == 0)
        ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
    return done && count > 0;
}

static int trust(yibu_tls_context *context, bool done)
{
    if (done)
        atomic_store(&context->trusts, true);
    return yb_tls_context_settle(context, done, YIBU_TLS_EFILE);
}

int yibu_tls_context_load_verify_locations(yibu_tls_context *context, const char *file,
                                           const char *folder)
{
    if (!context || (!file && !folder))
        return -EINVAL;
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_ctx);
    bool done = (!file || add_all(store, BIO_new_file(file, "rbe"))) &&
                (!folder || X509_STORE_load_path(store, folder) == 1);
    return trust(context, done);
}

int yibu_tls_context_load_verify_pem(yibu_tls_context *context, const void *data, size_t size)
{
    if (!context || !data || size > INT32_MAX)
        return -EINVAL;
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_ctx);
    return trust(context, add_all(store, BIO_new_mem_buf(data, (int)size)));
}

int yibu_tls_context_load_default_certs(yibu_tls_context *context)
{
    if (!context)
        return -EINVAL;
    return trust(context, SSL_CTX_set_default_verify_paths(context->ssl_ctx) == 1);
}

int yibu_tls_context_set_verify_mode(yibu_tls_context *context, yibu_tls_verify_mode mode)
{
    static const int modes[] = {SSL_VERIFY_NONE, SSL_VERIFY_PEER,
                                SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT};
    if (!context || mode < YIBU_TLS_CERT_NONE || mode > YIBU_TLS_CERT_REQUIRED)
        return -EINVAL;
    SSL_CTX_set_verify(context->ssl_ctx, modes[mode], NULL);
    return 0;
}

int yibu_tls_context_set_check_hostname(yibu_tls_context *context, bool check)
{
    if (!context || context->side == YIBU_TLS_SERVER)
        return -EINVAL;
    context->check_hostname = check;
    return 0;
}

int yibu_tls_context_set_verify_flags(yibu_tls_context *context, unsigned flags)
{
    static const unsigned long openssl_flags[] = {X509_V_FLAG_CRL_CHECK,
                                                  X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL,
                                                  X509_V_FLAG_X509_STRICT,
                                                  X509_V_FLAG_PARTIAL_CHAIN};
    enum { COUNT = sizeof(openssl_flags) / sizeof(openssl_flags[0]) };
    if (!context || flags >> COUNT)
        return -EINVAL;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context->ssl_ctx);
    for (unsigned i = 0; i < COUNT; i++)
        X509_VERIFY_PARAM_clear_flags(param, openssl_flags[i]);
    for (unsigned i = 0; i < COUNT; i++)
        if (flags >> i & 1)
            X509_VERIFY_PARAM_set_flags(param, openssl_flags[i]);
    return 0;
}
