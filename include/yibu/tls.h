/* TLS on streams, by OpenSSL (libyibu-tls: link it beside the core).
 *
 *     yibu_tls_context *context;                       // asyncio: ssl.create_default_context()
 *     int r = yibu_tls_context_new(YIBU_TLS_CLIENT, &context);
 *     yibu_stream *stream;
 *     if (r == 0)
 *         r = yibu_tls_open_connection("www.debian.org", 443, context, NULL, &stream);
 *     if (r < 0) {
 *         fprintf(stderr, "%s\n", yibu_tls_strerror(r));   // "The certificate has expired"
 *         return r;
 *     }
 *     static const char request[] = "GET / HTTP/1.0\r\nHost: www.debian.org\r\n\r\n";
 *     yibu_stream_write(stream, request, sizeof(request) - 1);
 *     char *line;
 *     while (yibu_stream_readline(stream, &line) > 0)
 *         …
 *     yibu_stream_close(stream);
 *     yibu_stream_wait_closed(stream);
 *     yibu_stream_free(stream);
 *     yibu_tls_context_free(context);
 *
 * A TLS stream is a stream as any other (<yibu/stream.h>).  A client verifies the server's
 * certificate and name unless it is told not to.  A peer that ends the connection without saying so
 * is a failure, YIBU_TLS_ETRUNCATED, and no end of the stream.  Renegotiation is refused; 0-RTT
 * data is neither sent nor accepted, since it can be replayed.
 *
 * Context, where nothing else is said: the thread of the stream's loop. */
#ifndef YIBU_TLS_H
#define YIBU_TLS_H

#include <yibu/base.h>
#include <yibu/error.h>
#include <yibu/layer.h>
#include <yibu/server.h>
#include <yibu/stream.h>

typedef struct yibu_tls_context yibu_tls_context;
typedef struct yibu_tls_session yibu_tls_session;

/* OpenSSL's SSL_CTX and SSL. */
struct ssl_ctx_st;
struct ssl_st;

/* Failures, among those of adapters (<yibu/error.h>). */
enum {
    YIBU_TLS_EPROTOCOL = -9216,      /* what came is not TLS, or breaks its rules */
    YIBU_TLS_ETRUNCATED = -9217,     /* the connection ended without the peer's close_notify */
    YIBU_TLS_ETIMEDOUT = -9218,      /* the handshake took too long */
    YIBU_TLS_EEXPIRED = -9219,       /* the peer's certificate has expired */
    YIBU_TLS_ENOTYET = -9220,        /* … is not valid yet */
    YIBU_TLS_EHOST = -9221,          /* … is not for this host */
    YIBU_TLS_ESELFSIGNED = -9222,    /* … is its own issuer, and not trusted */
    YIBU_TLS_EUNKNOWNCA = -9223,     /* … was issued by somebody who is not trusted */
    YIBU_TLS_EREVOKED = -9224,       /* … was revoked */
    YIBU_TLS_ENOCRL = -9225,         /* no list, or no current one, says whether it was revoked */
    YIBU_TLS_ECERTIFICATE = -9226,   /* it could not be verified for another reason */
    YIBU_TLS_ENOCERTIFICATE = -9227, /* the peer showed none */
    YIBU_TLS_EREJECTED = -9228,      /* the peer does not accept ours, or wants one */
    YIBU_TLS_ECIPHER = -9229,        /* no cipher or group in common */
    YIBU_TLS_EVERSION = -9230,       /* no version in common */
    YIBU_TLS_EALPN = -9231,          /* no application protocol in common */
    YIBU_TLS_ENAME = -9232,          /* the server does not know the name that was asked for */
    YIBU_TLS_EREFUSED = -9233,       /* the peer broke off with another alert */
    YIBU_TLS_EFILE = -9234,          /* there is no certificate or key in the file */
    YIBU_TLS_EKEY = -9235,           /* the key does not belong to the certificate */
    YIBU_TLS_EPASSWORD = -9236,      /* the key is encrypted, and the password missing or wrong */
};

/* What a context is for. */
typedef enum yibu_tls_side { YIBU_TLS_CLIENT, YIBU_TLS_SERVER } yibu_tls_side;

/* Whether the peer must show a certificate that is valid. */
typedef enum yibu_tls_verify_mode {
    YIBU_TLS_CERT_NONE,     /* it is not looked at; the default of servers */
    YIBU_TLS_CERT_OPTIONAL, /* servers: it may show none */
    YIBU_TLS_CERT_REQUIRED  /* the default of clients */
} yibu_tls_verify_mode;

/* Flags of verification. */
enum {
    YIBU_TLS_VERIFY_CRL_CHECK_LEAF = 1u << 0,  /* the peer's certificate must be in no CRL */
    YIBU_TLS_VERIFY_CRL_CHECK_CHAIN = 1u << 1, /* nor any of its issuers' */
    YIBU_TLS_VERIFY_X509_STRICT = 1u << 2,     /* no mistakes of issuers are forgiven */
    YIBU_TLS_VERIFY_PARTIAL_CHAIN = 1u << 3,   /* what is trusted need not be a root */
};

typedef enum yibu_tls_version { YIBU_TLS_1_2 = 0x0303, YIBU_TLS_1_3 = 0x0304 } yibu_tls_version;

/* Options of one connection.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_tls_options {
    size_t size;
    const char *server_name;      /* clients: the name to ask for and to verify, a DNS name or a
                                   * numeric address; default: the host connected to, if any */
    int64_t handshake_timeout_ns; /* default 60 s */
    int64_t shutdown_timeout_ns;  /* for what was written and the peer's close_notify; default 30 s;
                                   * negative: the peer is not waited for */
    const yibu_tls_session *session;    /* clients: to be resumed, where the server agrees */
    char *ret_error_text;               /* where it fails, says why in full; may be NULL */
    size_t error_text_size;             /* of that; longer texts are cut off */
    yibu_connection_options connection; /* of yibu_tls_open_connection; size 0: the defaults */
} yibu_tls_options;

/* Hears of a handshake that failed.  The stream is closed afterwards.  Context: the connection's
 * task. */
typedef void yibu_tls_failure_handler(yibu_stream *stream, int code, const char *text, void *arg);

/* Options of a server.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_tls_server_options {
    size_t size;
    int64_t handshake_timeout_ns;         /* default 60 s */
    int64_t shutdown_timeout_ns;          /* as in yibu_tls_options */
    yibu_tls_failure_handler *on_failure; /* default: told to the loop's exception handler in debug
                                           * mode, else to nobody */
    yibu_server_options server;           /* size 0: the defaults */
} yibu_tls_server_options;

/* What a handshake has agreed on.  Set size to sizeof.  The texts are the stream's. */
typedef struct yibu_tls_info {
    size_t size;
    const char *version;     /* "TLSv1.3" */
    const char *cipher;      /* "TLS_AES_256_GCM_SHA384" */
    int cipher_bits;         /* of its key */
    const char *alpn;        /* the application protocol; NULL: none */
    const char *server_name; /* that the client asked for; NULL: none */
    bool session_reused;
    bool has_peer_certificate;
} yibu_tls_info;

/* A certificate.  The texts and lists are the stream's. */
typedef struct yibu_tls_certificate {
    size_t size;
    const unsigned char *der; /* as it came (X.509) */
    size_t der_size;
    const char *subject; /* "CN=example.org,O=Example" (RFC 2253) */
    const char *issuer;
    const char *serial_number; /* in hexadecimal */
    int64_t not_before;        /* in seconds since 1970 (UTC) */
    int64_t not_after;
    const char *const *alternative_names; /* "DNS:example.org", "IP:192.0.2.1" … */
    size_t alternative_name_count;
} yibu_tls_certificate;

YIBU_BEGIN_DECLS

/* Contexts: what connections have in common.  One is set up by one thread before its first use;
 * then any thread may use it, and each connection keeps it alive.  Calls that load read files at
 * once.  None suspends.  They return 0; -EINVAL; -ENOMEM; -ENOENT and its like for files; or a code
 * of the above, which yibu_tls_context_error_text tells in full. */

/* A context with the defaults: TLS 1.2 and up, OpenSSL's ciphers, verification as of its side. */
YIBU_API int yibu_tls_context_new(yibu_tls_side side, yibu_tls_context **ret_context);

/* Drops the caller's hold.  Connections go on.  NULL is fine.  Context: any thread. */
YIBU_API void yibu_tls_context_free(yibu_tls_context *context);

/* Our own certificate with its intermediate ones behind it, and its key, in PEM.  key_file NULL: in
 * the same file.  Once more: beside the first, where the kind of key differs. */
YIBU_API int yibu_tls_context_load_cert_chain(yibu_tls_context *context, const char *cert_file,
                                              const char *key_file);
YIBU_API int yibu_tls_context_load_cert_chain_pem(yibu_tls_context *context, const void *cert,
                                                  size_t cert_size, const void *key,
                                                  size_t key_size);

/* Writes the password of a key that is to be loaded, size bytes at most, and returns its length, or
 * a negative number where there is none. */
typedef int yibu_tls_password_callback(char *ret_password, int size, void *arg);

/* Who is asked for passwords; nobody by default, the terminal least of all. */
YIBU_API int yibu_tls_context_set_password_callback(yibu_tls_context *context,
                                                    yibu_tls_password_callback *callback,
                                                    void *arg);

/* Issuers to trust, and lists of revoked certificates, in PEM: a file, a folder of files named by
 * hash (openssl-rehash(1), read when needed), or both; one of them may be NULL.  Once a client's
 * context has any, the system's are not trusted. */
YIBU_API int yibu_tls_context_load_verify_locations(yibu_tls_context *context, const char *file,
                                                    const char *folder);
YIBU_API int yibu_tls_context_load_verify_pem(yibu_tls_context *context, const void *data,
                                              size_t size);

/* The issuers that the system trusts.  Done by itself for a client without any others. */
YIBU_API int yibu_tls_context_load_default_certs(yibu_tls_context *context);

YIBU_API int yibu_tls_context_set_verify_mode(yibu_tls_context *context, yibu_tls_verify_mode mode);

/* Whether clients verify that the certificate is for server_name (RFC 9525).  Default: yes. */
YIBU_API int yibu_tls_context_set_check_hostname(yibu_tls_context *context, bool check);

/* YIBU_TLS_VERIFY_ flags.  Default: none. */
YIBU_API int yibu_tls_context_set_verify_flags(yibu_tls_context *context, unsigned flags);

/* Application protocols, the preferred first (RFC 7301).  A server picks the first of its own that
 * the client offers, and breaks off where there is none. */
YIBU_API int yibu_tls_context_set_alpn_protocols(yibu_tls_context *context,
                                                 const char *const *protocols, size_t count);

/* Servers: the context of connections that ask for name, or for a name right below "*.name".
 * Others are served by the context itself. */
YIBU_API int yibu_tls_context_add_server_name(yibu_tls_context *context, const char *name,
                                              yibu_tls_context *other);

/* Chooses a context by name (NULL: the client asks for none) where no added name fits: leaves
 * *ret_context alone for the present one, or sets it to one that outlives the call.
 * Returns 0, or a failure to break off (unrecognized_name).  Must not suspend. */
typedef int yibu_tls_server_name_callback(const char *name, yibu_tls_context **ret_context,
                                          void *arg);
YIBU_API int yibu_tls_context_set_server_name_callback(yibu_tls_context *context,
                                                       yibu_tls_server_name_callback *callback,
                                                       void *arg);

/* The versions that may be agreed on.  Default: TLS 1.2 and later. */
YIBU_API int yibu_tls_context_set_versions(yibu_tls_context *context, yibu_tls_version minimum,
                                           yibu_tls_version maximum);

/* Lists in OpenSSL's notation: ciphers up to TLS 1.2, those of TLS 1.3, groups for key exchange. */
YIBU_API int yibu_tls_context_set_ciphers(yibu_tls_context *context, const char *ciphers);
YIBU_API int yibu_tls_context_set_ciphersuites(yibu_tls_context *context, const char *suites);
YIBU_API int yibu_tls_context_set_groups(yibu_tls_context *context, const char *groups);

/* Servers: how many tickets for resumption a client gets; 0: none (default 2; TLS 1.2: one). */
YIBU_API int yibu_tls_context_set_num_tickets(yibu_tls_context *context, size_t count);

/* Appends the secrets of all connections to a file, for who is to decrypt them, in Wireshark's
 * format; NULL: no more.  Default: no file, whatever $SSLKEYLOGFILE says. */
YIBU_API int yibu_tls_context_set_keylog_file(yibu_tls_context *context, const char *path);

/* Why the last of the above calls failed, in full; "" where it did not.  The context's. */
YIBU_API const char *yibu_tls_context_error_text(const yibu_tls_context *context);

/* OpenSSL's object, for what has no call here. */
YIBU_API struct ssl_ctx_st *yibu_tls_context_get_ssl_ctx(yibu_tls_context *context);

/* Connections. */

/* As yibu_open_connection, with a handshake behind it.  context NULL: one with the defaults.
 * Checkpoint.  Cancel: no connection is left behind.
 * Returns 0, what yibu_open_connection returns, or as yibu_stream_start_tls. */
YIBU_API int yibu_tls_open_connection(const char *host, uint16_t port, yibu_tls_context *context,
                                      const yibu_tls_options *options, yibu_stream **ret_stream);

/* The same to a Unix socket.  server_name must be set where names are verified. */
YIBU_API int yibu_tls_open_unix_connection(const char *path, yibu_tls_context *context,
                                           const yibu_tls_options *options,
                                           yibu_stream **ret_stream);

/* As yibu_start_server: the handler is called once the handshake has succeeded. */
YIBU_API int yibu_tls_start_server_at(yibu_connection_handler *handler, void *arg, const char *host,
                                      uint16_t port, yibu_tls_context *context,
                                      const yibu_tls_server_options *options,
                                      yibu_server **ret_server, const char *place);
#define yibu_tls_start_server(handler, arg, host, port, context, options, ret_server)              \
    yibu_tls_start_server_at((handler), (arg), (host), (port), (context), (options), (ret_server), \
                             YIBU_HERE)

/* The same on a Unix socket. */
YIBU_API int yibu_tls_start_unix_server_at(yibu_connection_handler *handler, void *arg,
                                           const char *path, yibu_tls_context *context,
                                           const yibu_tls_server_options *options,
                                           yibu_server **ret_server, const char *place);
#define yibu_tls_start_unix_server(handler, arg, path, context, options, ret_server)            \
    yibu_tls_start_unix_server_at((handler), (arg), (path), (context), (options), (ret_server), \
                                  YIBU_HERE)

/* Goes on with TLS on a stream, on the context's side (STARTTLS).  Waits until what was written has
 * gone out.  What came in and was not read is the beginning of the peer's handshake: nothing that
 * was sent in the clear is ever taken for decrypted data.  options may be NULL.
 * Checkpoint.  Cancel: the connection is closed.
 * Returns 0; -ECANCELED; a code of the above; or a negative errno.  After a failure close (which
 * lets the peer hear of it) or abort the stream, and free it. */
YIBU_API int yibu_stream_start_tls(yibu_stream *stream, yibu_tls_context *context,
                                   const yibu_tls_options *options);

/* The same for layers, which never suspends: a layer on another one that it takes over.  The
 * handshake begins at once; who reads and writes waits for it. */
YIBU_API int yibu_tls_layer_new(yibu_layer *below, yibu_tls_context *context,
                                const yibu_tls_options *options, yibu_layer **ret_layer);

/* An operation that ends with the handshake: its result is 0 or why it failed.  One at a time. */
YIBU_API int yibu_tls_layer_handshake(yibu_layer *layer, yibu_op *op);

/* What is known of a TLS stream.  All never suspend, and return -EINVAL for other streams. */

/* Returns 0, or -EAGAIN before the end of the handshake. */
YIBU_API int yibu_tls_get_info(const yibu_stream *stream, yibu_tls_info *ret_info);

/* The peer's certificate.  Returns 0, -ENOENT where it showed none, or -ENOMEM. */
YIBU_API int yibu_tls_get_peer_certificate(yibu_stream *stream, yibu_tls_certificate *ret_cert);

/* Bytes that both ends of this connection know, and nobody else: "tls-exporter" (RFC 9266) or
 * "tls-unique" (RFC 5929, up to TLS 1.2).
 * Returns how many, -ENOSPC, or -ENOTSUP for another type. */
YIBU_API ssize_t yibu_tls_get_channel_binding(const yibu_stream *stream, const char *type,
                                              void *ret_bytes, size_t size);

/* Why the stream failed, in full; "" where it did not, or not in TLS.  The stream's. */
YIBU_API const char *yibu_tls_error_text(const yibu_stream *stream);

/* OpenSSL's object, for what has no call here; NULL for other streams.  Nothing may be read,
 * written or shut down with it. */
YIBU_API struct ssl_st *yibu_tls_get_ssl(const yibu_stream *stream);

/* Sessions: what a client resumes in a later connection to the same server, under the same name.
 * With TLS 1.3 they come behind the handshake, and each should be used once (RFC 8446, C.4). */

/* The last that came; the caller's.  Never suspends.  Returns 0, or -ENOENT where there is none. */
YIBU_API int yibu_tls_get_session(const yibu_stream *stream, yibu_tls_session **ret_session);
YIBU_API void yibu_tls_session_free(yibu_tls_session *session); /* NULL is fine */

/* As bytes, secret ones, and back.  save returns how many there are, and writes them where size
 * suffices.  Context: any thread. */
YIBU_API ssize_t yibu_tls_session_save(const yibu_tls_session *session, void *ret_bytes,
                                       size_t size);
YIBU_API int yibu_tls_session_load(const void *bytes, size_t size, yibu_tls_session **ret_session);

/* A sentence for any failure code, TLS's and Yibu's; never NULL.  Context: any thread. */
YIBU_API const char *yibu_tls_strerror(intptr_t code);

YIBU_END_DECLS

#endif
