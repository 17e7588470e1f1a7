/* Names looked up without a thread and without blocking the loop (libyibu-dns, on c-ares: link it
 * beside libcares).
 *
 *     yibu_dns *dns;
 *     yibu_dns_new(NULL, &dns);                     // servers and search list of /etc/resolv.conf
 *     yibu_dns_answer *answer;
 *     int r = yibu_dns_query(dns, "debian.org", YIBU_DNS_MX, &answer);
 *     if (r == 0) {
 *         for (size_t i = 0; i < answer->count; i++)
 *             if (answer->records[i].type == YIBU_DNS_MX)
 *                 puts(answer->records[i].mx.host);
 *         yibu_dns_answer_free(answer);
 *     }
 *     yibu_dns_free(dns);
 *
 * yibu_loop_set_resolver(loop, yibu_dns_resolver(dns)) makes it the loop's resolver: connections
 * and servers then use it, too.
 *
 * A resolver belongs to the loop that it was made on, and to its thread.  All look-ups: several for
 * the same question at once cost one query; a cancel and a time limit return at once and leave
 * nothing behind, while the resolver goes on for the others. */
#ifndef YIBU_DNS_H
#define YIBU_DNS_H

#include <netdb.h>
#include <netinet/in.h>
#include <yibu/address.h>
#include <yibu/base.h>
#include <yibu/error.h>
#include <yibu/op.h>

struct addrinfo;
typedef struct yibu_dns yibu_dns;

/* Options of a resolver.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_dns_options {
    size_t size;
    const char *servers;         /* "192.0.2.1,192.0.2.2:5353,[2001:db8::1]:53"; default:
                                  * resolv.conf's */
    const char *resolvconf_path; /* default /etc/resolv.conf */
    const char *hosts_path;      /* default /etc/hosts; "": no hosts file */
    const char *search;          /* domains, spaces between; "": none; default: resolv.conf's */
    int ndots;                   /* a name with fewer dots is searched for in the domains first;
                                  * default resolv.conf's, or 1; -1: none is */
    int64_t timeout_ns;          /* for a server's answer to the first try, twice as long for each
                                  * further round of tries; default 5 s */
    int tries;                   /* of each server; default 4 */
    bool use_tcp;                /* for every query; else only for answers that do not fit UDP */
    bool rotate;                 /* queries go to the servers in turn; default resolv.conf's */
    unsigned edns_bytes;         /* the largest answer by UDP that servers are told of (RFC 6891);
                                  * default: no EDNS, 512 */
    size_t cache_entries;        /* answers kept, at most; default 0: no cache */
    int64_t max_ttl_ns;          /* an answer is kept no longer than this; default a day */
    unsigned max_queries;        /* under way at once, the others wait in line; default 128 */
    size_t max_waiting;          /* in line, at most; default 65536 */
} yibu_dns_options;

/* What a resolver has done since it was made, and has.  Set size to sizeof. */
typedef struct yibu_dns_stats {
    size_t size;
    uint64_t queries;      /* handed to c-ares */
    uint64_t joined;       /* look-ups that shared another one's query */
    uint64_t cache_hits;   /* answered from the cache */
    size_t under_way;      /* queries */
    size_t waiting;        /* queries in line */
    size_t cached;         /* answers in the cache */
    uint64_t reloads;      /* of the configuration, by yibu_dns_reload */
    uint64_t hosts_loaded; /* times that the hosts file was read */
} yibu_dns_stats;

/* Types of records (RFC 1035 and the IANA's list); any other number is fine, too. */
enum {
    YIBU_DNS_A = 1,
    YIBU_DNS_NS = 2,
    YIBU_DNS_CNAME = 5,
    YIBU_DNS_SOA = 6,
    YIBU_DNS_PTR = 12,
    YIBU_DNS_MX = 15,
    YIBU_DNS_TXT = 16,
    YIBU_DNS_AAAA = 28,
    YIBU_DNS_SRV = 33,
    YIBU_DNS_NAPTR = 35,
    YIBU_DNS_DNAME = 39,
    YIBU_DNS_CAA = 257,
};

/* Bytes, and a NUL behind them. */
typedef struct yibu_dns_text {
    const char *data;
    size_t size;
} yibu_dns_text;

typedef struct yibu_dns_mx {
    uint16_t preference;
    const char *host;
} yibu_dns_mx;

typedef struct yibu_dns_srv {
    uint16_t priority, weight, port;
    const char *host;
} yibu_dns_srv;

typedef struct yibu_dns_txt {
    size_t count;
    const yibu_dns_text *strings;
} yibu_dns_txt;

typedef struct yibu_dns_soa {
    const char *server, *mailbox;
    uint32_t serial, refresh, retry, expire, minimum;
} yibu_dns_soa;

typedef struct yibu_dns_caa {
    uint8_t flags;
    yibu_dns_text tag, value;
} yibu_dns_caa;

typedef struct yibu_dns_naptr {
    uint16_t order, preference;
    yibu_dns_text flags, services, regexp;
    const char *replacement;
} yibu_dns_naptr;

/* A record.  Names have no dot at the end; bytes that are not printable, and dots and backslashes
 * inside a label, are written as RFC 1035, section 5.1, has it. */
typedef struct yibu_dns_record {
    const char *name; /* whose it is */
    uint32_t ttl;     /* seconds it is good for, from the answer on */
    uint16_t type;
    const uint8_t *data; /* as it came; names in it may be compressed */
    size_t size;
    union { /* by type; all zero for other types */
        struct in_addr a;
        struct in6_addr aaaa;
        const char *target; /* CNAME, DNAME, NS, PTR */
        yibu_dns_mx mx;
        yibu_dns_srv srv;
        yibu_dns_txt txt;
        yibu_dns_soa soa;
        yibu_dns_caa caa;
        yibu_dns_naptr naptr;
        uintptr_t reserved[12];
    };
} yibu_dns_record;

/* An answer, freed as a whole. */
typedef struct yibu_dns_answer {
    size_t count;                   /* 0: the name exists and has no records of the type */
    const yibu_dns_record *records; /* aliases (CNAME) on the way come first, as the server sent */
    bool from_cache;
    bool authentic; /* the server says that it has verified it (RFC 4035, AD) */
} yibu_dns_answer;

YIBU_BEGIN_DECLS

/* A resolver for the calling thread's loop.  options may be NULL; its strings are copied.  Reads
 * resolv.conf.  Never suspends.  Context: the loop's thread.
 * Returns 0; -EINVAL; -ENOMEM; YIBU_ENOTASK where the thread has no loop. */
YIBU_API int yibu_dns_new(const yibu_dns_options *options, yibu_dns **ret_dns);

/* Ends a resolver: look-ups that are under way return YIBU_ESHUTDOWN.  A loop whose resolver it is
 * gets libc's back.  A resolver may outlive its loop, whose end waits for operations that are under
 * way.  NULL is fine.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_dns_free(yibu_dns *dns);

/* Reads resolv.conf again and empties the cache; queries that are under way go on as they began.
 * (The hosts file is read again by itself when it has changed.)  Never suspends.
 * Returns 0, or -EINVAL or -ENOMEM: nothing has changed. */
YIBU_API int yibu_dns_reload(yibu_dns *dns);

/* Empties the cache.  Never suspends. */
YIBU_API void yibu_dns_flush(yibu_dns *dns);

/* For yibu_loop_set_resolver; as long as dns is there. */
YIBU_API const yibu_resolver *yibu_dns_resolver(yibu_dns *dns);

/* Says how a resolver fares.  Never suspends.  Returns 0 or -EINVAL. */
YIBU_API int yibu_dns_statistics(const yibu_dns *dns, yibu_dns_stats *ret_stats);

/* getaddrinfo(3): numeric addresses, services, hosts file, search domains; IPv6 and IPv4 asked for
 * at once, in the order of RFC 6724.  hints as there, but for AI_IDN.  The list is the caller's,
 * who frees it with freeaddrinfo.
 * Checkpoint.  Cancel: nothing is left behind.
 * Returns 0; a YIBU_EAI_ code (YIBU_EAI_AGAIN where no server answers); -ECANCELED; -ENOMEM;
 * -EMFILE and the like where there is no socket; -ENOBUFS where too many wait; YIBU_ESHUTDOWN. */
YIBU_API int yibu_dns_getaddrinfo(yibu_dns *dns, const char *host, const char *service,
                                  const struct addrinfo *hints, struct addrinfo **ret_list);

/* getnameinfo(3), as yibu_getnameinfo: hosts file, then a PTR query.  Checkpoint, as above. */
YIBU_API int yibu_dns_getnameinfo(yibu_dns *dns, const yibu_address *address, int flags,
                                  char *ret_host, size_t host_size, char *ret_service,
                                  size_t service_size);

/* The records of a type that name has; name is complete: neither the hosts file nor search domains
 * count.  The answer is the caller's.  Checkpoint, as above.
 * Returns 0, also where there are no such records; YIBU_EAI_NONAME where the name does not exist;
 * YIBU_EAI_FAIL for an answer that makes no sense; -EINVAL for what is no name; or as above. */
YIBU_API int yibu_dns_query(yibu_dns *dns, const char *name, uint16_t type,
                            yibu_dns_answer **ret_answer);

YIBU_API void yibu_dns_answer_free(yibu_dns_answer *answer); /* NULL is fine */

/* The callback forms (<yibu/op.h>); what they are given is copied. */
YIBU_API int yibu_dns_op_getaddrinfo(yibu_dns *dns, yibu_op *op, const char *host,
                                     const char *service, const struct addrinfo *hints,
                                     struct addrinfo **ret_list);
YIBU_API int yibu_dns_op_getnameinfo(yibu_dns *dns, yibu_op *op, const yibu_address *address,
                                     int flags, char *ret_host, size_t host_size, char *ret_service,
                                     size_t service_size);
YIBU_API int yibu_dns_op_query(yibu_dns *dns, yibu_op *op, const char *name, uint16_t type,
                               yibu_dns_answer **ret_answer);

/* Reads an answer of a server, of the wire format (RFC 1035, section 4): what yibu_dns_query
 * returns for it.  Context: any thread.  Returns 0; YIBU_EAI_NONAME; YIBU_EAI_AGAIN for a server's
 * failure; YIBU_EAI_FAIL for what is malformed; -ENOMEM. */
YIBU_API int yibu_dns_answer_parse(const void *message, size_t size, yibu_dns_answer **ret_answer);

YIBU_END_DECLS

#endif
