/* Channels of c-ares, driven by the loop: sockets by socket.c, time by a timer.
 *
 * dns->channel takes new flights.  It is replaced when the configuration is read again, and when it
 * has gathered too many orphans; a replaced channel is freed once nobody waits for its flights.
 * None of this happens below a call of c-ares. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialised; /* an ARES_ status */

static void initialise(void)
{
    initialised = ares_library_init(ARES_LIB_INIT_ALL);
}

static int as_errno(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOMEM:
        return -ENOMEM;
    default:
        return -EINVAL;
    }
}

/* --- time ------------------------------------------------------------------------------------- */

static void on_time(void *arg)
{
    yb_dns_channel_process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* c-ares counts whole milliseconds, rounded down: one more, not to come too early. */
static void arm(yb_dns_channel *channel)
{
    struct timeval room;
    const struct timeval *left = ares_timeout(channel->ares, NULL, &room);
    if (!left) {
        yibu_timer_stop(&channel->timer);
        return;
    }
    int64_t delay_ns = YIBU_SECONDS(left->tv_sec) + YIBU_US(left->tv_usec) + YIBU_MS(1);
    (void)yibu_timer_start(channel->dns->loop, &channel->timer, delay_ns, on_time, channel);
}

/* For a query just sent, without a look at all of them. */
static void arm_for_new(yb_dns_channel *channel)
{
    yibu_loop *loop = channel->dns->loop;
    int64_t when_ns = yibu_loop_time(loop) + YIBU_MS(channel->dns->timeout_ms + 1);
    if (yibu_timer_when(&channel->timer) > when_ns)
        (void)yibu_timer_start_at(loop, &channel->timer, when_ns, on_time, channel);
}

/* --- work ------------------------------------------------------------------------------------- */

void yb_dns_channel_send(yb_dns_channel *channel, yb_dns_flight *flight)
{
    const yb_dns_question *question = yb_dns_flight_question(flight);
    channel->dns->socket_error = 0;
    arm_for_new(channel);
    ares_query(channel->ares, question->name, 1 /* IN */, question->type, yb_dns_flight_landed,
               flight);
}

void yb_dns_channel_process(yb_dns_channel *channel, int readable, int writable)
{
    yibu_dns *dns = channel->dns;
    dns->socket_error = 0;
    ares_process_fd(channel->ares, readable, writable);
    arm(channel);
    yb_dns_settle(dns);
}

void yb_dns_channel_tell_errors(yibu_dns *dns)
{
    yb_dns_channel *channel;
    LIST_FOREACH(channel, &dns->channels, links)
    if (channel->has_errors) {
        yb_dns_socket_tell_errors(channel);
        arm(channel);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

void yb_dns_channel_free(yb_dns_channel *channel)
{
    yibu_timer_stop(&channel->timer);
    if (channel->ares)
        ares_destroy(channel->ares);
    LIST_REMOVE(channel, links);
    free(channel);
}

void yb_dns_domains_free(char **domains, int count)
{
    for (int i = 0; i < count; i++)
        free(domains[i]);
    free(domains);
}

static char **copy_domains(const struct ares_options *options)
{
    char **domains = calloc((size_t)options->ndomains + 1, sizeof(*domains));
    for (int i = 0; domains && i < options->ndomains; i++) {
        domains[i] = strdup(options->domains[i]);
        if (!domains[i]) {
            yb_dns_domains_free(domains, i);
            return NULL;
        }
    }
    return domains;
}

enum { MAX_TIMEOUT_MS = INT_MAX / 64 };

static int between(int64_t value, int least, int most)
{
    return value < least ? least : value > most ? most : (int)value;
}

/* What c-ares found out and names are searched by; resolv.conf may say anything. */
static int take_search(yibu_dns *dns, ares_channel ares)
{
    struct ares_options found;
    int mask;
    int r = as_errno(ares_save_options(ares, &found, &mask));
    char **domains = r == 0 ? copy_domains(&found) : NULL;
    if (r == 0 && !domains)
        r = -ENOMEM;
    if (r == 0) {
        yb_dns_domains_free(dns->domains, dns->domain_count);
        dns->domains = domains;
        dns->domain_count = found.ndomains;
        dns->ndots = between(found.ndots, 0, INT_MAX);
        dns->timeout_ms = between(found.timeout, 1, MAX_TIMEOUT_MS);
    }
    ares_destroy_options(&found);
    return r;
}

static int milliseconds(int64_t time_ns)
{
    return between(time_ns / YIBU_MS(1), 1, MAX_TIMEOUT_MS);
}

/* The words of dns->search, in place. */
static int split_search(char *text, char *words[], int room)
{
    int count = 0;
    char *rest;
    for (char *word = strtok_r(text, " \t,", &rest); word && count < room;
         word = strtok_r(NULL, " \t,", &rest))
        words[count++] = word;
    return count;
}

enum { MAX_DOMAINS = 32 };

static int configure(yb_dns_channel *channel, char *search)
{
    const yibu_dns *dns = channel->dns;
    const yibu_dns_options *o = &dns->options;
    char *domains[MAX_DOMAINS];
    struct ares_options options = {
        .flags = (o->use_tcp ? ARES_FLAG_USEVC : 0) | (o->edns_bytes ? ARES_FLAG_EDNS : 0),
        .ednspsz = (int)o->edns_bytes,
        .timeout = milliseconds(o->timeout_ns),
        .tries = o->tries,
        .ndots = o->ndots < 0 ? 0 : o->ndots,
        .lookups = (char[]){"b"}, /* the hosts file is ours */
        .resolvconf_path = dns->resolvconf_path,
        .sock_state_cb = yb_dns_socket_wanted,
        .sock_state_cb_data = channel,
        .domains = domains,
        .ndomains = search ? split_search(search, domains, MAX_DOMAINS) : 0,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
               (o->edns_bytes ? ARES_OPT_EDNSPSZ : 0) | (o->timeout_ns ? ARES_OPT_TIMEOUTMS : 0) |
               (o->tries ? ARES_OPT_TRIES : 0) | (o->ndots ? ARES_OPT_NDOTS : 0) |
               (o->rotate ? ARES_OPT_ROTATE : 0) |
               (dns->resolvconf_path ? ARES_OPT_RESOLVCONF : 0) | (search ? ARES_OPT_DOMAINS : 0);
    int status = ares_init_options(&channel->ares, &options, mask);
    if (status == ARES_SUCCESS && dns->servers)
        status = ares_set_servers_ports_csv(channel->ares, dns->servers);
    return as_errno(status);
}

static int new_channel(yibu_dns *dns, yb_dns_channel **ret_channel)
{
    yb_dns_channel *channel = calloc(1, sizeof(*channel));
    char *search = dns->search ? strdup(dns->search) : NULL;
    if (!channel || (dns->search && !search)) {
        free(channel);
        free(search);
        return -ENOMEM;
    }
    channel->dns = dns;
    channel->generation = dns->generation;
    LIST_INIT(&channel->sockets);
    LIST_INSERT_HEAD(&dns->channels, channel, links);
    int r = configure(channel, search);
    free(search);
    if (r == 0)
        r = take_search(dns, channel->ares);
    if (r < 0) {
        yb_dns_channel_free(channel);
        return r;
    }
    yb_dns_socket_install(channel);
    *ret_channel = channel;
    return 0;
}

int yb_dns_channel_renew(yibu_dns *dns)
{
    if (pthread_once(&once, initialise) != 0 || initialised != ARES_SUCCESS)
        return -ENOMEM;
    return new_channel(dns, &dns->channel);
}

/* The channel of new flights loses its orphans as soon as it has nothing else; where there are
 * always others, a new channel takes its place. */
static void relieve(yibu_dns *dns)
{
    if (dns->channel->live == 0 && dns->channel->orphans > 0) {
        ares_cancel(dns->channel->ares);
        arm(dns->channel);
    } else if (dns->channel->orphans > dns->options.max_queries) {
        (void)yb_dns_channel_renew(dns);
    }
}

void yb_dns_channel_tidy(yibu_dns *dns)
{
    relieve(dns);
    for (yb_dns_channel *channel = LIST_FIRST(&dns->channels), *next; channel; channel = next) {
        next = LIST_NEXT(channel, links);
        if (channel != dns->channel && channel->live == 0)
            yb_dns_channel_free(channel);
    }
}
