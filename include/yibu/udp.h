/* UDP over plain descriptors: close-on-exec, non-blocking, closed with yibu_close.  What they send
 * and receive is in <yibu/message.h>; the callback form is in <yibu/datagram.h>.
 *
 *     int fd = yibu_udp_bind(NULL, 7777, NULL);
 *     char text[1500];
 *     yibu_address from;
 *     ssize_t n;
 *     while ((n = yibu_recvfrom(fd, text, sizeof(text), &from)) >= 0)
 *         yibu_sendto(fd, text, (size_t)n, &from);
 *     yibu_close(fd); */
#ifndef YIBU_UDP_H
#define YIBU_UDP_H

#include <yibu/message.h>

/* Options of a UDP socket.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_udp_options {
    size_t size;
    const char *local_address; /* yibu_udp_connect: numeric; default: the kernel's choice */
    uint16_t local_port;
    bool reuse_port;    /* SO_REUSEPORT: one socket a loop, the kernel spreads the peers */
    bool reuse_address; /* SO_REUSEADDR: several receivers of one multicast group and port */
    bool broadcast;     /* SO_BROADCAST: may send to broadcast addresses */
    bool ipv6_only;     /* a socket of every IPv6 address takes no IPv4 */
    bool error_queue;   /* keeps failures for yibu_udp_recv_error; an unconnected socket is told of
                          * them, too (IP_RECVERR) */
    bool gro;           /* may receive several datagrams of a sender as one message (UDP_GRO), where
                          * the kernel can: then receive with yibu_recv_message, into 64 KiB */
    unsigned tell;      /* what is told of messages received: YIBU_MESSAGE_DESTINATION, _HOP_LIMIT,
                          * _TRAFFIC_CLASS, _TIMESTAMP */
    int receive_bytes;  /* SO_RCVBUF, SO_SNDBUF: the kernel doubles and limits them */
    int send_bytes;
    int hop_limit;           /* of what is sent; the time to live of IPv4; default the system's */
    int traffic_class;       /* of what is sent; the TOS byte of IPv4 */
    int multicast_hop_limit; /* default 1: the own network */
    unsigned multicast_interface; /* by number (if_nametoindex(3)); default: by the routes */
    bool multicast_no_loop;       /* members on this machine do not see what it sends */
} yibu_udp_options;

/* A datagram that could not be delivered. */
typedef struct yibu_udp_error {
    int error;                    /* -ECONNREFUSED: nobody listens; -EHOSTUNREACH, -EMSGSIZE … */
    yibu_address destination;     /* whom it was sent to */
    yibu_address reporter;        /* the host that said so; length 0: this one */
    uint8_t icmp_type, icmp_code; /* RFC 792, RFC 4443; 0 where this host said so */
    uint32_t mtu;                 /* -EMSGSIZE: the largest packet that path takes */
    size_t data_size;             /* how much of the datagram is at the caller's buffer */
} yibu_udp_error;

YIBU_BEGIN_DECLS

/* A socket at a numeric address (NULL: every local address) and port (0: the kernel's choice, see
 * yibu_getsockname).  options may be NULL.
 * Never suspends.  Context: any thread.
 * Returns a descriptor; -EADDRINUSE; -EINVAL; -ENOTSUP in a simulation; or another negative
 * errno. */
YIBU_API int yibu_udp_bind(const char *address, uint16_t port, const yibu_udp_options *options);

/* A socket connected to host (a name or a numeric address) and port: it sends there, and receives
 * and hears of refusals from there only.  Nothing is sent.  Of several addresses, the first that
 * there is a route to.  Names are resolved on a thread.
 * Checkpoint.  Cancel: no descriptor is left behind.
 * Returns a descriptor; -ECANCELED; a YIBU_EAI_ code; or the last address's negative errno. */
YIBU_API int yibu_udp_connect(const char *host, uint16_t port, const yibu_udp_options *options);

/* Receives what is sent to a multicast group, too (RFC 1112, RFC 3493); or no longer.  interface:
 * by number, 0 for the one that the routes say.  Never suspends.  Context: any thread.
 * Returns 0; -EADDRINUSE (-EADDRNOTAVAIL) where it does (does not) already; -ENODEV; or another
 * negative errno. */
YIBU_API int yibu_udp_join(int fd, const yibu_address *group, unsigned interface);
YIBU_API int yibu_udp_leave(int fd, const yibu_address *group, unsigned interface);

/* Takes the oldest failure off the queue of a socket with the option error_queue, for example once
 * a receive has returned one.  buffer (NULL: not wanted) gets the beginning of the datagram.
 * Never suspends.  Context: any thread.  Returns 0; -EAGAIN where there is none; or a negative
 * errno. */
YIBU_API int yibu_udp_recv_error(int fd, void *buffer, size_t size, yibu_udp_error *ret_error);

YIBU_END_DECLS

#endif
