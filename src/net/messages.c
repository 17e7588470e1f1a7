/* Messages, many by one system call.
 *
 * A group of messages goes through arrays on the task's stack, which no suspension leaves to the
 * kernel: what would have to wait is done for the first message alone (message.c), then the rest is
 * tried again. */
#include <errno.h>
#include <string.h>
#include <yibu/message.h>

#include "net/message.h"

enum { GROUP = 32, CONTROL_BYTES = YB_ANCILLARY_BYTES };

typedef struct batch {
    struct mmsghdr headers[GROUP];
    struct iovec pieces[GROUP];
    _Alignas(struct cmsghdr) char control[GROUP][CONTROL_BYTES];
} batch;

static bool comes_alone(const yibu_message *message)
{
    return message->fd_capacity > 0;
}

/* Points the batch at the messages that can be received together.  Returns how many. */
static unsigned prepare_receive(batch *b, yibu_message *messages, size_t count)
{
    unsigned n = 0;
    for (; n < GROUP && n < count && !comes_alone(&messages[n]); n++) {
        struct msghdr *header = &b->headers[n].msg_hdr;
        yb_message_to_receive(&messages[n], &b->pieces[n], header);
        header->msg_control = b->control[n];
        header->msg_controllen = sizeof(b->control[n]);
    }
    return n;
}

/* As many as are there now, of one group; 0 where the first must come alone. */
static ssize_t receive_group(int fd, yibu_message *messages, size_t count)
{
    batch b;
    unsigned together = prepare_receive(&b, messages, count);
    if (together == 0)
        return 0;
    int n;
    do
        n = recvmmsg(fd, b.headers, together, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++)
        yb_message_take(&b.headers[i].msg_hdr, b.headers[i].msg_len, &messages[i]);
    return n;
}

/* A failure after some were received is the next call's. */
ssize_t yb_messages_try_receive(int fd, yibu_message *messages, size_t count)
{
    size_t total = 0;
    while (total < count) {
        size_t asked = count - total < GROUP ? count - total : GROUP;
        ssize_t n = receive_group(fd, messages + total, asked);
        if (n < 0 && total == 0)
            return n;
        if (n > 0)
            total += (size_t)n;
        if (n < (ssize_t)asked)
            break;
    }
    return (ssize_t)total;
}

static bool can_receive(const yibu_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((!messages[i].data && messages[i].capacity > 0) ||
            (!messages[i].fds && messages[i].fd_capacity > 0))
            return false;
    return messages && count > 0;
}

ssize_t yibu_recv_messages(int fd, yibu_message *messages, size_t count)
{
    int error;
    if (!messages || !can_receive(messages, count))
        return -EINVAL;
    yb_task *task = yb_message_enter(fd, &error);
    if (!task)
        return error;
    ssize_t n = yb_messages_try_receive(fd, messages, count);
    if (n > 0 || (n < 0 && n != -EAGAIN)) {
        yb_task_spend(task);
        return n;
    }
    n = yibu_recv_message(fd, messages);
    if (n < 0)
        return n;
    n = comes_alone(messages) ? 0 : yb_messages_try_receive(fd, messages + 1, count - 1);
    return 1 + (n > 0 ? n : 0);
}

static bool goes_alone(const yibu_message *message)
{
    return message->fd_count > 0 || message->segment_size > 0;
}

static int prepare_send(int fd, batch *b, const yibu_message *messages, size_t count)
{
    int n = 0;
    for (; n < GROUP && (size_t)n < count && !goes_alone(&messages[n]); n++) {
        struct msghdr *header = &b->headers[n].msg_hdr;
        yb_message_to_send(&messages[n], &b->pieces[n], header);
        header->msg_control = b->control[n];
        int r = yb_ancillary_put(fd, &messages[n], 0, header);
        if (r < 0)
            return n > 0 ? n : r;
    }
    return n;
}

/* How many of the first group went out without waiting; 0 where the first must go alone. */
static int send_group(int fd, const yibu_message *messages, size_t count)
{
    batch b;
    int together = prepare_send(fd, &b, messages, count);
    if (together <= 0)
        return together;
    int n;
    do
        n = sendmmsg(fd, b.headers, (unsigned)together, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* All of one message: 1, or why its end did not go out. */
static int send_alone(int fd, const yibu_message *message)
{
    yibu_message rest = *message;
    do {
        ssize_t n = yibu_send_message(fd, &rest);
        if (n < 0)
            return (int)n;
        rest.data = (char *)rest.data + n;
        rest.size -= (size_t)n;
        rest.fd_count = 0;
    } while (rest.size > 0);
    return 1;
}

static int send_some(yb_task *task, int fd, const yibu_message *messages, size_t count)
{
    int n = send_group(fd, messages, count);
    if (n > 0)
        yb_task_spend(task);
    if (n > 0 || (n < 0 && n != -EAGAIN))
        return n;
    return send_alone(fd, messages);
}

static bool can_send(const yibu_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!messages[i].data && messages[i].size > 0)
            return false;
    return true;
}

int yibu_send_messages(int fd, const yibu_message *messages, size_t count, size_t *ret_sent)
{
    size_t sent = 0;
    int r = 0;
    if ((!messages && count > 0) || !can_send(messages, count))
        r = -EINVAL;
    while (r >= 0 && sent < count) {
        yb_task *task = yb_message_enter(fd, &r);
        if (task)
            r = send_some(task, fd, messages + sent, count - sent);
        if (r > 0)
            sent += (size_t)r;
    }
    if (ret_sent)
        *ret_sent = sent;
    return r < 0 ? r : 0;
}
