/* AI_ADDRCONFIG: which families this machine has addresses of (RFC 3493, section 6.1).  Asked of
 * the kernel at most once a second. */
#include <ifaddrs.h>

#include "dns.h"

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) ==
               INADDR_LOOPBACK;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static unsigned look(void)
{
    struct ifaddrs *list;
    unsigned families = 0;
    if (getifaddrs(&list) < 0)
        return YB_DNS_V4 | YB_DNS_V6;
    for (const struct ifaddrs *at = list; at; at = at->ifa_next) {
        const struct sockaddr *address = at->ifa_addr;
        if (address && (address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
            !is_loopback(address))
            families |= yb_dns_family_bit(address->sa_family);
    }
    freeifaddrs(list);
    return families ? families : YB_DNS_V4 | YB_DNS_V6;
}

unsigned yb_dns_own_families(yibu_dns *dns)
{
    int64_t now_ns = yibu_loop_time(dns->loop);
    if (dns->families_ns == 0 || now_ns - dns->families_ns > YIBU_SECONDS(1)) {
        dns->families = look();
        dns->families_ns = now_ns;
    }
    return dns->families;
}
