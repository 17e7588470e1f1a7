/* Datagram transports from the inside. */
#ifndef YB_NET_DATAGRAM_H
#define YB_NET_DATAGRAM_H

#include "loop/overseer.h"
#include <yibu/datagram.h>

/* A datagram that waits to be sent. */
typedef struct yb_datagram {
    yb_list links;
    yibu_address to; /* length 0: the connected peer */
    size_t size;
    char data[];
} yb_datagram;

struct yibu_datagram_transport {
    yibu_loop *loop;
    yibu_datagram_protocol *protocol;
    yb_list links; /* among the loop's */
    int fd;        /* -1 once it is closed */
    int error;     /* for connection_lost */
    bool made;     /* connection_made was called */
    bool closing;  /* nothing more is received, nothing more may be sent */
    bool silent;   /* nobody is told anything more */
    bool paused;   /* pause_writing was called */
    unsigned inside;
    bool turn_waits;
    yb_runnable turn; /* connection_made, or the end */

    bool reads; /* read_op is under way */
    yb_op read_op;
    bool writes; /* write_op is under way: it waits for the socket, or for time to pass */
    yb_op write_op;
    yb_list waiting; /* yb_datagram.links: to be sent, the oldest first */
    size_t waiting_bytes, high_water, low_water, max_buffered;
};

/* Whatever calls the protocol stands between these: it may do everything to the transport, whose
 * memory goes with the last leave after its end. */
static inline void yb_datagram_enter(yibu_datagram_transport *t)
{
    t->inside++;
}
void yb_datagram_leave(yibu_datagram_transport *t);

/* Calls a method that is there, where somebody is to be told. */
#define YB_DATAGRAM_TELL(t, METHOD, ...)                                             \
    do {                                                                             \
        if (!(t)->silent && (t)->protocol->methods->METHOD) {                        \
            yibu_loop *loop_ = (t)->loop;                                            \
            yb_callback_begin(loop_, (yb_function *)(t)->protocol->methods->METHOD); \
            (t)->protocol->methods->METHOD((t)->protocol, __VA_ARGS__);              \
            yb_callback_end(loop_);                                                  \
        }                                                                            \
    } while (0)

/* Ends it because of an error. */
void yb_datagram_fail(yibu_datagram_transport *t, int error);

/* Waits for datagrams, where that is not under way.  (datagram_receive.c) */
void yb_datagram_read(yibu_datagram_transport *t);
/* Room for those that come, shared by a loop's transports; NULL without memory. */
typedef struct yb_datagram_room yb_datagram_room;
yb_datagram_room *yb_datagram_room_new(void);
void yb_datagram_room_free(yb_datagram_room *room);
yb_datagram_room *yb_datagram_room_of(yibu_loop *loop);

/* Drops what waits to be sent.  (datagram_send.c) */
void yb_datagram_drop(yibu_datagram_transport *t);

#endif
