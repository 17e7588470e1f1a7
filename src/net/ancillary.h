/* What travels beside the bytes of a message (cmsg(3)), to the fields of yibu_message and back. */
#ifndef YB_NET_ANCILLARY_H
#define YB_NET_ANCILLARY_H

#include <sys/socket.h>
#include <yibu/message.h>

/* Room for all but descriptors: what the kernel tells of a packet, of either family, or of a
 * peer. */
enum { YB_ANCILLARY_BYTES = 256 };

/* Room for everything that may be sent with a message. */
typedef union yb_ancillary {
    struct cmsghdr alignment;
    char bytes[YB_ANCILLARY_BYTES + CMSG_SPACE(sizeof(int) * YIBU_MESSAGE_MAX_FDS)];
} yb_ancillary;

/* The room to receive a message of so many descriptors. */
size_t yb_ancillary_room(size_t fd_capacity);

/* Takes what the kernel left in header over into message, flags and all.  Descriptors beyond those
 * asked for are closed.  Of message->fds, fd_capacity are written at most. */
void yb_ancillary_take(const struct msghdr *header, yibu_message *message);

/* Puts what message says into header's control, which has the room, and sets its length; with a
 * segment size that is not 0.  Returns 0, or -EINVAL where message cannot be right. */
int yb_ancillary_put(int fd, const yibu_message *message, unsigned segment_size,
                     struct msghdr *header);

#endif
