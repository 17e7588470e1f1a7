/* Transports and protocols: connections in the callback form (asyncio's Transport, Protocol and
 * BufferedProtocol).  For bindings of other languages, which bring coroutines of their own, and for
 * programs with very many connections: one of these needs no task and, while it is idle, no buffer.
 *
 *     static void data_received(yibu_protocol *protocol, yibu_transport *transport,
 *                               const void *data, size_t size)
 *     {
 *         (void)protocol;
 *         yibu_transport_write(transport, data, size);
 *     }
 *     static const yibu_protocol_methods methods = {.size = sizeof(methods),
 *                                                   .data_received = data_received};
 *     static yibu_protocol echo = {&methods};     // without a state of its own: one for all
 *     static yibu_protocol *make_echo(void *arg)
 *     {
 *         return &echo;
 *     }
 *     …
 *     r = yibu_create_server(make_echo, NULL, NULL, 7777, NULL, &server);
 *
 * A protocol is the program's: a struct that begins with a yibu_protocol.  A transport is the
 * library's; it lives from connection_made until connection_lost has returned, or until
 * yibu_transport_free.
 *
 * Context of everything here, where nothing else is said: the thread of the transport's loop. */
#ifndef YIBU_PROTOCOL_H
#define YIBU_PROTOCOL_H

#include <sys/uio.h>

#include <yibu/base.h>
#include <yibu/layer.h>
#include <yibu/op.h>
#include <yibu/server.h>
#include <yibu/stream.h>

typedef struct yibu_transport yibu_transport;
typedef struct yibu_protocol yibu_protocol;

/* What a protocol is told; each may be NULL.  Set size to sizeof.
 *
 * They are called from the loop, never from inside the call that started something, but for
 * pause_writing and resume_writing (see there); they must not suspend.  Each may call everything of
 * its transport: also close, abort, set_protocol and free it. */
typedef struct yibu_protocol_methods {
    size_t size;
    /* The connection is there.  The first call, once. */
    void (*connection_made)(yibu_protocol *protocol, yibu_transport *transport);
    /* Bytes have come; data is the protocol's, to change as well, until this returns. */
    void (*data_received)(yibu_protocol *protocol, yibu_transport *transport, void *data,
                          size_t size);
    /* In the place of data_received, where it is there: says where the next bytes shall go, at most
     * *ret_size, which is a proposal before; then buffer_updated says how many came.  The memory is
     * used between the two calls only.  Where it answers NULL or sets 0, the connection is lost
     * with -ENOBUFS. */
    void *(*get_buffer)(yibu_protocol *protocol, yibu_transport *transport, size_t *ret_size);
    void (*buffer_updated)(yibu_protocol *protocol, yibu_transport *transport, size_t size);
    /* The peer sends nothing more.  false, or no such method: the transport closes itself once what
     * was written has gone out.  true: it stays open for writing. */
    bool (*eof_received)(yibu_protocol *protocol, yibu_transport *transport);
    /* The connection is closed.  The last call, once: then the transport is gone, and the protocol
     * free.  error: 0 after close, abort and the peer's end; else why, a negative errno; -ECANCELED
     * where the loop ends before the connection does. */
    void (*connection_lost)(yibu_protocol *protocol, yibu_transport *transport, int error);
    /* More than the high-water mark waits to be written: write no more until resume_writing, which
     * says that no more than the low-water mark does.  These two are also called from inside a
     * write and set_write_buffer_limits, as the last thing that these do. */
    void (*pause_writing)(yibu_protocol *protocol, yibu_transport *transport);
    void (*resume_writing)(yibu_protocol *protocol, yibu_transport *transport);
} yibu_protocol_methods;

/* The beginning of every protocol; its maker sets it. */
struct yibu_protocol {
    const yibu_protocol_methods *methods;
};

/* Makes the protocol of a connection that a server has accepted.  NULL: the connection is dropped.
 * Context: the loop; must not suspend. */
typedef yibu_protocol *yibu_protocol_factory(void *arg);

YIBU_BEGIN_DECLS

/* Connecting.  The protocol's connection_made has been called when these succeed; where they fail
 * it hears nothing.  ret_transport may be NULL.  Of options->stream, limit is not used. */

/* Connects as yibu_open_connection.
 * Checkpoint.  Cancel: no connection is left behind, and the protocol hears nothing.
 * Returns 0; -ECANCELED; a YIBU_EAI_ code; or the negative errno of the address that failed
 * last. */
YIBU_API int yibu_create_connection(yibu_protocol *protocol, const char *host, uint16_t port,
                                    const yibu_connection_options *options,
                                    yibu_transport **ret_transport);

/* Connects as yibu_open_unix_connection.  Checkpoint.  As yibu_create_connection. */
YIBU_API int yibu_create_unix_connection(yibu_protocol *protocol, const char *path,
                                         const yibu_stream_options *options,
                                         yibu_transport **ret_transport);

/* The same as operations, without a task: see <yibu/op.h>.  host, path and options are copied;
 * *ret_transport is written before connection_made is called.  The result: 0 or a failure. */
YIBU_API int yibu_op_create_connection(yibu_loop *loop, yibu_op *op, yibu_protocol *protocol,
                                       const char *host, uint16_t port,
                                       const yibu_connection_options *options,
                                       yibu_transport **ret_transport);
YIBU_API int yibu_op_create_unix_connection(yibu_loop *loop, yibu_op *op, yibu_protocol *protocol,
                                            const char *path, const yibu_stream_options *options,
                                            yibu_transport **ret_transport);

/* Serving. */

/* A server as of yibu_start_server, with a protocol for each connection in the place of a task;
 * max_connections holds, stack_bytes is not used.  In a task: a checkpoint.  Elsewhere on the
 * thread of a loop it never suspends, and answers YIBU_ENOTASK where host is a name, which has to
 * be resolved first (yibu_op_getaddrinfo). */
YIBU_API int yibu_create_server_at(yibu_protocol_factory *factory, void *arg, const char *host,
                                   uint16_t port, const yibu_server_options *options,
                                   yibu_server **ret_server, const char *place);
#define yibu_create_server(factory, arg, host, port, options, ret_server) \
    yibu_create_server_at((factory), (arg), (host), (port), (options), (ret_server), YIBU_HERE)

/* A server as of yibu_start_unix_server, with a protocol for each connection.  In a task: a
 * checkpoint.  Elsewhere on the thread of a loop it never suspends. */
YIBU_API int yibu_create_unix_server_at(yibu_protocol_factory *factory, void *arg, const char *path,
                                        const yibu_server_options *options,
                                        yibu_server **ret_server, const char *place);
#define yibu_create_unix_server(factory, arg, path, options, ret_server) \
    yibu_create_unix_server_at((factory), (arg), (path), (options), (ret_server), YIBU_HERE)

/* A transport over a descriptor that can be polled (a socket, pipe, terminal …), or over a layer,
 * which it takes over.  connection_made is called from the loop.  options and ret_transport may be
 * NULL.  Never suspends.
 * Returns 0; -EINVAL, -EBADF, -ENOMEM or YIBU_ENOTASK (no loop): fd, or the layer, is the caller's
 * still. */
YIBU_API int yibu_transport_new(int fd, yibu_protocol *protocol, const yibu_stream_options *options,
                                yibu_transport **ret_transport);
YIBU_API int yibu_transport_new_on(yibu_layer *layer, yibu_protocol *protocol,
                                   const yibu_stream_options *options,
                                   yibu_transport **ret_transport);

/* Nothing below suspends. */

/* Ends the connection, dropping what has not gone out.  No callback follows, connection_lost
 * neither; the protocol is free once this returns.  NULL is fine. */
YIBU_API void yibu_transport_free(yibu_transport *transport);

/* Reading. */

/* Calls nobody with data until yibu_transport_resume_reading.
 * Return 0, also where it was so already; or -EPIPE where the transport is closing. */
YIBU_API int yibu_transport_pause_reading(yibu_transport *transport);
YIBU_API int yibu_transport_resume_reading(yibu_transport *transport);

/* Whether it is neither paused, nor closing, nor at the peer's end. */
YIBU_API bool yibu_transport_is_reading(const yibu_transport *transport);

/* Writing. */

/* Sends as much as goes out at once and buffers a copy of the rest, which goes out by itself.
 * Returns 0; -ENOBUFS where more than max_buffered waits already, and -ENOMEM: nothing was taken;
 * -EPIPE after yibu_transport_write_eof, _close or _abort; or the failure of a write, with which
 * the connection is lost. */
YIBU_API int yibu_transport_write(yibu_transport *transport, const void *data, size_t size);
YIBU_API int yibu_transport_writelines(yibu_transport *transport, const struct iovec *pieces,
                                       size_t count);

/* Ends the stream for the peer, once all that was written has gone out.  Reading goes on.
 * Returns 0, also the second time; -ENOTSUP where the layer cannot; or why nothing may be
 * written. */
YIBU_API int yibu_transport_write_eof(yibu_transport *transport);
YIBU_API bool yibu_transport_can_write_eof(const yibu_transport *transport);

/* When pause_writing and resume_writing are called.  Returns 0, or -EINVAL where low is above
 * high. */
YIBU_API int yibu_transport_set_write_buffer_limits(yibu_transport *transport, size_t high,
                                                    size_t low);
YIBU_API void yibu_transport_get_write_buffer_limits(const yibu_transport *transport,
                                                     size_t *ret_high, size_t *ret_low);
/* How many bytes wait to be written. */
YIBU_API size_t yibu_transport_get_write_buffer_size(const yibu_transport *transport);

/* Ending. */

/* Closes the connection once all that was written has gone out.  Nothing is read any more. */
YIBU_API void yibu_transport_close(yibu_transport *transport);

/* Closes it now; what has not gone out is dropped. */
YIBU_API void yibu_transport_abort(yibu_transport *transport);

/* Whether it was closed, aborted or lost. */
YIBU_API bool yibu_transport_is_closing(const yibu_transport *transport);

/* Around. */

/* Says what is known of the connection.  Returns 0 or -EINVAL. */
YIBU_API int yibu_transport_get_extra_info(const yibu_transport *transport,
                                           yibu_stream_info *ret_info);

/* Who is told from now on.  Returns 0 or -EINVAL. */
YIBU_API int yibu_transport_set_protocol(yibu_transport *transport, yibu_protocol *protocol);
YIBU_API yibu_protocol *yibu_transport_get_protocol(const yibu_transport *transport);

/* The layer on which the transport stands; the transport's. */
YIBU_API yibu_layer *yibu_transport_get_layer(const yibu_transport *transport);

/* Puts the transport, whose reading is paused, on another layer, which usually stands on its
 * present one, and gives that one back to the caller.
 * Returns 0; -EINVAL, also while it reads; -EPIPE where it is closing; or -EBUSY where something
 * waits to be written, or has been received: nothing has changed then. */
YIBU_API int yibu_transport_set_layer(yibu_transport *transport, yibu_layer *layer);

YIBU_END_DECLS

#endif
