/* The order in which addresses are tried: RFC 6724, section 6, with the policy table of section
 * 2.1.  c-ares has it too, but only for what it looked up itself, which cache and hosts file did
 * not.
 *
 * Rules 3, 4 and 7 (deprecated, home, encapsulated) need to know more of the source address than
 * the kernel tells by connect(2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns.h"

typedef struct candidate {
    yb_dns_address address;
    struct in6_addr target, source; /* IPv4 mapped */
    bool reachable;                 /* the kernel has a source for it */
    int scope, label, precedence;   /* of the target */
    bool same_scope, same_label;    /* as the source's */
    size_t index;
} candidate;

typedef struct policy {
    uint8_t prefix[16];
    int bits, precedence, label;
} policy;

/* The longest prefixes first. */
static const policy policies[] = {
    {{[15] = 1}, 128, 50, 0},                /* ::1 */
    {{[10] = 0xff, [11] = 0xff}, 96, 35, 4}, /* ::ffff:0:0, IPv4 */
    {{0}, 96, 1, 3},                         /* ::, IPv4-compatible */
    {{0x20, 0x01, 0, 0}, 32, 5, 5},          /* 2001::, Teredo */
    {{0x20, 0x02}, 16, 30, 2},               /* 2002::, 6to4 */
    {{0x3f, 0xfe}, 16, 1, 12},               /* 3ffe::, 6bone */
    {{0xfe, 0xc0}, 10, 1, 11},               /* fec0::, site-local */
    {{0xfc}, 7, 3, 13},                      /* fc00::, unique local */
    {{0}, 0, 40, 1},
};

enum { LINK_LOCAL = 2, SITE_LOCAL = 5, GLOBAL = 14 };

static int common_bits(const uint8_t *a, const uint8_t *b, int most)
{
    int bits = 0;
    while (bits < most && !(((a[bits / 8] ^ b[bits / 8]) << (bits % 8)) & 0x80))
        bits++;
    return bits;
}

static const policy *policy_of(const struct in6_addr *address)
{
    const policy *p = policies;
    while (common_bits(p->prefix, address->s6_addr, p->bits) < p->bits)
        p++;
    return p;
}

/* Section 3.1 and 3.2: IPv4's loopback and 169.254/16 are link-local. */
static int scope_of(const struct in6_addr *address)
{
    const uint8_t *b = address->s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(address))
        return b[12] == 127 || (b[12] == 169 && b[13] == 254) ? LINK_LOCAL : GLOBAL;
    if (IN6_IS_ADDR_MULTICAST(address))
        return b[1] & 15;
    if (IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_LOOPBACK(address))
        return LINK_LOCAL;
    return IN6_IS_ADDR_SITELOCAL(address) ? SITE_LOCAL : GLOBAL;
}

static struct in6_addr mapped(struct in_addr v4)
{
    struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&address.s6_addr[12], &v4, sizeof(v4));
    return address;
}

/* The address that the kernel would send from: a datagram socket is connected, and nothing is
 * sent. */
static bool find_source(const yb_dns_address *address, struct in6_addr *ret_source)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)}};
    socklen_t length = sizeof(name.v6);
    if (address->family == AF_INET) {
        name.v4 = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(53), .sin_addr = address->v4};
        length = sizeof(name.v4);
    } else {
        name.v6.sin6_addr = address->v6;
        name.v6.sin6_scope_id = address->scope;
    }
    int fd = socket(address->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool found = connect(fd, &name.any, length) == 0 && getsockname(fd, &name.any, &length) == 0;
    close(fd);
    if (found)
        *ret_source = address->family == AF_INET ? mapped(name.v4.sin_addr) : name.v6.sin6_addr;
    return found;
}

static void judge(candidate *c, const yb_dns_address *address, size_t index)
{
    *c = (candidate){.address = *address, .index = index};
    c->target = address->family == AF_INET ? mapped(address->v4) : address->v6;
    const policy *p = policy_of(&c->target);
    c->scope = scope_of(&c->target);
    c->label = p->label;
    c->precedence = p->precedence;
    c->reachable = find_source(address, &c->source);
    if (c->reachable) {
        c->same_scope = scope_of(&c->source) == c->scope;
        c->same_label = policy_of(&c->source)->label == c->label;
    }
}

/* Rule 9, of IPv6 alone: IPv4's order is the server's, who may balance load by it. */
static int compare_prefixes(const candidate *a, const candidate *b)
{
    if (!a->reachable || !b->reachable || a->address.family != AF_INET6 ||
        b->address.family != AF_INET6)
        return 0;
    return common_bits(b->target.s6_addr, b->source.s6_addr, 128) -
           common_bits(a->target.s6_addr, a->source.s6_addr, 128);
}

static int compare(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->reachable != b->reachable) /* rule 1 */
        return b->reachable - a->reachable;
    if (a->same_scope != b->same_scope) /* 2 */
        return b->same_scope - a->same_scope;
    if (a->same_label != b->same_label) /* 5 */
        return b->same_label - a->same_label;
    if (a->precedence != b->precedence) /* 6 */
        return b->precedence - a->precedence;
    if (a->scope != b->scope) /* 8 */
        return a->scope - b->scope;
    int order = compare_prefixes(a, b);
    return order ? order : (a->index > b->index) - (a->index < b->index); /* 10 */
}

/* Without memory the order stays. */
void yb_dns_order(yb_dns_address *addresses, size_t count)
{
    candidate *candidates = count > 1 ? calloc(count, sizeof(*candidates)) : NULL;
    if (!candidates)
        return;
    for (size_t i = 0; i < count; i++)
        judge(&candidates[i], &addresses[i], i);
    qsort(candidates, count, sizeof(*candidates), compare);
    for (size_t i = 0; i < count; i++)
        addresses[i] = candidates[i].address;
    free(candidates);
}
