/* A resolver's inside: questions, the queries they share, the channels that carry those, the cache.
 *
 * A request (request.h) is one call of the user's.  It asks questions (name and type).  A question
 * is answered by the cache, or by a flight: one query of c-ares, which every request with the same
 * question waits for.  Flights are carried by a channel of c-ares.
 *
 * c-ares calls back from inside its own calls; what it says is only noted there
 * (yb_dns_flight_landed).  The user hears of it in yb_dns_settle, which no call of c-ares and no
 * call of the user's is below. */
#ifndef YB_DNS_DNS_H
#define YB_DNS_DNS_H

#include <sys/queue.h>

#include <ares.h>
#include <yibu/dns.h>
#include <yibu/loop.h>

enum { YB_DNS_NAME_ROOM = NI_MAXHOST };

typedef struct yb_dns_channel yb_dns_channel;
typedef struct yb_dns_flight yb_dns_flight;
typedef struct yb_dns_wait yb_dns_wait;
typedef struct yb_dns_request yb_dns_request;
typedef struct yb_dns_hosts yb_dns_hosts;

/* What a server answered, shared by cache and requests. */
typedef struct yb_dns_message {
    unsigned references;
    int64_t received_ns; /* on the loop's clock */
    int64_t expires_ns;  /* 0: not to be kept */
    size_t size;
    uint8_t data[];
} yb_dns_message;

/* Somebody waits for a flight. */
struct yb_dns_wait {
    LIST_ENTRY(yb_dns_wait) links;
    yb_dns_flight *flight; /* NULL: it does not wait */
    /* result 0: message, which the flight keeps; else the failure. */
    void (*answered)(yb_dns_wait *wait, int result, yb_dns_message *message);
};

/* The question that flights and cached answers are found by; name in lower case, without a dot at
 * the end. */
typedef struct yb_dns_question {
    const char *name;
    uint16_t type;
} yb_dns_question;

typedef struct yb_dns_cached yb_dns_cached;
TAILQ_HEAD(yb_dns_cached_list, yb_dns_cached);
TAILQ_HEAD(yb_dns_flight_list, yb_dns_flight);
TAILQ_HEAD(yb_dns_request_list, yb_dns_request);
LIST_HEAD(yb_dns_channel_list, yb_dns_channel);

typedef struct yb_dns_cache {
    void *tree;                     /* yb_dns_cached, by question */
    struct yb_dns_cached_list used; /* the latest first */
    size_t count, max;
} yb_dns_cache;

struct yibu_dns {
    yibu_loop *loop;        /* NULL: it has ended, and the resolver is being freed */
    yibu_resolver resolver; /* what the loop is given */
    yibu_dns_options options;
    char *servers, *resolvconf_path, *hosts_path, *search; /* what options points to */
    int timeout_ms;                                        /* of the first try */

    yb_dns_channel *channel;             /* for new flights */
    struct yb_dns_channel_list channels; /* this one, and others until their flights have landed */
    unsigned generation;                 /* of the configuration: counts reloads */
    int socket_error;                    /* why there was no socket lately; 0: there was */
    char **domains;                      /* searched, and how many, and ndots */
    int domain_count, ndots;

    void *flights;                    /* by question: those that can be joined */
    struct yb_dns_flight_list line;   /* not sent yet */
    struct yb_dns_flight_list landed; /* their requests have not heard yet */
    size_t under_way, waiting;        /* flights sent, and in line */

    struct yb_dns_request_list requests; /* under way */
    struct yb_dns_request_list ended;    /* their users have not heard yet */
    yibu_timer soon;                     /* calls yb_dns_settle */
    bool settling;
    bool dying; /* yibu_dns_free was called */

    yb_dns_cache cache;
    yb_dns_hosts *hosts; /* NULL: not read yet */
    int64_t families_ns; /* when families was found out; 0: never */
    unsigned families;
    yibu_dns_stats stats;
};

/* --- resolver.c ------------------------------------------------------------------------------- */

/* Lets the users hear what there is to hear, sends what is in line, drops what nobody waits for. */
void yb_dns_settle(yibu_dns *dns);

/* The same in the loop's next turn. */
void yb_dns_settle_soon(yibu_dns *dns);

/* --- channel.c -------------------------------------------------------------------------------- */

struct yb_dns_channel {
    LIST_ENTRY(yb_dns_channel) links;
    yibu_dns *dns;
    ares_channel ares;
    unsigned generation;
    size_t live;     /* flights that somebody waits for */
    size_t orphans;  /* flights that nobody waits for any more */
    bool has_errors; /* a socket of its has */
    yibu_timer timer;
    LIST_HEAD(, yb_dns_socket) sockets;
};

/* A channel with the resolver's configuration, as the one for new flights; what resolv.conf says is
 * read.  The one before goes on until its flights have landed.  Returns 0, or a negative errno:
 * nothing has changed. */
int yb_dns_channel_renew(yibu_dns *dns);

/* Sends the flight's query; it may have landed when this returns. */
void yb_dns_channel_send(yb_dns_channel *channel, yb_dns_flight *flight);

/* Tells c-ares that a socket is ready, or (both ARES_SOCKET_BAD) that time has passed. */
void yb_dns_channel_process(yb_dns_channel *channel, int readable, int writable);

/* Tells it errors that it would have missed. */
void yb_dns_channel_tell_errors(yibu_dns *dns);

/* Drops flights without anybody who waits, and channels without flights. */
void yb_dns_channel_tidy(yibu_dns *dns);
void yb_dns_channel_free(yb_dns_channel *channel);

void yb_dns_domains_free(char **domains, int count);

/* --- socket.c --------------------------------------------------------------------------------- */

/* Makes c-ares open, use and close its sockets through the loop. */
void yb_dns_socket_install(yb_dns_channel *channel);

/* Lets c-ares hear of errors that it would have missed. */
void yb_dns_socket_tell_errors(yb_dns_channel *channel);

/* ares_sock_state_cb; data is the channel. */
void yb_dns_socket_wanted(void *data, ares_socket_t fd, int readable, int writable);

/* --- flight.c --------------------------------------------------------------------------------- */

/* Asks a question: 1 with a reference to the answer, where it is at hand; 0: wait will be answered;
 * or a failure. */
int yb_dns_ask(yibu_dns *dns, const char *name, uint16_t type, yb_dns_wait *wait,
               yb_dns_message **ret_message);

/* Waits no longer.  Fine where it does not. */
void yb_dns_leave(yibu_dns *dns, yb_dns_wait *wait);

/* ares_callback; arg is the flight. */
void yb_dns_flight_landed(void *arg, int status, int timeouts, unsigned char *data, int size);

const yb_dns_question *yb_dns_flight_question(const yb_dns_flight *flight);

/* Answers everybody who waits for the flights that have landed. */
void yb_dns_flight_hand_over(yibu_dns *dns);

/* Sends flights in line, as many as may be under way. */
void yb_dns_flight_send_line(yibu_dns *dns);

/* From now on new questions are not answered by flights that are under way. */
void yb_dns_flight_forget_all(yibu_dns *dns);

/* --- cache.c ---------------------------------------------------------------------------------- */

/* A reference to the answer, or NULL. */
yb_dns_message *yb_dns_cache_get(yibu_dns *dns, const yb_dns_question *question);
void yb_dns_cache_put(yibu_dns *dns, const yb_dns_question *question, yb_dns_message *message);
void yb_dns_cache_flush(yibu_dns *dns);

/* For tsearch(3): both begin with a question. */
int yb_dns_question_compare(const void *a, const void *b);

/* --- message.c -------------------------------------------------------------------------------- */

/* A record as it stands in a message. */
typedef struct yb_dns_raw_record {
    char *name; /* to be freed with ares_free_string */
    uint16_t type, class;
    uint32_t ttl;
    const uint8_t *data;
    size_t size;
} yb_dns_raw_record;

/* Walks through a message: header and questions first, then its records. */
typedef struct yb_dns_reader {
    const uint8_t *message, *at, *end;
    unsigned counts[4]; /* questions, answers, authority, additional */
    unsigned rcode;
    bool authentic;
} yb_dns_reader;

/* Returns 0, YIBU_EAI_FAIL where it is malformed, or -ENOMEM. */
int yb_dns_read_header(const void *message, size_t size, yb_dns_reader *ret_reader);
int yb_dns_read_question(yb_dns_reader *reader, char **ret_name, uint16_t *ret_type);
int yb_dns_read_record(yb_dns_reader *reader, yb_dns_raw_record *ret_record);
/* A name within the message, which begins at *at and moves on behind it. */
int yb_dns_read_name(const yb_dns_reader *reader, const uint8_t **at, const uint8_t *end,
                     char **ret_name);

static inline uint16_t yb_dns_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}
static inline uint32_t yb_dns_get32(const uint8_t *at)
{
    return (uint32_t)yb_dns_get16(at) << 16 | yb_dns_get16(at + 2);
}

/* How long an answer may be kept, in seconds (RFC 2181, section 8; RFC 2308, section 5); 0: not. */
uint32_t yb_dns_lifetime(const void *message, size_t size);

/* NULL without memory. */
yb_dns_message *yb_dns_message_new(const void *data, size_t size);
yb_dns_message *yb_dns_message_ref(yb_dns_message *message);
void yb_dns_message_unref(yb_dns_message *message); /* NULL is fine */

/* --- hosts.c, order.c, list.c, interfaces.c --------------------------------------------------- */

typedef struct yb_dns_address {
    int family;
    uint32_t scope; /* of IPv6 */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    };
} yb_dns_address;

/* Families, as bits. */
enum { YB_DNS_V4 = 1u << 0, YB_DNS_V6 = 1u << 1 };

static inline unsigned yb_dns_family_bit(int family)
{
    return family == AF_INET ? YB_DNS_V4 : YB_DNS_V6;
}

/* A growing row of addresses, and the name they really belong to. */
typedef struct yb_dns_found {
    yb_dns_address *addresses;
    size_t count, capacity;
    char *canonical; /* NULL: none was told */
} yb_dns_found;

int yb_dns_found_add(yb_dns_found *found, const yb_dns_address *address); /* 0 or -ENOMEM */
void yb_dns_found_clear(yb_dns_found *found);

/* Adds what the hosts file has of a name, of those families.  Returns 0 or -ENOMEM. */
int yb_dns_hosts_find(yibu_dns *dns, const char *name, unsigned families, yb_dns_found *found);

/* The name of an address in the hosts file, or NULL; valid until the next of these calls. */
const char *yb_dns_hosts_name(yibu_dns *dns, const yb_dns_address *address);
void yb_dns_hosts_free(yb_dns_hosts *hosts);

/* Puts addresses in the order of RFC 6724, section 6. */
void yb_dns_order(yb_dns_address *addresses, size_t count);

/* The list of getaddrinfo(3).  Returns 0 or a failure. */
int yb_dns_list(const yb_dns_found *found, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list);

/* libc shows the caller's flags in every node. */
void yb_dns_list_show_flags(struct addrinfo *list, int flags);

/* The families that this machine has addresses of, besides loopback; both where it has none. */
unsigned yb_dns_own_families(yibu_dns *dns);

#endif
