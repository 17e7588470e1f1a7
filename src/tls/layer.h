/* The TLS layer from the inside.
 *
 * OpenSSL never touches the layer below: it reads what is in `in` and writes to `out` (bio.c), and
 * says when it wants more.  Below there is at most one read, into `in`, and one write, of `out`;
 * whatever ends calls yb_tls_advance, which lets everything happen that can.
 *
 * States: SHAKING (the handshake is under way), OPEN, FAILED (`error` says why; what is read and
 * written fails with it), CLOSED (the layer below is).  */
#ifndef YB_TLS_LAYER_H
#define YB_TLS_LAYER_H

#include <openssl/ssl.h>

#include "buffer.h"
#include "context.h"
#include "options.h"
#include <yibu/event.h>
#include <yibu/loop.h>

typedef enum yb_tls_state {
    YB_TLS_SHAKING,
    YB_TLS_OPEN,
    YB_TLS_FAILED,
    YB_TLS_CLOSED
} yb_tls_state;

/* An operation of the layer's user.  Where it can be done within its start, nobody is called. */
typedef struct yb_tls_request {
    yibu_op *op; /* NULL: none */
    bool begun;  /* the start has returned */
    ssize_t result;
} yb_tls_request;

/* How far the close is. */
typedef enum yb_tls_farewell {
    YB_TLS_STAYS,
    YB_TLS_FLUSHES,  /* what was written goes out */
    YB_TLS_NOTIFIES, /* so does our close_notify, or the alert */
    YB_TLS_LINGERS,  /* the peer's is waited for */
    YB_TLS_PARTS,    /* the layer below closes */
    YB_TLS_GONE
} yb_tls_farewell;

typedef struct yb_tls_layer {
    yibu_layer layer;
    yibu_layer *below;
    SSL *ssl;
    yibu_tls_context *context, *chosen; /* the second by the server's name, or NULL */
    SSL_SESSION *session;               /* clients: the last that came */
    char *server_name;                  /* clients: to be verified, or NULL */
    uint8_t state;                      /* yb_tls_state */
    uint8_t farewell;                   /* yb_tls_farewell */
    int error;
    char *error_text; /* NULL: as the code's */
    char *protocol;   /* ALPN's, once it was asked for */
    int64_t shutdown_timeout_ns;
    yibu_timer limit; /* of the handshake, then of the close */
    yibu_timer later; /* goes on in a later turn */

    /* Below. */
    yb_tls_buffer in, out;
    size_t read_size; /* how much to ask for next */
    yibu_op read_op, write_op, close_op;
    bool reads, writes, closes; /* under way */
    bool looks;                 /* the read below is a wait for something to read */
    bool wants_read;            /* OpenSSL cannot go on without */
    bool ended;                 /* nothing more comes from below */
    bool finished;              /* below was told that nothing more goes out */
    int read_error;             /* why not, where that is no end of the stream */
    int write_error;

    /* Above. */
    yb_tls_request reading, writing, finishing, closing, shaking;
    char *to;
    size_t to_size;
    bool waits; /* the read takes nothing, but waits for something */
    const char *from;
    size_t from_size;
    bool at_end;         /* the peer's close_notify came */
    bool read_cancelled; /* it ends with what has come */

    /* Of yibu_stream_start_tls. */
    yibu_op start_op;
    bool starts; /* that is under way */
    yibu_event started;
    ssize_t start_result;

    struct yb_tls_peer_certificate *peer; /* once it was asked for */
    unsigned starting;                    /* calls of the user's are under way */
    bool advances, again;                 /* yb_tls_advance is under way; is to look again */
    bool released;
} yb_tls_layer;

static inline yb_tls_layer *yb_tls_view(yibu_layer *layer)
{
    return (yb_tls_layer *)(void *)layer;
}

enum { YB_TLS_MIN_READ = 2048, YB_TLS_MAX_READ = 65536 };

/* The layer of a stream, or NULL where that is another kind. */
yb_tls_layer *yb_tls_layer_of(const yibu_stream *stream);

/* layer.c: a layer that has not begun, and its end before that, which leaves `below` alone. */
int yb_tls_layer_make(yibu_layer *below, yibu_tls_context *context, const yibu_tls_options *options,
                      yb_tls_layer **ret_layer);
void yb_tls_layer_unmake(yb_tls_layer *t);

/* Starts to wait for the handshake's end, as a method of a layer. */
int yb_tls_layer_shake(yb_tls_layer *t, yibu_op *op, ssize_t *ret_result);

/* Lets everything happen that can. */
void yb_tls_advance(yb_tls_layer *t);

/* Frees the layer where its user has, and nothing of it is under way any more. */
void yb_tls_release(yb_tls_layer *t);

/* Ends the layer's life as TLS: the first failure counts.  text NULL: as the code's. */
void yb_tls_fail(yb_tls_layer *t, int error, const char *text);

/* The same with what OpenSSL says. */
void yb_tls_fail_as_openssl(yb_tls_layer *t);

/* Ends a request. */
void yb_tls_answer(yb_tls_request *request, ssize_t result);

/* The layer below, now. */
void yb_tls_cut(yb_tls_layer *t);

/* A connection goes over to the context of another name. */
void yb_tls_layer_use_context(yb_tls_layer *t, yibu_tls_context *context);

/* bio.c: the way between OpenSSL and the buffers; the method lives as long as the process. */
BIO *yb_tls_bio_new(yb_tls_layer *t);

/* transfer.c */
ssize_t yb_tls_try_read(yb_tls_layer *t, char *buffer, size_t size);
bool yb_tls_read_more(yb_tls_layer *t);     /* from below; whether something has changed at once */
void yb_tls_flush(yb_tls_layer *t);         /* what waits in `out` */
void yb_tls_serve_reading(yb_tls_layer *t); /* the user's read */
void yb_tls_serve_writing(yb_tls_layer *t); /* the user's write and finish */
void yb_tls_say_end(yb_tls_layer *t);       /* our close_notify, once */
ssize_t yb_tls_try_write(yb_tls_layer *t, const struct iovec *pieces, size_t count);

/* handshake.c */
int yb_tls_handshake_prepare(yb_tls_layer *t, const yibu_tls_options *options);
void yb_tls_handshake_step(yb_tls_layer *t);

/* shutdown.c */
void yb_tls_shutdown_begin(yb_tls_layer *t);
void yb_tls_shutdown_step(yb_tls_layer *t);

/* info.c */
const char *yb_tls_layer_error_text(const yb_tls_layer *t);

/* start_tls.c: the caller's text, where it wants one. */
void yb_tls_give_text(const yibu_tls_options *options, const char *text);

/* certificate.c */
void yb_tls_peer_certificate_free(struct yb_tls_peer_certificate *peer);

/* session.c: a client asks for resumption; NULL: it does not. */
int yb_tls_session_offer(yb_tls_layer *t, const yibu_tls_session *session);

#endif
