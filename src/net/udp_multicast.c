/* UDP: membership in multicast groups (RFC 3678, section 5.1, of any source). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <yibu/udp.h>

static int change(int fd, const yibu_address *group, unsigned interface, int option)
{
    if (!group || group->length == 0 || group->length > sizeof(group->storage))
        return -EINVAL;
    struct group_req request = {.gr_interface = interface};
    memcpy(&request.gr_group, &group->storage, group->length);
    int level = group->storage.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    return setsockopt(fd, level, option, &request, sizeof(request)) < 0 ? -errno : 0;
}

int yibu_udp_join(int fd, const yibu_address *group, unsigned interface)
{
    return change(fd, group, interface, MCAST_JOIN_GROUP);
}

int yibu_udp_leave(int fd, const yibu_address *group, unsigned interface)
{
    return change(fd, group, interface, MCAST_LEAVE_GROUP);
}
