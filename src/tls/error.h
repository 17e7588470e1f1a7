/* OpenSSL's failures as codes of <yibu/tls.h>, with the full text. */
#ifndef YB_TLS_ERROR_H
#define YB_TLS_ERROR_H

#include <openssl/ssl.h>
#include <stddef.h>

enum { YB_TLS_TEXT = 256 };

/* What OpenSSL's queue of errors, which is emptied, means for a connection.  The text is cut off
 * where size does not suffice. */
int yb_tls_error_of_connection(const SSL *ssl, char *ret_text, size_t size);

/* The same for a call that loads or sets something; fallback is the code of what is not known. */
int yb_tls_error_of_setting(int fallback, char *ret_text, size_t size);

/* The code of a certificate's verification that failed (X509_V_ERR_). */
int yb_tls_error_of_verification(long result);

#endif
