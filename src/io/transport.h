/* Transports from the inside. */
#ifndef YB_IO_TRANSPORT_H
#define YB_IO_TRANSPORT_H

#include "io/writer.h"
#include <yibu/protocol.h>

/* Who made a transport: lives as long as it does. */
typedef struct yb_transport_owner yb_transport_owner;
struct yb_transport_owner {
    /* Makes the protocol of a transport that was made without one, when it begins; NULL: none. */
    yibu_protocol *(*make)(yb_transport_owner *owner);
    void (*ended)(yb_transport_owner *owner); /* the transport is gone */
};

struct yibu_transport {
    yb_writer writer; /* and the layer */
    yibu_loop *loop;
    yibu_protocol *protocol;
    yb_transport_owner *owner; /* or NULL */
    yb_list links;             /* among the loop's */
    yb_runnable turn;          /* what remains to be done from the loop */
    yb_op op;                  /* of the read side */
    char *bytes;               /* where a layer reads that cannot be waited for; else NULL */
    ssize_t held;              /* the result of such a read that came while reading was paused */
    int error;                 /* why the connection is lost */
    unsigned inside;           /* functions that still need the transport */
    bool turn_waits;           /* turn is in the loop's line */
    bool under_way;            /* op is */
    bool holds;                /* there is something in `held` */
    bool made;                 /* connection_made was called */
    bool read_paused;
    bool read_ended;   /* the peer's end, an error, or a close */
    bool write_paused; /* as the protocol was told */
    bool lost;         /* connection_lost was called, or nobody wants to know */
};

/* A transport on a layer, which it takes over; it rests until yb_transport_begin.  Either protocol
 * or owner may be NULL.  As yibu_transport_new_on. */
int yb_transport_new(yibu_layer *layer, yibu_protocol *protocol, const yibu_stream_options *options,
                     yb_transport_owner *owner, yibu_transport **ret_transport);

/* The same on a descriptor. */
int yb_transport_new_fd(int fd, yibu_protocol *protocol, const yibu_stream_options *options,
                        yb_transport_owner *owner, yibu_transport **ret_transport);

/* Tells the protocol of its connection, and begins to read.  From the loop; the transport may be
 * gone afterwards. */
void yb_transport_begin(yibu_transport *transport);

/* Whether the protocol's methods can be called. */
bool yb_transport_can_tell(const yibu_protocol *protocol);

/* Has the transport go on from the loop. */
void yb_transport_soon(yibu_transport *transport);

/* Around everything that may call the protocol, which may free the transport: after the last leave
 * it may be gone. */
static inline void yb_transport_enter(yibu_transport *transport)
{
    transport->inside++;
}
void yb_transport_leave(yibu_transport *transport);

/* Ends the connection for a reason; what waits to be written is dropped. */
void yb_transport_fail(yibu_transport *transport, int error);

/* The read side: goes on, from the loop; ends. */
void yb_transport_read(yibu_transport *transport);
void yb_transport_end_reading(yibu_transport *transport);

/* Calls a method of the protocol's. */
#define YB_TRANSPORT_TELL(TRANSPORT, METHOD, ...)                                                \
    do {                                                                                         \
        yibu_loop *loop_ = (TRANSPORT)->loop;                                                    \
        yb_callback_begin(loop_, (yb_function *)(TRANSPORT)->protocol->methods->METHOD);         \
        (TRANSPORT)->protocol->methods->METHOD((TRANSPORT)->protocol, (TRANSPORT), __VA_ARGS__); \
        yb_callback_end(loop_);                                                                  \
    } while (0)

/* The loop's buffer for bytes that are on their way to a protocol; NULL without memory. */
enum { YB_TRANSPORT_BUFFER_BYTES = 65536 };
void *yb_transport_buffer(yibu_loop *loop);

#endif
