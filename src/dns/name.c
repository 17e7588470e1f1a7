/* Names of addresses: getnameinfo(3), by the hosts file, then by a PTR query. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "request.h"

enum { REVERSE_ROOM = 80 }; /* 32 nibbles, dots, "ip6.arpa" */

typedef struct name_request {
    yb_dns_request request; /* first */
    yb_dns_wait wait;
    yibu_address address;
    int flags;
    char *ret_host, *ret_service;
    size_t host_size, service_size;
    char host[NI_MAXHOST], service[NI_MAXSERV];
} name_request;

static name_request *self(yb_dns_request *request)
{
    return (name_request *)(void *)request;
}

/* What libc knows without asking anybody. */
static int look_up_locally(name_request *n, char *host, int flags)
{
    errno = 0;
    return yibu_eai_error(getnameinfo((const struct sockaddr *)&n->address.storage,
                                      n->address.length, host, host ? NI_MAXHOST : 0,
                                      n->ret_service ? n->service : NULL,
                                      n->ret_service ? NI_MAXSERV : 0, flags));
}

static int measure(const name_request *n)
{
    bool fits = (!n->ret_host || strlen(n->host) < n->host_size) &&
                (!n->ret_service || strlen(n->service) < n->service_size);
    return fits ? 0 : -ENOSPC;
}

static void end(name_request *n, int result)
{
    yb_dns_request_end(&n->request, result == 0 ? measure(n) : result);
}

/* NI_NOFQDN: a name of this machine's domain is named without it. */
static void cut_domain(const name_request *n, char *host)
{
    const yibu_dns *dns = n->request.dns;
    const char *domain = dns->domain_count > 0 ? dns->domains[0] : NULL;
    char *dot = strchr(host, '.');
    if ((n->flags & NI_NOFQDN) && domain && dot && strcasecmp(dot + 1, domain) == 0)
        *dot = '\0';
}

static void end_with_name(name_request *n, const char *name)
{
    size_t size = strlen(name) + 1;
    if (size > sizeof(n->host)) {
        end(n, YIBU_EAI_FAIL);
        return;
    }
    memcpy(n->host, name, size);
    cut_domain(n, n->host);
    end(n, 0);
}

static void end_without_name(name_request *n)
{
    if (n->flags & NI_NAMEREQD)
        end(n, YIBU_EAI_NONAME);
    else
        end(n, look_up_locally(n, n->host, n->flags | NI_NUMERICHOST));
}

static const char *first_name(const yibu_dns_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++)
        if (answer->records[i].type == YIBU_DNS_PTR)
            return answer->records[i].target;
    return NULL;
}

static void take_answer(name_request *n, int result, const yb_dns_message *message)
{
    yibu_dns_answer *answer = NULL;
    if (result == 0)
        result = yibu_dns_answer_parse(message->data, message->size, &answer);
    const char *name = result == 0 ? first_name(answer) : NULL;
    if (name)
        end_with_name(n, name);
    else if (result == 0 || result == YIBU_EAI_NONAME)
        end_without_name(n);
    else
        end(n, result);
    yibu_dns_answer_free(answer);
}

static void answered(yb_dns_wait *wait, int result, yb_dns_message *message)
{
    take_answer((name_request *)((char *)wait - offsetof(name_request, wait)), result, message);
}

static void stop(yb_dns_request *request)
{
    yb_dns_leave(request->dns, &self(request)->wait);
}

static void deliver(yb_dns_request *request)
{
    name_request *n = self(request);
    if (n->ret_host)
        memcpy(n->ret_host, n->host, strlen(n->host) + 1);
    if (n->ret_service)
        memcpy(n->ret_service, n->service, strlen(n->service) + 1);
}

static void free_request(yb_dns_request *request)
{
    free(self(request));
}

static const yb_dns_request_class class = {stop, deliver, free_request};

/* The address, without the port; IPv4 for what is IPv4 mapped into IPv6. */
static bool take_address(const yibu_address *from, yb_dns_address *ret_address)
{
    *ret_address = (yb_dns_address){.family = from->storage.ss_family};
    if (ret_address->family == AF_INET && from->length >= sizeof(struct sockaddr_in)) {
        ret_address->v4 = ((const struct sockaddr_in *)&from->storage)->sin_addr;
        return true;
    }
    if (ret_address->family != AF_INET6 || from->length < sizeof(struct sockaddr_in6))
        return false;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&from->storage;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        ret_address->family = AF_INET;
        memcpy(&ret_address->v4, &v6->sin6_addr.s6_addr[12], sizeof(ret_address->v4));
    } else {
        ret_address->v6 = v6->sin6_addr;
        ret_address->scope = v6->sin6_scope_id;
    }
    return true;
}

/* RFC 1035, section 3.5; RFC 3596, section 2.5. */
static void write_reverse(const yb_dns_address *address, char text[REVERSE_ROOM])
{
    if (address->family == AF_INET) {
        const uint8_t *b = (const uint8_t *)&address->v4;
        (void)snprintf(text, REVERSE_ROOM, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
        return;
    }
    char *at = text;
    for (int i = 15; i >= 0; i--) {
        unsigned byte = address->v6.s6_addr[i];
        at += snprintf(at, 5, "%x.%x.", byte & 15, byte >> 4);
    }
    memcpy(at, "ip6.arpa", sizeof("ip6.arpa"));
}

static void ask_servers(name_request *n, const yb_dns_address *address)
{
    char reverse[REVERSE_ROOM];
    yb_dns_message *message = NULL;
    write_reverse(address, reverse);
    int r = yb_dns_ask(n->request.dns, reverse, YIBU_DNS_PTR, &n->wait, &message);
    if (r != 0)
        take_answer(n, r > 0 ? 0 : r, message);
    yb_dns_message_unref(message);
}

static void begin(name_request *n)
{
    yb_dns_address address;
    bool numeric = !n->ret_host || (n->flags & NI_NUMERICHOST);
    if (numeric || !take_address(&n->address, &address)) {
        end(n, look_up_locally(n, n->ret_host ? n->host : NULL, n->flags));
        return;
    }
    int r = n->ret_service ? look_up_locally(n, NULL, n->flags) : 0;
    const char *name = r == 0 ? yb_dns_hosts_name(n->request.dns, &address) : NULL;
    if (r < 0)
        end(n, r);
    else if (name)
        end_with_name(n, name);
    else
        ask_servers(n, &address);
}

/* A request that has begun. */
static int new_request(yibu_dns *dns, const yibu_address *address, int flags, char *ret_host,
                       size_t host_size, char *ret_service, size_t service_size,
                       yb_dns_request **ret_request)
{
    int r = yb_dns_request_check(dns);
    if (r < 0)
        return r;
    if (!address || address->length > sizeof(address->storage) || (!ret_host && !ret_service))
        return -EINVAL;
    name_request *n = calloc(1, sizeof(*n));
    if (!n)
        return -ENOMEM;
    n->wait.answered = answered;
    n->address = *address;
    n->flags = flags;
    n->ret_host = ret_host;
    n->host_size = host_size;
    n->ret_service = ret_service;
    n->service_size = service_size;
    yb_dns_request_begin(dns, &n->request, &class);
    begin(n);
    *ret_request = &n->request;
    return 0;
}

int yb_dns_begin_name(yibu_loop *loop, yibu_op *op, const yibu_address *address, int flags,
                      char *ret_host, size_t host_size, char *ret_service, size_t service_size,
                      void *arg)
{
    (void)loop;
    yb_dns_request *request;
    int r =
        new_request(arg, address, flags, ret_host, host_size, ret_service, service_size, &request);
    return r < 0 ? r : yb_dns_request_start_op(request, op);
}

int yibu_dns_op_getnameinfo(yibu_dns *dns, yibu_op *op, const yibu_address *address, int flags,
                            char *ret_host, size_t host_size, char *ret_service,
                            size_t service_size)
{
    int r = yb_dns_request_prepare_op(op);
    return r < 0 ? r
                 : yb_dns_begin_name(NULL, op, address, flags, ret_host, host_size, ret_service,
                                     service_size, dns);
}

int yibu_dns_getnameinfo(yibu_dns *dns, const yibu_address *address, int flags, char *ret_host,
                         size_t host_size, char *ret_service, size_t service_size)
{
    yb_dns_request *request;
    int r = yb_dns_request_enter();
    if (r < 0)
        return r;
    r = new_request(dns, address, flags, ret_host, host_size, ret_service, service_size, &request);
    return r < 0 ? r : yb_dns_request_wait(request);
}
