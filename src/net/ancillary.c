/* See ancillary.h.
 *
 * A socket of IPv6 speaks IPv4 too (RFC 4291, section 2.5.5.2): what such a packet tells comes as
 * IPv4's, but for its destination, and is asked for in the same way. */
#include "net/ancillary.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { YB_SCM_PIDFD = 4 }; /* SCM_PIDFD, since Linux 6.5 */

size_t yb_ancillary_room(size_t fd_capacity)
{
    if (fd_capacity > YIBU_MESSAGE_MAX_FDS)
        fd_capacity = YIBU_MESSAGE_MAX_FDS;
    return YB_ANCILLARY_BYTES + (fd_capacity ? CMSG_SPACE(sizeof(int) * fd_capacity) : 0);
}

/* The payload is not aligned for every type: it is copied. */
static bool read_value(struct cmsghdr *at, void *ret_value, size_t size)
{
    if (at->cmsg_len < CMSG_LEN(size))
        return false;
    memcpy(ret_value, CMSG_DATA(at), size);
    return true;
}

static void take_fds(struct cmsghdr *at, yibu_message *message)
{
    size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(at) + i * sizeof(fd), sizeof(fd));
        if (message->fd_count < message->fd_capacity) {
            message->fds[message->fd_count++] = fd;
            continue;
        }
        close(fd);
        message->flags |= YIBU_MESSAGE_FDS_LOST;
    }
}

static void take_unix(struct cmsghdr *at, yibu_message *message)
{
    struct ucred user;
    int pidfd;
    if (at->cmsg_type == SCM_RIGHTS) {
        take_fds(at, message);
    } else if (at->cmsg_type == SCM_CREDENTIALS && read_value(at, &user, sizeof(user))) {
        message->credentials = (yibu_credentials){user.pid, user.uid, user.gid};
        message->flags |= YIBU_MESSAGE_CREDENTIALS;
    } else if (at->cmsg_type == YB_SCM_PIDFD && read_value(at, &pidfd, sizeof(pidfd)) &&
               pidfd >= 0) {
        close(pidfd); /* of an option that nobody here sets */
    }
}

static void take_time(struct cmsghdr *at, yibu_message *message)
{
    struct timespec time;
    int64_t time_ns;
    if (!read_value(at, &time, sizeof(time)) ||
        __builtin_mul_overflow(time.tv_sec, 1000000000, &time_ns) ||
        __builtin_add_overflow(time_ns, time.tv_nsec, &time_ns))
        return;
    message->timestamp_ns = time_ns;
    message->flags |= YIBU_MESSAGE_TIMESTAMP;
}

static void set_ipv4(yibu_address *address, struct in_addr host)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = host};
    memcpy(&address->storage, &in, sizeof(in));
    address->length = sizeof(in);
}

static void set_ipv6(yibu_address *address, const struct in6_addr *host, unsigned interface)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_addr = *host};
    if (IN6_IS_ADDR_LINKLOCAL(host))
        in.sin6_scope_id = interface;
    memcpy(&address->storage, &in, sizeof(in));
    address->length = sizeof(in);
}

static void take_number(struct cmsghdr *at, int *ret_value, yibu_message *message, unsigned flag)
{
    /* IPv4 tells its TOS in one byte. */
    uint8_t byte;
    if (read_value(at, ret_value, sizeof(*ret_value)))
        message->flags |= flag;
    else if (read_value(at, &byte, sizeof(byte))) {
        *ret_value = byte;
        message->flags |= flag;
    }
}

static void take_ipv4(struct cmsghdr *at, yibu_message *message)
{
    struct in_pktinfo info;
    if (at->cmsg_type == IP_PKTINFO && read_value(at, &info, sizeof(info))) {
        set_ipv4(&message->local, info.ipi_addr);
        message->interface = (unsigned)info.ipi_ifindex;
        message->flags |= YIBU_MESSAGE_DESTINATION;
    } else if (at->cmsg_type == IP_TTL) {
        take_number(at, &message->hop_limit, message, YIBU_MESSAGE_HOP_LIMIT);
    } else if (at->cmsg_type == IP_TOS) {
        take_number(at, &message->traffic_class, message, YIBU_MESSAGE_TRAFFIC_CLASS);
    }
}

static void take_ipv6(struct cmsghdr *at, yibu_message *message)
{
    struct in6_pktinfo info;
    if (at->cmsg_type == IPV6_PKTINFO && read_value(at, &info, sizeof(info))) {
        set_ipv6(&message->local, &info.ipi6_addr, info.ipi6_ifindex);
        message->interface = info.ipi6_ifindex;
        message->flags |= YIBU_MESSAGE_DESTINATION;
    } else if (at->cmsg_type == IPV6_HOPLIMIT) {
        take_number(at, &message->hop_limit, message, YIBU_MESSAGE_HOP_LIMIT);
    } else if (at->cmsg_type == IPV6_TCLASS) {
        take_number(at, &message->traffic_class, message, YIBU_MESSAGE_TRAFFIC_CLASS);
    }
}

static void take_one(struct cmsghdr *at, yibu_message *message)
{
    int size;
    if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS)
        take_time(at, message);
    else if (at->cmsg_level == SOL_SOCKET)
        take_unix(at, message);
    else if (at->cmsg_level == IPPROTO_IP)
        take_ipv4(at, message);
    else if (at->cmsg_level == IPPROTO_IPV6)
        take_ipv6(at, message);
    else if (at->cmsg_level == IPPROTO_UDP && at->cmsg_type == UDP_GRO &&
             read_value(at, &size, sizeof(size)))
        message->segment_size = (unsigned)size;
}

void yb_ancillary_take(const struct msghdr *header, yibu_message *message)
{
    struct msghdr *h = (struct msghdr *)(uintptr_t)header; /* the macros are older than const */
    message->flags = header->msg_flags & MSG_TRUNC ? YIBU_MESSAGE_TRUNCATED : 0;
    message->segment_size = 0;
    message->fd_count = 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(h); at; at = CMSG_NXTHDR(h, at))
        take_one(at, message);
    if (header->msg_flags & MSG_CTRUNC)
        message->flags |= YIBU_MESSAGE_FDS_LOST;
    /* One segment is one datagram, as without the option. */
    if (message->segment_size >= message->size)
        message->segment_size = 0;
}

static void put(struct msghdr *header, int level, int type, const void *value, size_t size)
{
    struct cmsghdr *at = (void *)((char *)header->msg_control + header->msg_controllen);
    memset(at, 0, CMSG_SPACE(size));
    at->cmsg_level = level;
    at->cmsg_type = type;
    at->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(at), value, size);
    header->msg_controllen += CMSG_SPACE(size);
}

/* Whether what is sent there, or else to the connected peer, goes out by IPv4. */
static bool goes_by_ipv4(int fd, const yibu_address *to)
{
    yibu_address peer = *to;
    if (peer.length == 0) {
        peer.length = sizeof(peer.storage);
        if (getpeername(fd, (struct sockaddr *)&peer.storage, &peer.length) < 0)
            return false;
    }
    struct sockaddr_in6 in;
    memcpy(&in, &peer.storage, sizeof(in));
    return in.sin6_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
}

/* Where a socket of IPv6 sends by IPv4, both forms of a source are understood. */
static void put_destination(const yibu_message *message, bool by_ipv4, struct msghdr *header)
{
    struct in_pktinfo v4 = {.ipi_ifindex = (int)message->interface};
    struct in6_pktinfo v6 = {.ipi6_ifindex = message->interface};
    if (message->local.length > 0)
        by_ipv4 = message->local.storage.ss_family == AF_INET;
    if (by_ipv4) {
        struct sockaddr_in in = {0};
        memcpy(&in, &message->local.storage, message->local.length > 0 ? sizeof(in) : 0);
        v4.ipi_spec_dst = in.sin_addr;
        put(header, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
    } else {
        struct sockaddr_in6 in = {0};
        memcpy(&in, &message->local.storage, message->local.length > 0 ? sizeof(in) : 0);
        v6.ipi6_addr = in.sin6_addr;
        put(header, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
    }
}

static void put_packet_info(int fd, const yibu_message *message, struct msghdr *header)
{
    bool v4 = goes_by_ipv4(fd, &message->address);
    int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    if (message->flags & YIBU_MESSAGE_DESTINATION)
        put_destination(message, v4, header);
    if (message->flags & YIBU_MESSAGE_HOP_LIMIT)
        put(header, level, v4 ? IP_TTL : IPV6_HOPLIMIT, &message->hop_limit, sizeof(int));
    if (message->flags & YIBU_MESSAGE_TRAFFIC_CLASS)
        put(header, level, v4 ? IP_TOS : IPV6_TCLASS, &message->traffic_class, sizeof(int));
}

int yb_ancillary_put(int fd, const yibu_message *message, unsigned segment_size,
                     struct msghdr *header)
{
    header->msg_controllen = 0;
    if (message->fd_count > YIBU_MESSAGE_MAX_FDS || (message->fd_count > 0 && !message->fds))
        return -EINVAL;
    if (message->fd_count > 0)
        put(header, SOL_SOCKET, SCM_RIGHTS, message->fds, message->fd_count * sizeof(int));
    if (message->flags & YIBU_MESSAGE_CREDENTIALS) {
        const yibu_credentials *who = &message->credentials;
        struct ucred user = {.pid = who->pid, .uid = who->uid, .gid = who->gid};
        put(header, SOL_SOCKET, SCM_CREDENTIALS, &user, sizeof(user));
    }
    if (message->flags &
        (YIBU_MESSAGE_DESTINATION | YIBU_MESSAGE_HOP_LIMIT | YIBU_MESSAGE_TRAFFIC_CLASS))
        put_packet_info(fd, message, header);
    if (segment_size > 0) {
        uint16_t size = (uint16_t)segment_size;
        put(header, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
    }
    return 0;
}
