/* Names: "localhost", and those of the options.  Others are not known, whatever the machine says.
 *
 * A list of addresses is libc's to free, so libc makes it, from numeric addresses, one after
 * another; glibc's and musl's nodes are freed one by one along ai_next. */
#include "sim/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "sim/trace.h"
#include <yibu/error.h>

/* What depends on the machine's interfaces is left out. */
static int ask(const char *numeric, const char *service, const struct addrinfo *hints,
               struct addrinfo **ret_list)
{
    struct addrinfo asked = *hints;
    asked.ai_flags = (asked.ai_flags & ~(AI_ADDRCONFIG | AI_CANONNAME)) | AI_NUMERICHOST;
    switch (getaddrinfo(numeric, service, &asked, ret_list)) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SERVICE:
        return YIBU_EAI_SERVICE;
    case EAI_FAMILY:
        return YIBU_EAI_FAMILY;
    case EAI_SOCKTYPE:
        return YIBU_EAI_SOCKTYPE;
    case EAI_BADFLAGS:
        return YIBU_EAI_BADFLAGS;
    default:
        return YIBU_EAI_NONAME;
    }
}

/* The address that the name has at the index, in the order of the table; NULL: no more. */
static const char *address_of(const yb_sim *sim, const char *name, size_t index)
{
    for (const yibu_sim_host *host = sim->options.hosts; host && host->name; host++)
        if (strcmp(host->name, name) == 0 && index-- == 0)
            return host->address;
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    return strcmp(name, "localhost") == 0 && index < 2 ? loopback[index] : NULL;
}

/* Every address of the name, of those families that are asked for. */
static int ask_for_name(const yb_sim *sim, const char *name, const char *service,
                        const struct addrinfo *hints, struct addrinfo **ret_list)
{
    struct addrinfo *list = NULL, **end = &list;
    int r = YIBU_EAI_NONAME;
    const char *address;
    for (size_t i = 0; (address = address_of(sim, name, i)); i++) {
        int one = ask(address, service, hints, end);
        if (one < 0 && list == NULL)
            r = one;
        while (*end)
            end = &(*end)->ai_next;
    }
    if (list)
        *ret_list = list;
    return list ? 0 : r;
}

int yb_sim_look_up(yb_backend *backend, const char *host, const char *service,
                   const struct addrinfo *hints, struct addrinfo **ret_list)
{
    yb_sim *sim = yb_sim_of(backend);
    int r = yb_sim_faulty(sim, sim->chances.lookup) ? YIBU_EAI_AGAIN
                                                    : ask(host, service, hints, ret_list);
    if (r == YIBU_EAI_NONAME && host && !(hints->ai_flags & AI_NUMERICHOST))
        r = ask_for_name(sim, host, service, hints, ret_list);
    if (yb_sim_traces(sim))
        yb_sim_trace(sim, "net", "looks up %s%s%s", host ? host : "this host", r < 0 ? ": " : "",
                     r < 0 ? yibu_error_name(r) : "");
    return r;
}
