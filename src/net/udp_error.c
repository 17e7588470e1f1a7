/* UDP: datagrams that could not be delivered (ip(7), IP_RECVERR). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <yibu/udp.h>

/* As linux/errqueue.h has it, which clashes with other headers of libc's. */
typedef struct extended_error {
    uint32_t error;
    uint8_t origin, type, code, padding;
    uint32_t info, data;
} extended_error;

enum { ORIGIN_ICMP = 2, ORIGIN_ICMP6 = 3, MAX_ERROR = 4095 };

static void take_reporter(const struct sockaddr_storage *offender, yibu_address *ret_reporter)
{
    socklen_t length = offender->ss_family == AF_INET    ? sizeof(struct sockaddr_in)
                       : offender->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                         : 0;
    memcpy(&ret_reporter->storage, offender, length);
    ret_reporter->length = length;
}

static void take(struct cmsghdr *at, yibu_udp_error *ret_error)
{
    extended_error e;
    struct sockaddr_storage offender = {0};
    size_t size = at->cmsg_len - CMSG_LEN(0);
    if (size < sizeof(e))
        return;
    memcpy(&e, CMSG_DATA(at), sizeof(e));
    size -= sizeof(e);
    memcpy(&offender, CMSG_DATA(at) + sizeof(e), size < sizeof(offender) ? size : sizeof(offender));
    if (e.error > MAX_ERROR)
        return;
    ret_error->error = -(int)e.error;
    if (e.error == EMSGSIZE)
        ret_error->mtu = e.info;
    if (e.origin != ORIGIN_ICMP && e.origin != ORIGIN_ICMP6)
        return;
    ret_error->icmp_type = e.type;
    ret_error->icmp_code = e.code;
    take_reporter(&offender, &ret_error->reporter);
}

static bool tells_an_error(const struct cmsghdr *at)
{
    return (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
           (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
}

int yibu_udp_recv_error(int fd, void *buffer, size_t size, yibu_udp_error *ret_error)
{
    if (!ret_error || (!buffer && size > 0))
        return -EINVAL;
    yibu_udp_error error = {0};
    union {
        struct cmsghdr alignment;
        char bytes[512];
    } control;
    struct iovec piece = {buffer, size};
    struct msghdr header = {.msg_name = &error.destination.storage,
                            .msg_namelen = sizeof(error.destination.storage),
                            .msg_iov = &piece,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    ssize_t n;
    do
        n = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at; at = CMSG_NXTHDR(&header, at))
        if (tells_an_error(at))
            take(at, &error);
    error.destination.length = header.msg_namelen;
    error.data_size = (size_t)n;
    *ret_error = error;
    return 0;
}
