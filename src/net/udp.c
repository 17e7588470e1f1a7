/* UDP: sockets with their options, ready to use.
 *
 * What IPv4 and IPv6 both have is set for the family of the socket; what is told of packets that
 * come in also for IPv4 on a socket of IPv6, which receives those as well. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <yibu/io.h>

#include "base/options.h"
#include "loop/loop.h"
#include "net/udp.h"
#include "task/task.h"

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* A socket option, and the field of the options that it is set for. */
typedef struct setting {
    int level, option, value;
} setting;

/* Sets those whose value is not 0. */
static int set_all(int fd, const setting *settings, size_t count)
{
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++)
        if (settings[i].value != 0)
            r = set(fd, settings[i].level, settings[i].option, settings[i].value);
    return r;
}

static int set_common(int fd, const yibu_udp_options *options)
{
    const setting settings[] = {
        {SOL_SOCKET, SO_REUSEPORT, options->reuse_port},
        {SOL_SOCKET, SO_REUSEADDR, options->reuse_address},
        {SOL_SOCKET, SO_BROADCAST, options->broadcast},
        {SOL_SOCKET, SO_RCVBUF, options->receive_bytes},
        {SOL_SOCKET, SO_SNDBUF, options->send_bytes},
        {SOL_SOCKET, SO_TIMESTAMPNS, (options->tell & YIBU_MESSAGE_TIMESTAMP) != 0},
    };
    return set_all(fd, settings, sizeof(settings) / sizeof(settings[0]));
}

static int set_told_ipv4(int fd, const yibu_udp_options *options)
{
    const setting settings[] = {
        {IPPROTO_IP, IP_RECVERR, options->error_queue},
        {IPPROTO_IP, IP_RECVTTL, (options->tell & YIBU_MESSAGE_HOP_LIMIT) != 0},
        {IPPROTO_IP, IP_RECVTOS, (options->tell & YIBU_MESSAGE_TRAFFIC_CLASS) != 0},
    };
    return set_all(fd, settings, sizeof(settings) / sizeof(settings[0]));
}

static int set_ipv4(int fd, const yibu_udp_options *options)
{
    const struct ip_mreqn device = {.imr_ifindex = (int)options->multicast_interface};
    const setting settings[] = {
        {IPPROTO_IP, IP_PKTINFO, (options->tell & YIBU_MESSAGE_DESTINATION) != 0},
        {IPPROTO_IP, IP_TTL, options->hop_limit},
        {IPPROTO_IP, IP_TOS, options->traffic_class},
        {IPPROTO_IP, IP_MULTICAST_TTL, options->multicast_hop_limit},
    };
    int r = set_all(fd, settings, sizeof(settings) / sizeof(settings[0]));
    if (r == 0 && options->multicast_no_loop)
        r = set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    if (r == 0 && options->multicast_interface &&
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &device, sizeof(device)) < 0)
        r = -errno;
    return r;
}

static int set_ipv6(int fd, const yibu_udp_options *options)
{
    const setting settings[] = {
        {IPPROTO_IPV6, IPV6_RECVERR, options->error_queue},
        {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, (options->tell & YIBU_MESSAGE_HOP_LIMIT) != 0},
        {IPPROTO_IPV6, IPV6_RECVTCLASS, (options->tell & YIBU_MESSAGE_TRAFFIC_CLASS) != 0},
        {IPPROTO_IPV6, IPV6_RECVPKTINFO, (options->tell & YIBU_MESSAGE_DESTINATION) != 0},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, options->hop_limit},
        {IPPROTO_IPV6, IPV6_TCLASS, options->traffic_class},
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options->multicast_hop_limit},
        {IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)options->multicast_interface},
    };
    int r = set_all(fd, settings, sizeof(settings) / sizeof(settings[0]));
    if (r == 0 && options->multicast_no_loop)
        r = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    return r;
}

static int set_options(int fd, int family, bool every, const yibu_udp_options *options)
{
    int r = set_common(fd, options);
    if (r == 0)
        r = set_told_ipv4(fd, options);
    if (r == 0)
        r = family == AF_INET6 ? set_ipv6(fd, options) : set_ipv4(fd, options);
    if (r == 0 && family == AF_INET6 && every)
        r = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
    if (r == 0 && options->gro)
        (void)set(fd, IPPROTO_UDP, UDP_GRO, 1); /* a kernel without it tells them one by one */
    return r;
}

static int open_socket(int family, bool every, const yibu_udp_options *options)
{
    if (yb_loop_network())
        return -ENOTSUP;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0)
        return -errno;
    int r = set_options(fd, family, every, options);
    if (r < 0) {
        (void)yibu_close(fd);
        return r;
    }
    yibu_loop *loop = yb_loop_current;
    if (loop)
        loop->backend->class->adopt_fd(loop->backend, fd);
    return fd;
}

static int bind_to(int fd, const yibu_address *address)
{
    int r = bind(fd, (const struct sockaddr *)&address->storage, address->length);
    return r < 0 ? -errno : 0;
}

static int connect_to(int fd, const yibu_address *address)
{
    int r;
    do
        r = connect(fd, (const struct sockaddr *)&address->storage, address->length);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

int yibu_udp_bind(const char *text, uint16_t port, const yibu_udp_options *options)
{
    yibu_udp_options taken;
    yibu_address address;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r == 0)
        r = yibu_address_parse(text, port, &address);
    if (r < 0)
        return r;
    int fd = open_socket(address.storage.ss_family, !text || !text[0], &taken);
    if (fd < 0)
        return fd;
    r = bind_to(fd, &address);
    if (r == 0)
        return fd;
    (void)yibu_close(fd);
    return r;
}

/* The options' local address, of the family; length 0: none is asked for. */
static int local_of(const yibu_udp_options *options, int family, yibu_address *ret_local)
{
    *ret_local = (yibu_address){0};
    if (!options->local_address && options->local_port == 0)
        return 0;
    const char *any = family == AF_INET6 ? "::" : "0.0.0.0";
    int r = yibu_address_parse(options->local_address ? options->local_address : any,
                               options->local_port, ret_local);
    if (r == 0 && ret_local->storage.ss_family != family)
        r = -EAFNOSUPPORT;
    return r;
}

int yb_udp_connect_from(const yibu_address *remote, const yibu_udp_options *options)
{
    yibu_address local;
    int family = remote->storage.ss_family;
    int r = local_of(options, family, &local);
    if (r < 0)
        return r;
    int fd = open_socket(family, false, options);
    if (fd < 0)
        return fd;
    if (local.length > 0)
        r = bind_to(fd, &local);
    if (r == 0)
        r = connect_to(fd, remote);
    if (r == 0)
        return fd;
    (void)yibu_close(fd);
    return r;
}

static int connect_by_name(const char *host, uint16_t port, const yibu_udp_options *options)
{
    char service[sizeof("65535")];
    (void)snprintf(service, sizeof(service), "%u", port);
    const struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_DGRAM,
                                   .ai_protocol = IPPROTO_UDP};
    struct addrinfo *list;
    int r = yibu_getaddrinfo(host, service, &hints, &list);
    if (r < 0)
        return r;
    r = -EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at && r < 0; at = at->ai_next) {
        yibu_address address = {.length = at->ai_addrlen};
        memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        r = yb_udp_connect_from(&address, options);
    }
    freeaddrinfo(list);
    return r;
}

int yibu_udp_connect(const char *host, uint16_t port, const yibu_udp_options *options)
{
    yibu_udp_options taken;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r < 0 || !host || !host[0])
        return -EINVAL;
    if (!yb_task_enter(&r))
        return r;
    yibu_address address;
    if (yibu_address_parse(host, port, &address) == 0)
        return yb_udp_connect_from(&address, &taken);
    return yb_loop_network() ? -ENOTSUP : connect_by_name(host, port, &taken);
}
