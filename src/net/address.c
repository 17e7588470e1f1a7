/* Addresses as text and back: RFC 4291 (what is accepted), RFC 5952 (what is written). */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <yibu/address.h>

#include "loop/loop.h"

static const struct sockaddr_in *as_ipv4(const yibu_address *address)
{
    return (const struct sockaddr_in *)(const void *)&address->storage;
}

static const struct sockaddr_in6 *as_ipv6(const yibu_address *address)
{
    return (const struct sockaddr_in6 *)(const void *)&address->storage;
}

static const struct sockaddr_un *as_unix(const yibu_address *address)
{
    return (const struct sockaddr_un *)(const void *)&address->storage;
}

static void set_ipv4(yibu_address *ret_address, struct in_addr host, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = host};
    memset(ret_address, 0, sizeof(*ret_address));
    memcpy(&ret_address->storage, &in, sizeof(in));
    ret_address->length = sizeof(in);
}

static void set_ipv6(yibu_address *ret_address, const struct in6_addr *host, uint32_t scope,
                     uint16_t port)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6,
                              .sin6_port = htons(port),
                              .sin6_addr = *host,
                              .sin6_scope_id = scope};
    memset(ret_address, 0, sizeof(*ret_address));
    memcpy(&ret_address->storage, &in, sizeof(in));
    ret_address->length = sizeof(in);
}

/* Whether this machine has IPv6 at all, be it only the loopback. */
static bool ipv6_is_there(void)
{
    if (yb_loop_network())
        return true;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    bool usable = bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;
    close(fd);
    return usable;
}

static void set_any(yibu_address *ret_address, uint16_t port)
{
    if (ipv6_is_there())
        set_ipv6(ret_address, &in6addr_any, 0, port);
    else
        set_ipv4(ret_address, (struct in_addr){htonl(INADDR_ANY)}, port);
}

/* A scope (RFC 4007, section 11): an interface's name or number.  0 means none. */
static uint32_t parse_scope(const char *text)
{
    unsigned index = if_nametoindex(text);
    if (index > 0)
        return index;
    if (text[0] < '0' || text[0] > '9')
        return 0;
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    return *end == '\0' && errno == 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static int parse_ipv6(const char *text, uint16_t port, yibu_address *ret_address)
{
    char host_text[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "%");
    if (length >= sizeof(host_text))
        return -EINVAL;
    memcpy(host_text, text, length);
    host_text[length] = '\0';

    struct in6_addr host;
    uint32_t scope = 0;
    if (inet_pton(AF_INET6, host_text, &host) != 1)
        return -EINVAL;
    if (text[length] == '%' && (scope = parse_scope(text + length + 1)) == 0)
        return -EINVAL;
    set_ipv6(ret_address, &host, scope, port);
    return 0;
}

int yibu_address_parse(const char *text, uint16_t port, yibu_address *ret_address)
{
    if (!ret_address)
        return -EINVAL;
    if (!text || !text[0]) {
        set_any(ret_address, port);
        return 0;
    }
    struct in_addr host;
    if (inet_pton(AF_INET, text, &host) != 1)
        return parse_ipv6(text, port, ret_address);
    set_ipv4(ret_address, host, port);
    return 0;
}

/* snprintf that knows whether all of it went in. */
__attribute__((format(printf, 3, 4))) static int print(char *ret_text, size_t size,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(ret_text, size, format, arguments);
    va_end(arguments);
    return (size_t)length < size ? length : -ENOSPC;
}

static int format_ipv4(const struct sockaddr_in *in, char *ret_text, size_t size)
{
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
    return print(ret_text, size, "%s:%u", host, ntohs(in->sin_port));
}

static int format_ipv6(const struct sockaddr_in6 *in, char *ret_text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    char name[IF_NAMESIZE];
    unsigned port = ntohs(in->sin6_port);
    inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
    if (in->sin6_scope_id == 0)
        return print(ret_text, size, "[%s]:%u", host, port);
    if (if_indextoname(in->sin6_scope_id, name))
        return print(ret_text, size, "[%s%%%s]:%u", host, name, port);
    return print(ret_text, size, "[%s%%%u]:%u", host, in->sin6_scope_id, port);
}

/* A path; "@name" in the abstract namespace; nothing for a socket without a name (unix(7)). */
static int format_unix(const struct sockaddr_un *un, socklen_t length, char *ret_text, size_t size)
{
    size_t header = offsetof(struct sockaddr_un, sun_path);
    size_t room = length > header ? length - header : 0;
    if (room == 0)
        return print(ret_text, size, "unix:");
    if (un->sun_path[0] == '\0')
        return print(ret_text, size, "unix:@%.*s", (int)room - 1, un->sun_path + 1);
    return print(ret_text, size, "unix:%.*s", (int)room, un->sun_path);
}

int yibu_address_format(const yibu_address *address, char *ret_text, size_t size)
{
    if (!address || (!ret_text && size > 0))
        return -EINVAL;
    switch (address->storage.ss_family) {
    case AF_INET:
        return format_ipv4(as_ipv4(address), ret_text, size);
    case AF_INET6:
        return format_ipv6(as_ipv6(address), ret_text, size);
    case AF_UNIX:
        return format_unix(as_unix(address), address->length, ret_text, size);
    default:
        return print(ret_text, size, "family %u", address->storage.ss_family);
    }
}

uint16_t yibu_address_port(const yibu_address *address)
{
    switch (address->storage.ss_family) {
    case AF_INET:
        return ntohs(as_ipv4(address)->sin_port);
    case AF_INET6:
        return ntohs(as_ipv6(address)->sin6_port);
    default:
        return 0;
    }
}

int yibu_getsockname(int fd, yibu_address *ret_address)
{
    if (!ret_address)
        return -EINVAL;
    const yb_network_class *network = yb_loop_network_of(fd);
    if (network)
        return network->get_name(yb_loop_current->backend, fd, ret_address);
    yibu_address address = {.length = sizeof(address.storage)};
    if (getsockname(fd, (struct sockaddr *)&address.storage, &address.length) < 0)
        return -errno;
    *ret_address = address;
    return 0;
}
