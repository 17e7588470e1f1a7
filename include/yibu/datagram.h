/* Datagrams in the callback form (asyncio's DatagramTransport and DatagramProtocol): for bindings
 * of other languages, and for programs without tasks.  A datagram that comes or goes costs no
 * allocation.
 *
 *     static void answer(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
 *                        void *data, size_t size, const yibu_address *from)
 *     {
 *         (void)protocol;
 *         yibu_datagram_transport_sendto(transport, data, size, from);
 *     }
 *     static const yibu_datagram_methods methods = {.size = sizeof(methods),
 *                                                   .datagram_received = answer};
 *     static yibu_datagram_protocol echo = {&methods};    // without a state of its own
 *     …
 *     r = yibu_create_datagram_endpoint(&echo, "127.0.0.1", 7777, NULL, NULL);
 *
 * A protocol is the program's: a struct that begins with a yibu_datagram_protocol.  A transport is
 * the library's; it lives until connection_lost has returned, or until
 * yibu_datagram_transport_free.
 *
 * Context of everything here: the thread of the transport's loop.  Nothing suspends, where nothing
 * else is said. */
#ifndef YIBU_DATAGRAM_H
#define YIBU_DATAGRAM_H

#include <yibu/stream.h>
#include <yibu/udp.h>

typedef struct yibu_datagram_transport yibu_datagram_transport;
typedef struct yibu_datagram_protocol yibu_datagram_protocol;

/* What a protocol is told; each may be NULL.  Set size to sizeof.
 *
 * They are called from the loop, never from inside the call that started something, but for
 * pause_writing; they must not suspend.  Each may call everything of its transport: also close,
 * abort and free it. */
typedef struct yibu_datagram_methods {
    size_t size;
    /* The transport works.  The first call, once. */
    void (*connection_made)(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport);
    /* A datagram came; data is the protocol's, to change as well, until this returns.  from: length
     * 0 where the sender has no address. */
    void (*datagram_received)(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                              void *data, size_t size, const yibu_address *from);
    /* In the place of datagram_received, where it is there: the whole message, with what the
     * socket's options ask for.  With the option gro it may hold several datagrams, which
     * datagram_received gets one by one. */
    void (*message_received)(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                             yibu_message *message);
    /* Something went wrong with a datagram, and the transport goes on: -ECONNREFUSED and the like
     * of one that was sent, -EMSGSIZE for one that came and was longer than 64 KiB.  what, where
     * the socket has the option error_queue: which one it was; else NULL. */
    void (*error_received)(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                           int error, const yibu_udp_error *what);
    /* The transport is closed.  The last call, once: then it is gone, and the protocol free.
     * error: 0 after close and abort; else why, a negative errno; -ECANCELED where the loop ends
     * before. */
    void (*connection_lost)(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                            int error);
    /* More than the high-water mark waits to be sent: send no more until resume_writing, which says
     * that no more than the low-water mark does.  The first is called from inside sendto, as the
     * last thing that it does. */
    void (*pause_writing)(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport);
    void (*resume_writing)(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport);
} yibu_datagram_methods;

/* The beginning of every protocol; its maker sets it. */
struct yibu_datagram_protocol {
    const yibu_datagram_methods *methods;
};

/* Options of a datagram transport.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_datagram_options {
    size_t size;
    size_t high_water;       /* pause_writing once more bytes than this wait; default 65536 */
    size_t low_water;        /* … until no more than this do; default a quarter of high_water */
    size_t max_buffered;     /* once more would wait, sending is refused; default 1 MiB */
    const char *remote_host; /* yibu_create_datagram_endpoint: connects there */
    uint16_t remote_port;
    yibu_udp_options udp; /* its local address and port are not used */
} yibu_datagram_options;

YIBU_BEGIN_DECLS

/* A UDP socket at a numeric address (NULL: every local address) and port (0: the kernel's choice),
 * or, with a remote host, one that is connected to it.  options and ret_transport may be NULL.
 * In a task: a checkpoint, and the remote host may be a name.  Elsewhere it is numeric, or the
 * answer is YIBU_ENOTASK.
 * Returns 0; -ECANCELED; a YIBU_EAI_ code; -EADDRINUSE, -EINVAL, -ENOMEM, -ENOTSUP in a simulation,
 * or another negative errno.  The protocol of one that failed hears nothing. */
YIBU_API int yibu_create_datagram_endpoint(yibu_datagram_protocol *protocol,
                                           const char *local_address, uint16_t local_port,
                                           const yibu_datagram_options *options,
                                           yibu_datagram_transport **ret_transport);

/* A transport over a socket for datagrams of any family (SOCK_DGRAM), which it takes over.
 * Returns 0; -EINVAL, also for sockets of another type; -EBADF, -ENOMEM, -ENOTSUP or YIBU_ENOTASK
 * (no loop): fd is the caller's still. */
YIBU_API int yibu_datagram_transport_new(int fd, yibu_datagram_protocol *protocol,
                                         const yibu_datagram_options *options,
                                         yibu_datagram_transport **ret_transport);

/* Closes it now, dropping what waits to be sent.  No callback follows, connection_lost neither; the
 * protocol is free once this returns.  NULL is fine. */
YIBU_API void yibu_datagram_transport_free(yibu_datagram_transport *transport);

/* Sends a datagram to an address (NULL: the connected peer): at once, or, while the socket is full,
 * a copy of it once there is room.
 * Returns 0; -EMSGSIZE and other failures of sending at once; -ENOBUFS where max_buffered bytes
 * wait already; -ENOMEM; -EPIPE where the transport is closing.  After a failure nothing was
 * taken. */
YIBU_API int yibu_datagram_transport_sendto(yibu_datagram_transport *transport, const void *data,
                                            size_t size, const yibu_address *to);

/* When pause_writing and resume_writing are called.  Returns 0, or -EINVAL where low is above
 * high. */
YIBU_API int yibu_datagram_transport_set_write_buffer_limits(yibu_datagram_transport *transport,
                                                             size_t high, size_t low);

/* How many bytes wait to be sent; each datagram counts with what it takes to keep it. */
YIBU_API size_t
yibu_datagram_transport_get_write_buffer_size(const yibu_datagram_transport *transport);

/* Closes it once what waits has been sent.  Nothing is received any more. */
YIBU_API void yibu_datagram_transport_close(yibu_datagram_transport *transport);

/* Closes it now; what waits to be sent is dropped. */
YIBU_API void yibu_datagram_transport_abort(yibu_datagram_transport *transport);

/* Whether it was closed, aborted or lost. */
YIBU_API bool yibu_datagram_transport_is_closing(const yibu_datagram_transport *transport);

/* Says what is known of it.  Returns 0 or -EINVAL. */
YIBU_API int yibu_datagram_transport_get_extra_info(const yibu_datagram_transport *transport,
                                                    yibu_stream_info *ret_info);

YIBU_END_DECLS

#endif
