/* TCP: sockets that are connected or listening, ready to use. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <yibu/io.h>
#include <yibu/tcp.h>

#include "base/options.h"
#include "net/socket.h"
#include "net/tcp.h"
#include "task/task.h"

int yb_tcp_connect_to(const yibu_address *address)
{
    int fd = yb_socket_new(address->storage.ss_family);
    if (fd < 0)
        return fd;
    yb_backend *backend = yb_task_current->future.loop->backend;
    backend->class->adopt_fd(backend, fd);
    int r = yb_socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (r == 0)
        r = yibu_connect(fd, address);
    if (r == 0)
        return fd;
    (void)yibu_close(fd);
    return r;
}

/* One after another, in the resolver's order; a cancel is no address's fault and ends the tour. */
static int connect_to_any(const struct addrinfo *list)
{
    int r = -EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        yibu_address address = {.length = at->ai_addrlen};
        memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        r = yb_tcp_connect_to(&address);
        if (r >= 0 || r == -ECANCELED)
            break;
    }
    return r;
}

typedef struct question {
    char service[sizeof("65535")];
    struct addrinfo hints;
} question;

static question ask_for(uint16_t port, int flags)
{
    question q = {.hints = {.ai_flags = flags | AI_ADDRCONFIG | AI_NUMERICSERV,
                            .ai_socktype = SOCK_STREAM,
                            .ai_protocol = IPPROTO_TCP}};
    (void)snprintf(q.service, sizeof(q.service), "%u", port);
    return q;
}

int yb_tcp_resolve(const char *host, uint16_t port, int flags, struct addrinfo **ret_list)
{
    const question q = ask_for(port, flags);
    return yibu_getaddrinfo(host, q.service, &q.hints, ret_list);
}

int yb_tcp_resolve_op(yibu_loop *loop, yibu_op *op, const char *host, uint16_t port,
                      struct addrinfo **ret_list)
{
    const question q = ask_for(port, 0);
    return yibu_op_getaddrinfo(loop, op, host, q.service, &q.hints, ret_list);
}

static int connect_by_name(const char *host, uint16_t port)
{
    struct addrinfo *list;
    int r = yb_tcp_resolve(host, port, 0, &list);
    if (r < 0)
        return r;
    r = connect_to_any(list);
    freeaddrinfo(list);
    return r;
}

int yibu_tcp_connect(const char *host, uint16_t port)
{
    if (!host || !host[0])
        return -EINVAL;
    int r;
    if (!yb_task_enter(&r))
        return r;
    yibu_address address;
    if (yibu_address_parse(host, port, &address) == 0)
        return yb_tcp_connect_to(&address);
    return connect_by_name(host, port);
}

static int listen_on(int fd, const yibu_address *address, bool every,
                     const yibu_listen_options *options)
{
    int r = yb_socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0 && options->reuse_port)
        r = yb_socket_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && every && address->storage.ss_family == AF_INET6)
        r = yb_socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (r < 0)
        return r;
    return yb_socket_listen(fd, address, options->backlog > 0 ? options->backlog : SOMAXCONN);
}

int yb_tcp_listen_on(const yibu_address *address, bool every, const yibu_listen_options *options)
{
    int fd = yb_socket_new(address->storage.ss_family);
    if (fd < 0)
        return fd;
    int r = listen_on(fd, address, every, options);
    if (r == 0)
        return fd;
    (void)yibu_close(fd);
    return r;
}

int yibu_tcp_listen(const char *text, uint16_t port, const yibu_listen_options *options)
{
    yibu_listen_options taken;
    yibu_address address;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r == 0)
        r = yibu_address_parse(text, port, &address);
    return r < 0 ? r : yb_tcp_listen_on(&address, !text || !text[0], &taken);
}
