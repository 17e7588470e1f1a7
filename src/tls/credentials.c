/* Our own certificate and key.  Both come from a file or from memory, through one BIO. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "context.h"

/* OpenSSL asks the terminal where nobody is set. */
static int ask(char *ret_password, int size, int writing, void *arg)
{
    yibu_tls_context *context = arg;
    (void)writing;
    context->password_asked = true;
    if (!context->password_callback)
        return -1;
    int length = context->password_callback(ret_password, size, context->password_arg);
    return length <= size ? length : -1;
}

void yb_tls_credentials_init(yibu_tls_context *context)
{
    SSL_CTX_set_default_passwd_cb(context->ssl_ctx, ask);
    SSL_CTX_set_default_passwd_cb_userdata(context->ssl_ctx, context);
}

int yibu_tls_context_set_password_callback(yibu_tls_context *context,
                                           yibu_tls_password_callback *callback, void *arg)
{
    if (!context)
        return -EINVAL;
    context->password_callback = callback;
    context->password_arg = arg;
    return 0;
}

/* Whether what is left has no further block, and no error but that. */
static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

static bool use_chain(yibu_tls_context *context, BIO *from)
{
    X509 *own = PEM_read_bio_X509_AUX(from, NULL, ask, context);
    if (!own)
        return false;
    bool done = SSL_CTX_use_certificate(context->ssl_ctx, own) == 1 &&
                SSL_CTX_clear_chain_certs(context->ssl_ctx) == 1;
    X509_free(own);
    X509 *next;
    while (done && (next = PEM_read_bio_X509(from, NULL, ask, context))) {
        done = SSL_CTX_add0_chain_cert(context->ssl_ctx, next) == 1;
        if (!done)
            X509_free(next);
    }
    return done && at_end();
}

static bool use_key(yibu_tls_context *context, BIO *from)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, ask, context);
    bool done = key && SSL_CTX_use_PrivateKey(context->ssl_ctx, key) == 1;
    EVP_PKEY_free(key);
    return done && SSL_CTX_check_private_key(context->ssl_ctx) == 1;
}

/* Takes both over; either may be NULL, with OpenSSL's reason in its queue. */
static int use(yibu_tls_context *context, BIO *chain, BIO *key)
{
    context->password_asked = false;
    bool done = chain && key && use_chain(context, chain) && use_key(context, key);
    BIO_free(chain);
    BIO_free(key);
    return yb_tls_context_settle(context, done,
                                 context->password_asked ? YIBU_TLS_EPASSWORD : YIBU_TLS_EFILE);
}

int yibu_tls_context_load_cert_chain(yibu_tls_context *context, const char *cert_file,
                                     const char *key_file)
{
    if (!context || !cert_file)
        return -EINVAL;
    BIO *chain = BIO_new_file(cert_file, "rbe");
    return use(context, chain, chain ? BIO_new_file(key_file ? key_file : cert_file, "rbe") : NULL);
}

int yibu_tls_context_load_cert_chain_pem(yibu_tls_context *context, const void *cert,
                                         size_t cert_size, const void *key, size_t key_size)
{
    if (!context || !cert || !key || cert_size > INT32_MAX || key_size > INT32_MAX)
        return -EINVAL;
    BIO *chain = BIO_new_mem_buf(cert, (int)cert_size);
    return use(context, chain, chain ? BIO_new_mem_buf(key, (int)key_size) : NULL);
}
