/* Lists as getaddrinfo(3) returns them.
 *
 * Such a list is libc's to free, so libc makes it, from numeric addresses, one after another; that
 * also leaves to it what services and socket types mean.  glibc frees the nodes, and the canonical
 * name that a node has, one by one. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

enum { NUMERIC_ROOM = INET6_ADDRSTRLEN + sizeof("%4294967295") };

int yb_dns_found_add(yb_dns_found *found, const yb_dns_address *address)
{
    if (found->count == found->capacity) {
        size_t more = found->capacity ? found->capacity * 2 : 8;
        yb_dns_address *addresses = reallocarray(found->addresses, more, sizeof(*found->addresses));
        if (!addresses)
            return -ENOMEM;
        found->addresses = addresses;
        found->capacity = more;
    }
    found->addresses[found->count++] = *address;
    return 0;
}

void yb_dns_found_clear(yb_dns_found *found)
{
    free(found->addresses);
    free(found->canonical);
    *found = (yb_dns_found){.addresses = NULL};
}

static void write_numeric(const yb_dns_address *address, char text[NUMERIC_ROOM])
{
    (void)inet_ntop(address->family, &address->v4, text, INET6_ADDRSTRLEN);
    if (address->family == AF_INET6 && address->scope) {
        size_t length = strlen(text);
        (void)snprintf(text + length, NUMERIC_ROOM - length, "%%%u", address->scope);
    }
}

static int append(const yb_dns_address *address, const char *service, const struct addrinfo *hints,
                  struct addrinfo **end)
{
    char text[NUMERIC_ROOM];
    struct addrinfo asked = {.ai_flags = AI_NUMERICHOST | (hints->ai_flags & AI_NUMERICSERV),
                             .ai_family = address->family,
                             .ai_socktype = hints->ai_socktype,
                             .ai_protocol = hints->ai_protocol};
    write_numeric(address, text);
    errno = 0;
    return yibu_eai_error(getaddrinfo(text, service, &asked, end));
}

void yb_dns_list_show_flags(struct addrinfo *list, int flags)
{
    for (struct addrinfo *at = list; at; at = at->ai_next)
        at->ai_flags = flags;
}

/* The canonical name stands in the first node. */
static int finish(struct addrinfo *list, const yb_dns_found *found, const struct addrinfo *hints)
{
    yb_dns_list_show_flags(list, hints->ai_flags);
    if (!(hints->ai_flags & AI_CANONNAME))
        return 0;
    list->ai_canonname = strdup(found->canonical);
    return list->ai_canonname ? 0 : -ENOMEM;
}

int yb_dns_list(const yb_dns_found *found, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    struct addrinfo *list = NULL, **end = &list;
    int r = 0;
    for (size_t i = 0; i < found->count && r == 0; i++) {
        r = append(&found->addresses[i], service, hints, end);
        while (*end)
            end = &(*end)->ai_next;
    }
    if (r == 0)
        r = list ? finish(list, found, hints) : YIBU_EAI_NONAME;
    if (r == 0)
        *ret_list = list;
    else if (list)
        freeaddrinfo(list);
    return r;
}
