/* What OpenSSL says, in codes and sentences.  Its queue holds the cause first and what followed
 * from it behind; a certificate that was not accepted says why in a place of its own. */
#include "error.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include <yibu/tls.h>

static const char *const sentences[] = {
    "The peer does not speak TLS, or breaks its rules",
    "The connection ended without the peer's close_notify",
    "The TLS handshake took too long",
    "The certificate has expired",
    "The certificate is not valid yet",
    "The certificate is not for this host",
    "The certificate is its own issuer, and not trusted",
    "The certificate's issuer is not trusted",
    "The certificate was revoked",
    "No current list says whether the certificate was revoked",
    "The certificate could not be verified",
    "The peer showed no certificate",
    "The peer does not accept our certificate, or wants one",
    "There is no cipher or group in common",
    "There is no TLS version in common",
    "There is no application protocol in common",
    "The server does not know the name that was asked for",
    "The peer broke off the connection",
    "There is no certificate or key in the file",
    "The key does not belong to the certificate",
    "The key is encrypted, and the password missing or wrong",
};

const char *yibu_tls_strerror(intptr_t code)
{
    intptr_t place = YIBU_TLS_EPROTOCOL - code;
    if (place >= 0 && (size_t)place < sizeof(sentences) / sizeof(sentences[0]))
        return sentences[place];
    return yibu_strerror(code);
}

int yb_tls_error_of_verification(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return YIBU_TLS_EEXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return YIBU_TLS_ENOTYET;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return YIBU_TLS_EHOST;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return YIBU_TLS_ESELFSIGNED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return YIBU_TLS_EUNKNOWNCA;
    case X509_V_ERR_CERT_REVOKED:
        return YIBU_TLS_EREVOKED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return YIBU_TLS_ENOCRL;
    case X509_V_ERR_OUT_OF_MEM:
        return -ENOMEM;
    default:
        return YIBU_TLS_ECERTIFICATE;
    }
}

/* Alerts of the peer's (RFC 8446, 6.2). */
static int code_of_alert(int alert)
{
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
        return YIBU_TLS_ECIPHER;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return YIBU_TLS_EREJECTED;
    case SSL_AD_PROTOCOL_VERSION:
        return YIBU_TLS_EVERSION;
    case SSL_AD_UNRECOGNIZED_NAME:
        return YIBU_TLS_ENAME;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return YIBU_TLS_EALPN;
    default:
        return YIBU_TLS_EREFUSED;
    }
}

static int code_of_reason(int reason)
{
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        return code_of_alert(reason - SSL_AD_REASON_OFFSET);
    switch (reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return YIBU_TLS_ETRUNCATED;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return YIBU_TLS_ENOCERTIFICATE;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return YIBU_TLS_ECIPHER;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
        return YIBU_TLS_EVERSION;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return YIBU_TLS_EALPN;
    case SSL_R_CALLBACK_FAILED:
        return YIBU_TLS_ENAME;
    default:
        return YIBU_TLS_EPROTOCOL;
    }
}

/* The error that was first, where one of them says that memory is short then that. */
static unsigned long take_cause(void)
{
    unsigned long cause = 0;
    for (unsigned long error; (error = ERR_get_error());)
        if (cause == 0 || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            cause = error;
    return cause;
}

static void describe(unsigned long error, char *ret_text, size_t size)
{
    const char *reason = ERR_reason_error_string(error);
    const char *library = ERR_lib_error_string(error);
    if (reason)
        snprintf(ret_text, size, "%s", reason);
    else
        snprintf(ret_text, size, "%s error %lx", library ? library : "OpenSSL", error);
}

static int not_verified(const SSL *ssl, char *ret_text, size_t size)
{
    long result = SSL_get_verify_result(ssl);
    snprintf(ret_text, size, "certificate verify failed: %s",
             X509_verify_cert_error_string(result));
    return yb_tls_error_of_verification(result);
}

int yb_tls_error_of_connection(const SSL *ssl, char *ret_text, size_t size)
{
    unsigned long error = take_cause();
    int reason = ERR_GET_REASON(error);
    if (reason == ERR_R_MALLOC_FAILURE) {
        snprintf(ret_text, size, "OpenSSL has no memory");
        return -ENOMEM;
    }
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return not_verified(ssl, ret_text, size);
    describe(error, ret_text, size);
    return ERR_GET_LIB(error) == ERR_LIB_SSL ? code_of_reason(reason) : YIBU_TLS_EPROTOCOL;
}

int yb_tls_error_of_setting(int fallback, char *ret_text, size_t size)
{
    unsigned long error = take_cause();
    describe(error, ret_text, size);
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return -ENOMEM;
    if (ERR_SYSTEM_ERROR(error)) {
        snprintf(ret_text, size, "%s", yibu_strerror(-ERR_GET_REASON(error)));
        return -ERR_GET_REASON(error);
    }
    if (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH)
        return YIBU_TLS_EKEY;
    return fallback;
}
