/* Messages: what sockets that keep records apart send and receive (UDP, Unix datagrams, sequenced
 * packets), and what travels beside the bytes: addresses, descriptors, packet information.
 *
 *     char text[1500];
 *     yibu_address from;
 *     ssize_t n;
 *     while ((n = yibu_recvfrom(fd, text, sizeof(text), &from)) >= 0)
 *         yibu_sendto(fd, text, (size_t)n, &from);
 *
 * They work on plain descriptors: those of <yibu/udp.h> and <yibu/unix.h>, and any other socket, in
 * blocking mode too.  Nothing is ever cut off silently: see -EMSGSIZE and YIBU_MESSAGE_TRUNCATED.
 *
 * All calls that suspend: several tasks may use one socket; -ENOTSUP in a simulation. */
#ifndef YIBU_MESSAGE_H
#define YIBU_MESSAGE_H

#include <yibu/address.h>
#include <yibu/base.h>

/* Who is at the other end, as the kernel vouches for it (unix(7)). */
typedef struct yibu_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
} yibu_credentials;

/* What holds of a message (yibu_message.flags).  Received: what happened, and what the kernel told,
 * as the socket's options ask for it.  Sent: which of the fields of the same name count. */
enum {
    YIBU_MESSAGE_TRUNCATED = 1u << 0, /* received only: it was longer than capacity */
    YIBU_MESSAGE_FDS_LOST = 1u << 1,  /* received only: more descriptors came than fit, or than the
                                         * process may have; those were closed */
    YIBU_MESSAGE_DESTINATION = 1u << 2, /* local, interface */
    YIBU_MESSAGE_HOP_LIMIT = 1u << 3,
    YIBU_MESSAGE_TRAFFIC_CLASS = 1u << 4,
    YIBU_MESSAGE_TIMESTAMP = 1u << 5, /* received only */
    YIBU_MESSAGE_CREDENTIALS = 1u << 6,
};

/* A message.  Zero all of it, then set data, capacity to receive or size to send, and what else is
 * wanted. */
typedef struct yibu_message {
    void *data;           /* the caller's; what is sent is only read */
    size_t capacity;      /* received: bytes of room at data */
    size_t size;          /* bytes at data */
    yibu_address address; /* of the sender; whom to send to; length 0: nobody, the connected peer */
    unsigned flags;       /* YIBU_MESSAGE_… */
    unsigned segment_size; /* data is as many datagrams of this size, the last perhaps shorter;
                              * 0: one datagram (udp(7): UDP_SEGMENT, UDP_GRO) */
    yibu_address local;    /* received: where it was sent to; sent: where it comes from (the ports
                              * do not count) */
    unsigned interface;    /* by number, 0: none in particular */
    int hop_limit;         /* IPv6; the time to live of IPv4 */
    int traffic_class;     /* IPv6; the TOS byte of IPv4: 6 bits DSCP, 2 bits ECN (RFC 3168) */
    int64_t timestamp_ns;  /* when the kernel received it, since 1970 */
    yibu_credentials credentials;
    int *fds;           /* descriptors that travel with it: the caller's array */
    size_t fd_capacity; /* received: its room; 0 where none are wanted */
    size_t fd_count;    /* how many there are; received ones are close-on-exec, the caller's */
    uintptr_t reserved[4];
} yibu_message;

/* The most descriptors that travel with one message. */
#define YIBU_MESSAGE_MAX_FDS 253

YIBU_BEGIN_DECLS

/* Receives one datagram.  ret_from may be NULL; length 0 where the sender has no address.
 * Checkpoint.  Cancel: nothing was received, or what was received is returned.
 * Returns its size, which may be 0; -EMSGSIZE where it was longer than size: the first size bytes
 * are there, the rest is lost; -ECONNREFUSED of a connected socket where nobody listened to an
 * earlier datagram; -EREMOTEIO, in the place of a wait, while there is something for
 * yibu_udp_recv_error; -ECANCELED; or another negative errno. */
YIBU_API ssize_t yibu_recvfrom(int fd, void *ret_buffer, size_t size, yibu_address *ret_from);

/* Sends one datagram to an address (NULL: the connected peer), waiting while the socket is full.
 * Checkpoint.  Cancel: nothing was sent, or it was and size is returned.
 * Returns size; -EMSGSIZE where it is too long for the protocol: nothing was sent; -ECANCELED; or
 * another negative errno. */
YIBU_API ssize_t yibu_sendto(int fd, const void *buffer, size_t size, const yibu_address *to);

/* Receives one message with all that belongs to it: writes size, address, flags, segment_size, the
 * fields of the flags, fd_count and fds.  Descriptors that are not wanted are closed.
 * Checkpoint.  Cancel: nothing was received, or the message is returned.
 * Returns its size (0 also at the end of a connection); -ECANCELED; or another negative errno. */
YIBU_API ssize_t yibu_recv_message(int fd, yibu_message *message);

/* Sends one message; its descriptors are duplicated for the receiver.  One with a segment_size goes
 * out as so many datagrams, by one system call where the kernel can (GSO), else one by one.
 * Checkpoint.  Cancel: nothing was sent, or how much was is returned.
 * Returns how many bytes were sent: size, but for segments that a failure or a cancel interrupted
 * and for streams, which may take less; -ECANCELED; or another negative errno. */
YIBU_API ssize_t yibu_send_message(int fd, const yibu_message *message);

/* Receives up to count messages, as many as there are at once but at least one, in few system calls
 * (recvmmsg(2)).  Messages with room for descriptors come one at a time.
 * Checkpoint.  Cancel: as above; no message is lost.
 * Returns how many; -EINVAL where count is 0; -ECANCELED; or another negative errno. */
YIBU_API ssize_t yibu_recv_messages(int fd, yibu_message *messages, size_t count);

/* Sends all messages, in order, in few system calls (sendmmsg(2)).
 * Checkpoint.  Returns 0, -ECANCELED, or the negative errno of the message that failed; *ret_sent
 * (may be NULL) says how many went out before it. */
YIBU_API int yibu_send_messages(int fd, const yibu_message *messages, size_t count,
                                size_t *ret_sent);

YIBU_END_DECLS

#endif
