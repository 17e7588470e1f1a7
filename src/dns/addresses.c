/* Addresses of names: getaddrinfo(3).
 *
 * libc is asked first, for what it knows without asking anybody (numeric hosts, no host, services,
 * bad hints); then the hosts file; then the servers, for A and AAAA at once, one candidate of the
 * search list after another (resolv.conf(5)).  `step` is the candidate that is under way, `pending`
 * how many of its questions are. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

enum { A, AAAA, QUESTIONS };

typedef struct addresses {
    yb_dns_request request; /* first */
    yb_dns_wait waits[QUESTIONS];
    struct addrinfo hints;
    unsigned families; /* to ask for */
    int step;
    unsigned pending;
    int failure; /* why a question of this candidate was not answered; 0: none was */
    yb_dns_found found;
    struct addrinfo *list, **ret_list;
    const char *host, *service; /* in the text, or NULL */
    char text[];
} addresses;

static const uint16_t types[QUESTIONS] = {[A] = YIBU_DNS_A, [AAAA] = YIBU_DNS_AAAA};
static const unsigned bits[QUESTIONS] = {[A] = YB_DNS_V4, [AAAA] = YB_DNS_V6};

static addresses *self(yb_dns_request *request)
{
    return (addresses *)(void *)request;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* AI_V4MAPPED: IPv4 in IPv6's clothes, where there is nothing better, or with AI_ALL besides. */
static void map(addresses *a)
{
    yb_dns_found *found = &a->found;
    size_t kept = 0, six = 0;
    for (size_t i = 0; i < found->count; i++)
        six += found->addresses[i].family == AF_INET6;
    for (size_t i = 0; i < found->count; i++) {
        yb_dns_address *address = &found->addresses[i];
        if (address->family == AF_INET) {
            if (six > 0 && !(a->hints.ai_flags & AI_ALL))
                continue;
            yb_dns_address mapped = {.family = AF_INET6,
                                     .v6 = {.s6_addr = {[10] = 0xff, [11] = 0xff}}};
            memcpy(&mapped.v6.s6_addr[12], &address->v4, sizeof(address->v4));
            *address = mapped;
        }
        found->addresses[kept++] = *address;
    }
    found->count = kept;
}

static void end_with_found(addresses *a)
{
    if (a->hints.ai_family == AF_INET6)
        map(a);
    yb_dns_order(a->found.addresses, a->found.count);
    yb_dns_request_end(&a->request, yb_dns_list(&a->found, a->service, &a->hints, &a->list));
}

/* --- candidates ------------------------------------------------------------------------------- */

static int count_dots(const char *name)
{
    int dots = 0;
    for (; *name; name++)
        dots += *name == '.';
    return dots;
}

/* The candidate of that number: the name itself first or last, by ndots; a name that ends in a dot
 * is complete.  Returns 1; 0: there are no more; -ENAMETOOLONG: this one is none. */
static int candidate(const addresses *a, int step, char ret_name[YB_DNS_NAME_ROOM])
{
    const yibu_dns *dns = a->request.dns;
    size_t length = strlen(a->host);
    bool complete = a->host[length - 1] == '.';
    bool itself_first = complete || count_dots(a->host) >= dns->ndots;
    int domains = complete ? 0 : dns->domain_count;
    int domain = itself_first ? step - 1 : step;
    if (step > domains)
        return 0;
    int written = domain >= 0 && domain < domains
                      ? snprintf(ret_name, YB_DNS_NAME_ROOM, "%s.%s", a->host, dns->domains[domain])
                      : snprintf(ret_name, YB_DNS_NAME_ROOM, "%s", a->host);
    return written < YB_DNS_NAME_ROOM ? 1 : -ENAMETOOLONG;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_name(const char *left, const char *right)
{
    return strcasecmp(left, right) == 0;
}

/* Where the aliases of an answer lead; each is followed once. */
static const char *follow(const yibu_dns_answer *answer, const char *name)
{
    for (size_t hops = 0; hops < answer->count; hops++) {
        const char *before = name;
        for (size_t i = 0; i < answer->count && name == before; i++) {
            const yibu_dns_record *record = &answer->records[i];
            if (record->type == YIBU_DNS_CNAME && is_name(record->name, name))
                name = record->target;
        }
        if (name == before)
            break;
    }
    return name;
}

static int take_record(addresses *a, const yibu_dns_record *record)
{
    yb_dns_address address = {.family = record->type == YIBU_DNS_A ? AF_INET : AF_INET6};
    if (address.family == AF_INET)
        address.v4 = record->a;
    else
        address.v6 = record->aaaa;
    return yb_dns_found_add(&a->found, &address);
}

static int take_records(addresses *a, const yibu_dns_answer *answer, uint16_t type,
                        const char *question)
{
    const char *canonical = follow(answer, question);
    int r = 0;
    for (size_t i = 0; i < answer->count && r == 0; i++) {
        const yibu_dns_record *record = &answer->records[i];
        if (record->type == type && is_name(record->name, canonical))
            r = take_record(a, record);
    }
    if (r == 0 && a->found.count > 0 && !a->found.canonical &&
        !(a->found.canonical = strdup(canonical)))
        r = -ENOMEM;
    return r;
}

/* The name that was asked for, without the dot at its end. */
static void write_question(const addresses *a, char ret_name[YB_DNS_NAME_ROOM])
{
    (void)candidate(a, a->step, ret_name);
    size_t length = strlen(ret_name);
    if (length > 1 && ret_name[length - 1] == '.')
        ret_name[length - 1] = '\0';
}

static int take_message(addresses *a, int question, const yb_dns_message *message)
{
    yibu_dns_answer *answer;
    char name[YB_DNS_NAME_ROOM];
    int r = yibu_dns_answer_parse(message->data, message->size, &answer);
    if (r == YIBU_EAI_NONAME)
        return 0;
    if (r < 0)
        return r;
    write_question(a, name);
    r = take_records(a, answer, types[question], name);
    yibu_dns_answer_free(answer);
    return r;
}

/* What makes no sense as a question has no answer; c-ares knows some names not to exist. */
static void take_answer(addresses *a, int question, int result, const yb_dns_message *message)
{
    if (result == 0)
        result = take_message(a, question, message);
    if (result == -EINVAL || result == YIBU_EAI_NONAME)
        result = 0;
    if (result < 0)
        a->failure = result;
}

static void ask(addresses *a, int question, const char *name)
{
    yb_dns_message *message = NULL;
    int r = yb_dns_ask(a->request.dns, name, types[question], &a->waits[question], &message);
    if (r == 0)
        a->pending++;
    else
        take_answer(a, question, r > 0 ? 0 : r, message);
    yb_dns_message_unref(message);
}

/* Whether the candidate that is under way has decided it.  A failure of one question does not
 * matter where the other has found something; but no memory is no answer. */
static bool decided(addresses *a)
{
    if (a->failure == -ENOMEM || (a->failure < 0 && a->found.count == 0))
        yb_dns_request_end(&a->request, a->failure);
    else if (a->found.count > 0)
        end_with_found(a);
    else
        return false;
    return true;
}

/* Asks for candidates until there are questions under way, or the request has ended. */
static void search(addresses *a)
{
    char name[YB_DNS_NAME_ROOM];
    int r;
    while ((r = candidate(a, a->step, name)) != 0) {
        for (int i = 0; r == 1 && i < QUESTIONS; i++)
            if (a->families & bits[i])
                ask(a, i, name);
        if (a->pending > 0 || decided(a))
            return;
        a->step++;
    }
    yb_dns_request_end(&a->request, YIBU_EAI_NONAME);
}

static void answered(addresses *a, int question, int result, const yb_dns_message *message)
{
    take_answer(a, question, result, message);
    if (--a->pending > 0 || decided(a))
        return;
    a->step++;
    search(a);
}

static void answered_a(yb_dns_wait *wait, int result, yb_dns_message *message)
{
    char *start = (char *)wait - offsetof(addresses, waits) - A * sizeof(*wait);
    answered((addresses *)(void *)start, A, result, message);
}

static void answered_aaaa(yb_dns_wait *wait, int result, yb_dns_message *message)
{
    char *start = (char *)wait - offsetof(addresses, waits) - AAAA * sizeof(*wait);
    answered((addresses *)(void *)start, AAAA, result, message);
}

/* --- the request ------------------------------------------------------------------------------ */

static void stop(yb_dns_request *request)
{
    for (int i = 0; i < QUESTIONS; i++)
        yb_dns_leave(request->dns, &self(request)->waits[i]);
}

static void deliver(yb_dns_request *request)
{
    *self(request)->ret_list = self(request)->list;
    self(request)->list = NULL;
}

static void free_request(yb_dns_request *request)
{
    addresses *a = self(request);
    if (a->list)
        freeaddrinfo(a->list);
    yb_dns_found_clear(&a->found);
    free(a);
}

static const yb_dns_request_class class = {stop, deliver, free_request};

/* What libc knows by itself; YIBU_EAI_NONAME where somebody must be asked. */
static int ask_libc(addresses *a)
{
    struct addrinfo asked = a->hints;
    asked.ai_flags = (asked.ai_flags & ~AI_ADDRCONFIG) | AI_NUMERICHOST;
    errno = 0;
    int error = getaddrinfo(a->host, a->service, &asked, &a->list);
    if (error == 0)
        yb_dns_list_show_flags(a->list, a->hints.ai_flags);
    bool is_for_others =
        error == EAI_NONAME && a->host && a->host[0] && !(a->hints.ai_flags & AI_NUMERICHOST);
    if (!is_for_others)
        yb_dns_request_end(&a->request, yibu_eai_error(error));
    return is_for_others ? YIBU_EAI_NONAME : 0;
}

static void choose_families(addresses *a)
{
    int family = a->hints.ai_family, flags = a->hints.ai_flags;
    a->families = family == AF_UNSPEC ? YB_DNS_V4 | YB_DNS_V6 : yb_dns_family_bit(family);
    if (flags & AI_ADDRCONFIG)
        a->families &= yb_dns_own_families(a->request.dns);
    if (family == AF_INET6 && (flags & AI_V4MAPPED))
        a->families |= YB_DNS_V4;
}

/* RFC 6761, section 6.3: such a name is nobody else's, whatever a server says. */
static int find_localhost(addresses *a, const char *name)
{
    static const char local[] = "localhost";
    size_t length = strlen(name), tail = sizeof(local) - 1;
    if (length < tail || strcasecmp(name + length - tail, local) != 0 ||
        (length > tail && name[length - tail - 1] != '.'))
        return 0;
    const yb_dns_address six = {.family = AF_INET6, .v6 = in6addr_loopback};
    const yb_dns_address four = {.family = AF_INET, .v4.s_addr = htonl(INADDR_LOOPBACK)};
    int r = a->families & YB_DNS_V6 ? yb_dns_found_add(&a->found, &six) : 0;
    if (r == 0 && (a->families & YB_DNS_V4))
        r = yb_dns_found_add(&a->found, &four);
    if (r == 0 && !(a->found.canonical = strdup(name)))
        r = -ENOMEM;
    return r;
}

/* Whether that has ended the request. */
static bool find_here(addresses *a)
{
    char name[YB_DNS_NAME_ROOM];
    size_t length = strlen(a->host);
    if (length >= sizeof(name)) {
        yb_dns_request_end(&a->request, YIBU_EAI_NONAME);
        return true;
    }
    memcpy(name, a->host, length + 1);
    if (name[length - 1] == '.')
        name[length - 1] = '\0';
    int r = yb_dns_hosts_find(a->request.dns, name, a->families, &a->found);
    if (r == 0 && a->found.count == 0)
        r = find_localhost(a, name);
    if (r < 0)
        yb_dns_request_end(&a->request, r);
    else if (a->found.count > 0)
        end_with_found(a);
    return r < 0 || a->found.count > 0;
}

static void begin(addresses *a)
{
    if (a->hints.ai_flags & (AI_IDN | AI_CANONIDN)) {
        yb_dns_request_end(&a->request, YIBU_EAI_BADFLAGS);
        return;
    }
    if (ask_libc(a) == 0)
        return;
    choose_families(a);
    if (a->families == 0)
        yb_dns_request_end(&a->request, YIBU_EAI_NONAME);
    else if (!find_here(a))
        search(a);
}

static const char *copy_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    char *copy = *at;
    size_t size = strlen(text) + 1;
    *at += size;
    return memcpy(copy, text, size);
}

static addresses *new_addresses(const char *host, const char *service, const struct addrinfo *hints)
{
    size_t size = (host ? strlen(host) + 1 : 0) + (service ? strlen(service) + 1 : 0);
    addresses *a = calloc(1, sizeof(*a) + size);
    if (!a)
        return NULL;
    char *at = a->text;
    a->host = copy_text(&at, host);
    a->service = copy_text(&at, service);
    a->waits[A].answered = answered_a;
    a->waits[AAAA].answered = answered_aaaa;
    /* Without hints, as getaddrinfo has it. */
    a->hints.ai_flags = hints ? hints->ai_flags : AI_V4MAPPED | AI_ADDRCONFIG;
    a->hints.ai_family = hints ? hints->ai_family : AF_UNSPEC;
    a->hints.ai_socktype = hints ? hints->ai_socktype : 0;
    a->hints.ai_protocol = hints ? hints->ai_protocol : 0;
    return a;
}

static int new_request(yibu_dns *dns, const char *host, const char *service,
                       const struct addrinfo *hints, struct addrinfo **ret_list,
                       yb_dns_request **ret_request)
{
    int r = yb_dns_request_check(dns);
    if (r < 0)
        return r;
    if (!ret_list)
        return -EINVAL;
    addresses *a = new_addresses(host, service, hints);
    if (!a)
        return -ENOMEM;
    a->ret_list = ret_list;
    yb_dns_request_begin(dns, &a->request, &class);
    begin(a);
    *ret_request = &a->request;
    return 0;
}

int yb_dns_begin_addresses(yibu_loop *loop, yibu_op *op, const char *host, const char *service,
                           const struct addrinfo *hints, struct addrinfo **ret_list, void *arg)
{
    (void)loop;
    yb_dns_request *request;
    int r = new_request(arg, host, service, hints, ret_list, &request);
    return r < 0 ? r : yb_dns_request_start_op(request, op);
}

int yibu_dns_op_getaddrinfo(yibu_dns *dns, yibu_op *op, const char *host, const char *service,
                            const struct addrinfo *hints, struct addrinfo **ret_list)
{
    int r = yb_dns_request_prepare_op(op);
    return r < 0 ? r : yb_dns_begin_addresses(NULL, op, host, service, hints, ret_list, dns);
}

int yibu_dns_getaddrinfo(yibu_dns *dns, const char *host, const char *service,
                         const struct addrinfo *hints, struct addrinfo **ret_list)
{
    yb_dns_request *request;
    int r = yb_dns_request_enter();
    if (r < 0)
        return r;
    r = new_request(dns, host, service, hints, ret_list, &request);
    return r < 0 ? r : yb_dns_request_wait(request);
}
