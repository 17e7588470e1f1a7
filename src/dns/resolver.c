/* A resolver: its options, its life, and the moment at which users hear what there is to hear. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

enum { DEFAULT_MAX_QUERIES = 128, DEFAULT_MAX_WAITING = 65536 };

static const int64_t DEFAULT_MAX_TTL_NS = YIBU_SECONDS(86400);

/* --- settling --------------------------------------------------------------------------------- */

static void destroy(yibu_dns *dns);

static void on_soon(void *dns)
{
    yb_dns_settle(dns);
}

void yb_dns_settle_soon(yibu_dns *dns)
{
    if (!dns->settling && !dns->dying && !yibu_timer_armed(&dns->soon))
        (void)yibu_timer_start(dns->loop, &dns->soon, 0, on_soon, dns);
}

/* Those that have ended by now; the others, which a callback may have begun, in the next turn. */
static void tell_users(yibu_dns *dns)
{
    const yb_dns_request *last = TAILQ_LAST(&dns->ended, yb_dns_request_list);
    bool more = last != NULL;
    while (more && !TAILQ_EMPTY(&dns->ended)) {
        yb_dns_request *request = TAILQ_FIRST(&dns->ended);
        more = request != last;
        yb_dns_request_tell(request);
    }
}

void yb_dns_settle(yibu_dns *dns)
{
    if (dns->settling || dns->dying)
        return;
    dns->settling = true;
    do {
        yb_dns_channel_tell_errors(dns);
        yb_dns_flight_hand_over(dns);
        yb_dns_flight_send_line(dns);
    } while (!TAILQ_EMPTY(&dns->landed));
    tell_users(dns);
    dns->settling = false;
    if (dns->dying) {
        destroy(dns);
        return;
    }
    yb_dns_channel_tidy(dns);
    if (!TAILQ_EMPTY(&dns->ended) || !TAILQ_EMPTY(&dns->landed))
        yb_dns_settle_soon(dns);
}

/* --- life ------------------------------------------------------------------------------------- */

static int take_options(yibu_dns_options *ret_options, const yibu_dns_options *theirs)
{
    memset(ret_options, 0, sizeof(*ret_options));
    if (theirs) {
        if (theirs->size < sizeof(size_t))
            return -EINVAL;
        memcpy(ret_options, theirs,
               theirs->size < sizeof(*ret_options) ? theirs->size : sizeof(*ret_options));
    }
    yibu_dns_options *o = ret_options;
    if (o->max_queries == 0)
        o->max_queries = DEFAULT_MAX_QUERIES;
    if (o->max_waiting == 0)
        o->max_waiting = DEFAULT_MAX_WAITING;
    if (o->max_ttl_ns == 0)
        o->max_ttl_ns = DEFAULT_MAX_TTL_NS;
    bool fine = o->timeout_ns >= 0 && o->tries >= 0 && o->ndots >= -1 && o->max_ttl_ns > 0 &&
                (o->edns_bytes == 0 || (o->edns_bytes >= 512 && o->edns_bytes <= 4096)) &&
                !(o->servers && !o->servers[0]);
    return fine ? 0 : -EINVAL;
}

static int copy_text(const char **text, char **ret_copy)
{
    if (*text && !(*ret_copy = strdup(*text)))
        return -ENOMEM;
    *text = *ret_copy;
    return 0;
}

static int copy_texts(yibu_dns *dns)
{
    yibu_dns_options *o = &dns->options;
    int r = copy_text(&o->servers, &dns->servers);
    if (r == 0)
        r = copy_text(&o->resolvconf_path, &dns->resolvconf_path);
    if (r == 0)
        r = copy_text(&o->hosts_path, &dns->hosts_path);
    return r == 0 ? copy_text(&o->search, &dns->search) : r;
}

static void initialise(yibu_dns *dns, yibu_loop *loop)
{
    dns->loop = loop;
    dns->resolver = (yibu_resolver){.size = sizeof(dns->resolver),
                                    .getaddrinfo = yb_dns_begin_addresses,
                                    .getnameinfo = yb_dns_begin_name,
                                    .arg = dns};
    dns->cache.max = dns->options.cache_entries;
    TAILQ_INIT(&dns->cache.used);
    TAILQ_INIT(&dns->line);
    TAILQ_INIT(&dns->landed);
    TAILQ_INIT(&dns->requests);
    TAILQ_INIT(&dns->ended);
    LIST_INIT(&dns->channels);
}

int yibu_dns_new(const yibu_dns_options *options, yibu_dns **ret_dns)
{
    yibu_loop *loop = yibu_get_running_loop();
    if (!ret_dns)
        return -EINVAL;
    if (!loop)
        return YIBU_ENOTASK;
    yibu_dns *dns = calloc(1, sizeof(*dns));
    if (!dns)
        return -ENOMEM;
    int r = take_options(&dns->options, options);
    initialise(dns, loop);
    if (r == 0)
        r = copy_texts(dns);
    if (r == 0)
        r = yb_dns_channel_renew(dns);
    if (r < 0) {
        destroy(dns);
        return r;
    }
    *ret_dns = dns;
    return 0;
}

/* Nobody waits for anything any more. */
static void destroy(yibu_dns *dns)
{
    while (!LIST_EMPTY(&dns->channels))
        yb_dns_channel_free(LIST_FIRST(&dns->channels));
    yb_dns_flight_hand_over(dns);
    yibu_timer_stop(&dns->soon);
    yb_dns_cache_flush(dns);
    yb_dns_hosts_free(dns->hosts);
    yb_dns_domains_free(dns->domains, dns->domain_count);
    free(dns->servers);
    free(dns->resolvconf_path);
    free(dns->hosts_path);
    free(dns->search);
    free(dns);
}

static void end_all(yibu_dns *dns)
{
    for (yb_dns_request *request; (request = TAILQ_FIRST(&dns->requests));)
        yb_dns_request_end(request, YIBU_ESHUTDOWN);
    for (yb_dns_request *request; (request = TAILQ_FIRST(&dns->ended));)
        yb_dns_request_tell(request);
}

void yibu_dns_free(yibu_dns *dns)
{
    if (!dns || dns->dying)
        return;
    dns->dying = true;
    if (yibu_get_running_loop() != dns->loop)
        dns->loop = NULL;
    else if (yibu_loop_get_resolver(dns->loop) == &dns->resolver)
        (void)yibu_loop_set_resolver(dns->loop, NULL);
    end_all(dns);
    if (!dns->settling)
        destroy(dns);
}

int yibu_dns_reload(yibu_dns *dns)
{
    if (!dns)
        return -EINVAL;
    dns->generation++;
    int r = yb_dns_channel_renew(dns);
    if (r < 0) {
        dns->generation--;
        return r;
    }
    yb_dns_flight_forget_all(dns);
    yb_dns_cache_flush(dns);
    dns->families_ns = 0;
    dns->stats.reloads++;
    yb_dns_settle_soon(dns);
    return 0;
}

void yibu_dns_flush(yibu_dns *dns)
{
    if (dns)
        yb_dns_cache_flush(dns);
}

const yibu_resolver *yibu_dns_resolver(yibu_dns *dns)
{
    return dns ? &dns->resolver : NULL;
}

int yibu_dns_statistics(const yibu_dns *dns, yibu_dns_stats *ret_stats)
{
    if (!dns || !ret_stats || ret_stats->size < sizeof(size_t))
        return -EINVAL;
    yibu_dns_stats stats = dns->stats;
    stats.size = ret_stats->size;
    stats.under_way = dns->under_way;
    stats.waiting = dns->waiting;
    stats.cached = dns->cache.count;
    memcpy(ret_stats, &stats, stats.size < sizeof(stats) ? stats.size : sizeof(stats));
    return 0;
}
