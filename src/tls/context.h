/* Contexts from the inside: what SSL_CTX has no place for. */
#ifndef YB_TLS_CONTEXT_H
#define YB_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "error.h"
#include <yibu/tls.h>

/* A name that is served by another context. */
typedef struct yb_tls_server_name {
    struct yb_tls_server_name *next;
    yibu_tls_context *context; /* holds a reference */
    char name[];               /* in lower case; "*.…" for the names below */
} yb_tls_server_name;

struct yibu_tls_context {
    atomic_size_t references;
    SSL_CTX *ssl_ctx;
    yibu_tls_side side;
    bool check_hostname;
    atomic_bool trusts;       /* issuers were loaded */
    unsigned char *protocols; /* ALPN's, each behind its length */
    unsigned protocols_size;
    yb_tls_server_name *names;
    yibu_tls_server_name_callback *name_callback;
    void *name_arg;
    yibu_tls_password_callback *password_callback;
    void *password_arg;
    bool password_asked; /* by the call that is under way */
    int keylog_fd;       /* -1: none */
    char text[YB_TLS_TEXT];
};

yibu_tls_context *yb_tls_context_ref(yibu_tls_context *context);

/* Ends a call that sets something: clears the text and OpenSSL's queue, or fills the one from the
 * other.  fallback is the code of what is not known. */
int yb_tls_context_settle(yibu_tls_context *context, bool succeeded, int fallback);

/* What is left to be done before a connection. */
int yb_tls_context_complete(yibu_tls_context *context);

/* Parts of other files that every context is born with. */
void yb_tls_credentials_init(yibu_tls_context *context);
void yb_tls_server_names_init(yibu_tls_context *context);
void yb_tls_server_names_free(yibu_tls_context *context);
void yb_tls_sessions_init(yibu_tls_context *context);

#endif
