/* Queries under way, each for everybody who has the same question.
 *
 * A flight is IN LINE (dns->line), SENT (c-ares has it as the argument of its callback), or LANDED
 * (dns->landed: those who wait have not heard yet).  It is in the tree, where others can join it,
 * until it has landed.  One that is sent and that nobody waits for is an orphan: c-ares cannot take
 * a single query back, so it stays until its answer, or until the channel is tidied. */
#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

enum state { IN_LINE, SENT, LANDED };

struct yb_dns_flight {
    yb_dns_question question; /* first */
    yibu_dns *dns;
    TAILQ_ENTRY(yb_dns_flight) links; /* in line or landed */
    LIST_HEAD(, yb_dns_wait) waits;
    yb_dns_channel *channel; /* NULL: in line */
    enum state state;
    bool joinable;           /* it is in the tree */
    int result;              /* once landed */
    yb_dns_message *message; /* NULL unless result is 0 */
    char name[];
};

const yb_dns_question *yb_dns_flight_question(const yb_dns_flight *flight)
{
    return &flight->question;
}

/* Lower case, and no dot at the end but the root's.  Returns the length; 0 where it is no name. */
static size_t normalise(const char *name, char ret_name[YB_DNS_NAME_ROOM])
{
    size_t length = strlen(name);
    if (length > 1 && name[length - 1] == '.')
        length--;
    if (length == 0 || length >= YB_DNS_NAME_ROOM)
        return 0;
    for (size_t i = 0; i < length; i++)
        ret_name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    ret_name[length] = '\0';
    return length;
}

static void remove_from_tree(yb_dns_flight *flight)
{
    if (flight->joinable)
        tdelete(flight, &flight->dns->flights, yb_dns_question_compare);
    flight->joinable = false;
}

static void free_flight(yb_dns_flight *flight)
{
    remove_from_tree(flight);
    yb_dns_message_unref(flight->message);
    free(flight);
}

static int new_flight(yibu_dns *dns, const yb_dns_question *question, yb_dns_flight **ret_flight)
{
    if (dns->waiting >= dns->options.max_waiting)
        return -ENOBUFS;
    size_t size = strlen(question->name) + 1;
    yb_dns_flight *flight = calloc(1, sizeof(*flight) + size);
    if (!flight)
        return -ENOMEM;
    memcpy(flight->name, question->name, size);
    flight->question = (yb_dns_question){flight->name, question->type};
    flight->dns = dns;
    LIST_INIT(&flight->waits);
    if (!tsearch(flight, &dns->flights, yb_dns_question_compare)) {
        free(flight);
        return -ENOMEM;
    }
    flight->joinable = true;
    TAILQ_INSERT_TAIL(&dns->line, flight, links);
    dns->waiting++;
    *ret_flight = flight;
    return 0;
}

/* An orphan is taken up again. */
static void join(yb_dns_flight *flight)
{
    flight->dns->stats.joined++;
    if (flight->state == SENT && LIST_EMPTY(&flight->waits)) {
        flight->channel->orphans--;
        flight->channel->live++;
        flight->dns->under_way++;
    }
}

int yb_dns_ask(yibu_dns *dns, const char *name, uint16_t type, yb_dns_wait *wait,
               yb_dns_message **ret_message)
{
    char normal[YB_DNS_NAME_ROOM];
    if (normalise(name, normal) == 0)
        return -EINVAL;
    const yb_dns_question question = {normal, type};
    *ret_message = yb_dns_cache_get(dns, &question);
    if (*ret_message)
        return 1;
    yb_dns_flight *const *found = tfind(&question, &dns->flights, yb_dns_question_compare);
    yb_dns_flight *flight = found ? *found : NULL;
    int r = flight ? 0 : new_flight(dns, &question, &flight);
    if (r < 0)
        return r;
    if (found)
        join(flight);
    wait->flight = flight;
    LIST_INSERT_HEAD(&flight->waits, wait, links);
    yb_dns_flight_send_line(dns);
    return 0;
}

static void abandon(yibu_dns *dns, yb_dns_flight *flight)
{
    switch (flight->state) {
    case IN_LINE:
        TAILQ_REMOVE(&dns->line, flight, links);
        dns->waiting--;
        free_flight(flight);
        break;
    case SENT:
        flight->channel->live--;
        flight->channel->orphans++;
        dns->under_way--;
        break;
    case LANDED: /* yb_dns_flight_hand_over frees it */
        break;
    }
}

void yb_dns_leave(yibu_dns *dns, yb_dns_wait *wait)
{
    yb_dns_flight *flight = wait->flight;
    if (!flight)
        return;
    wait->flight = NULL;
    LIST_REMOVE(wait, links);
    if (LIST_EMPTY(&flight->waits))
        abandon(dns, flight);
}

/* --- sending ---------------------------------------------------------------------------------- */

void yb_dns_flight_send_line(yibu_dns *dns)
{
    yb_dns_flight *flight;
    while (dns->under_way < dns->options.max_queries && (flight = TAILQ_FIRST(&dns->line))) {
        TAILQ_REMOVE(&dns->line, flight, links);
        dns->waiting--;
        dns->under_way++;
        dns->stats.queries++;
        flight->state = SENT;
        flight->channel = dns->channel;
        flight->channel->live++;
        yb_dns_channel_send(flight->channel, flight);
    }
}

/* --- landing ---------------------------------------------------------------------------------- */

static int code_of(const yibu_dns *dns, int status)
{
    switch (status) {
    case ARES_ENOMEM:
        return -ENOMEM;
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
        return -EINVAL;
    case ARES_ENOTFOUND: /* without having asked anybody: RFC 7686 */
        return YIBU_EAI_NONAME;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return YIBU_ESHUTDOWN;
    case ARES_ECONNREFUSED: /* also where c-ares found no socket to use */
    case ARES_ETIMEOUT:
    case ARES_ESERVFAIL:
        return dns->socket_error < 0 ? dns->socket_error : YIBU_EAI_AGAIN;
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
        return YIBU_EAI_AGAIN;
    default:
        return YIBU_EAI_FAIL;
    }
}

/* A failure without an answer, or the answer, which may say that there is none. */
static void judge(yb_dns_flight *flight, int status, const unsigned char *data, int size)
{
    yibu_dns *dns = flight->dns;
    bool answers = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
    if (!answers || !data || size <= 0) {
        flight->result = code_of(dns, status);
        return;
    }
    flight->message = yb_dns_message_new(data, (size_t)size);
    if (!flight->message) {
        flight->result = -ENOMEM;
        return;
    }
    int64_t lifetime_ns = YIBU_SECONDS(yb_dns_lifetime(data, (size_t)size));
    if (lifetime_ns > dns->options.max_ttl_ns)
        lifetime_ns = dns->options.max_ttl_ns;
    flight->message->received_ns = yibu_loop_time(dns->loop);
    if (lifetime_ns > 0)
        flight->message->expires_ns = flight->message->received_ns + lifetime_ns;
    if (flight->channel->generation == dns->generation)
        yb_dns_cache_put(dns, &flight->question, flight->message);
}

void yb_dns_flight_landed(void *arg, int status, int timeouts, unsigned char *data, int size)
{
    (void)timeouts;
    yb_dns_flight *flight = arg;
    yibu_dns *dns = flight->dns;
    if (LIST_EMPTY(&flight->waits)) {
        flight->channel->orphans--;
        free_flight(flight);
        return;
    }
    flight->channel->live--;
    dns->under_way--;
    remove_from_tree(flight);
    judge(flight, status, data, size);
    flight->state = LANDED;
    TAILQ_INSERT_TAIL(&dns->landed, flight, links);
    yb_dns_settle_soon(dns);
}

void yb_dns_flight_hand_over(yibu_dns *dns)
{
    for (yb_dns_flight *flight; (flight = TAILQ_FIRST(&dns->landed));) {
        TAILQ_REMOVE(&dns->landed, flight, links);
        for (yb_dns_wait *wait; (wait = LIST_FIRST(&flight->waits));) {
            LIST_REMOVE(wait, links);
            wait->flight = NULL;
            wait->answered(wait, flight->result, flight->message);
        }
        free_flight(flight);
    }
}

static void forget(const void *node, VISIT which, int depth)
{
    (void)depth;
    if (which == postorder || which == leaf)
        (*(yb_dns_flight *const *)node)->joinable = false;
}

static void keep(void *flight)
{
    (void)flight;
}

void yb_dns_flight_forget_all(yibu_dns *dns)
{
    twalk(dns->flights, forget);
    tdestroy(dns->flights, keep);
    dns->flights = NULL;
}
