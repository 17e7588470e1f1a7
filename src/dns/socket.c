/* c-ares' sockets: opened close-on-exec and non-blocking at once, watched by the loop for as long
 * as they are open, and written to without SIGPIPE.
 *
 * A socket is in its channel's list from its opening to its closing.  It may be closed from inside
 * its own callback: nothing touches it after c-ares was told.
 *
 * What a datagram met (ECONNREFUSED) the kernel tells once, and perhaps to the next one that is
 * sent.  c-ares would move that one's query to another server and let the first wait for its time
 * limit; so the error is told again by reading, which moves all of them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dns.h"

struct yb_dns_socket {
    LIST_ENTRY(yb_dns_socket) links;
    yb_dns_channel *channel;
    int fd;
    bool writer; /* the loop watches for room, too */
    int error;   /* that sending met and reading shall tell; 0: none */
};

static void on_readable(void *arg)
{
    struct yb_dns_socket *s = arg;
    yb_dns_channel_process(s->channel, s->fd, ARES_SOCKET_BAD);
}

static void on_writable(void *arg)
{
    struct yb_dns_socket *s = arg;
    yb_dns_channel_process(s->channel, ARES_SOCKET_BAD, s->fd);
}

static struct yb_dns_socket *find(const yb_dns_channel *channel, int fd)
{
    struct yb_dns_socket *s;
    LIST_FOREACH(s, &channel->sockets, links)
    if (s->fd == fd)
        return s;
    return NULL;
}

/* Notes why there is no socket: c-ares does not tell. */
static ares_socket_t refuse(yb_dns_channel *channel, int error)
{
    channel->dns->socket_error = error;
    errno = -error;
    return ARES_SOCKET_BAD;
}

static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
    yb_dns_channel *channel = arg;
    struct yb_dns_socket *s = calloc(1, sizeof(*s));
    if (!s)
        return refuse(channel, -ENOMEM);
    s->channel = channel;
    s->fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    int r = s->fd < 0 ? -errno : yibu_add_reader(channel->dns->loop, s->fd, on_readable, s);
    if (r < 0) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
        return refuse(channel, r);
    }
    LIST_INSERT_HEAD(&channel->sockets, s, links);
    return s->fd;
}

static int close_socket(ares_socket_t fd, void *arg)
{
    const yb_dns_channel *channel = arg;
    struct yb_dns_socket *s = find(channel, fd);
    if (s) {
        if (channel->dns->loop) {
            yibu_remove_reader(channel->dns->loop, fd);
            yibu_remove_writer(channel->dns->loop, fd);
        }
        LIST_REMOVE(s, links);
        free(s);
    }
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t length,
                          void *arg)
{
    (void)arg;
    return connect(fd, address, length);
}

static ares_ssize_t receive(ares_socket_t fd, void *buffer, size_t size, int flags,
                            struct sockaddr *from, ares_socklen_t *from_length, void *arg)
{
    struct yb_dns_socket *s = find(arg, fd);
    if (s && s->error) {
        errno = s->error;
        s->error = 0;
        return -1;
    }
    return recvfrom(fd, buffer, size, flags, from, from_length);
}

static ares_ssize_t send_pieces(ares_socket_t fd, const struct iovec *pieces, int count, void *arg)
{
    yb_dns_channel *channel = arg;
    struct yb_dns_socket *s = find(channel, fd);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                             .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == ECONNREFUSED && s) {
        s->error = errno;
        channel->has_errors = true;
        yb_dns_settle_soon(channel->dns);
    }
    return sent;
}

static void tell_error(yb_dns_channel *channel)
{
    struct yb_dns_socket *s;
    LIST_FOREACH(s, &channel->sockets, links)
    if (s->error) {
        ares_process_fd(channel->ares, s->fd, ARES_SOCKET_BAD);
        return; /* the list may be another one now */
    }
    channel->has_errors = false;
}

void yb_dns_socket_tell_errors(yb_dns_channel *channel)
{
    while (channel->has_errors)
        tell_error(channel);
}

void yb_dns_socket_install(yb_dns_channel *channel)
{
    static const struct ares_socket_functions functions = {
        open_socket, close_socket, connect_socket, receive, send_pieces,
    };
    ares_set_socket_functions(channel->ares, &functions, channel);
}

/* Without memory to watch for room, what is left to send waits for the next try. */
void yb_dns_socket_wanted(void *data, ares_socket_t fd, int readable, int writable)
{
    (void)readable; /* always watched for */
    yb_dns_channel *channel = data;
    struct yb_dns_socket *s = find(channel, fd);
    if (!s || s->writer == !!writable)
        return;
    if (!writable)
        yibu_remove_writer(channel->dns->loop, fd);
    else if (yibu_add_writer(channel->dns->loop, fd, on_writable, s) < 0)
        return;
    s->writer = writable;
}
