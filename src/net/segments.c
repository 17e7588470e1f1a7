/* Messages of segments: many datagrams to one receiver, by one system call where the kernel cuts
 * them apart (UDP_SEGMENT, since Linux 4.18), else by sendmmsg(2).
 *
 * The kernel is asked each time whether it can: one that cannot would take no notice and send all
 * as a single datagram.  A device may refuse what the kernel can (-EIO: it has no checksums). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <yibu/error.h>

#include "net/message.h"

enum {
    MAX_SEGMENTS = 64,   /* UDP_MAX_SEGMENTS of the first kernels that can */
    MAX_PAYLOAD = 65507, /* of IPv4's 65535: the headers take their part */
    GROUP = 16,          /* datagrams a call, where they are sent one by one */
};

static bool kernel_cuts(int fd)
{
    int value;
    socklen_t length = sizeof(value);
    return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &length) == 0;
}

static ssize_t send_piece(yb_task *task, int fd, const yibu_message *message, unsigned segment_size)
{
    yb_ancillary control;
    struct iovec piece;
    struct msghdr header;
    yb_message_to_send(message, &piece, &header);
    header.msg_control = &control;
    int r = yb_ancillary_put(fd, message, segment_size, &header);
    return r < 0 ? r : yb_message_send(task, fd, &header);
}

/* How many bytes the next system call sends. */
static size_t next_piece(const yibu_message *rest)
{
    size_t segments = MAX_PAYLOAD / rest->segment_size;
    if (segments > MAX_SEGMENTS)
        segments = MAX_SEGMENTS;
    size_t bytes = (segments > 0 ? segments : 1) * rest->segment_size;
    return rest->size < bytes ? rest->size : bytes;
}

/* Whether the failure may be that of cutting: too many, too long for the path, no device for it. */
static bool is_refusal(ssize_t result)
{
    return result == -EIO || result == -EOPNOTSUPP || result == -EINVAL || result == -EMSGSIZE;
}

/* Cuts segments off message, which goes on behind them.  Returns how many. */
static size_t cut(yibu_message *rest, yibu_message *ret_segments)
{
    size_t count = 0;
    for (; rest->size > 0 && count < GROUP; count++) {
        yibu_message *segment = &ret_segments[count];
        *segment = *rest;
        segment->segment_size = 0;
        if (segment->size > rest->segment_size)
            segment->size = rest->segment_size;
        rest->data = (char *)rest->data + segment->size;
        rest->size -= segment->size;
    }
    return count;
}

/* Without the kernel's help.  Returns how many bytes went out, or why none did. */
static ssize_t send_one_by_one(int fd, const yibu_message *message)
{
    yibu_message group[GROUP];
    yibu_message rest = *message;
    size_t sent = 0;
    int r = 0;
    while (r == 0 && rest.size > 0) {
        size_t done;
        size_t count = cut(&rest, group);
        r = yibu_send_messages(fd, group, count, &done);
        for (size_t i = 0; i < done; i++)
            sent += group[i].size;
    }
    return r < 0 && sent == 0 ? r : (ssize_t)sent;
}

static ssize_t send_cut_by_kernel(yb_task *task, int fd, const yibu_message *piece)
{
    if (piece->size <= piece->segment_size)
        return send_piece(task, fd, piece, 0);
    ssize_t n = send_piece(task, fd, piece, piece->segment_size);
    return is_refusal(n) ? send_one_by_one(fd, piece) : n;
}

ssize_t yb_message_send_segments(yb_task *task, int fd, const yibu_message *message)
{
    if (message->segment_size > UINT16_MAX || message->fd_count > 0)
        return -EINVAL;
    if (!kernel_cuts(fd))
        return send_one_by_one(fd, message);
    yibu_message piece = *message;
    size_t sent = 0;
    while (sent < message->size) {
        piece.data = (char *)message->data + sent;
        piece.size = message->size - sent;
        piece.size = next_piece(&piece);
        ssize_t n = send_cut_by_kernel(task, fd, &piece);
        if (n < 0)
            return sent > 0 ? (ssize_t)sent : n;
        sent += (size_t)n;
        if ((size_t)n < piece.size)
            break;
    }
    return (ssize_t)sent;
}
