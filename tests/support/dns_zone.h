/* What the tests' name server knows, and resolvers that ask it. */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include "dns_server.h"
#include "gate.h"
#include "sockets.h"

static dns_server server;
static gate silence; /* "slow.…" is answered once it is opened */

static inline size_t deny(uint8_t *reply, size_t size, unsigned rcode)
{
    dns_set_rcode(reply, rcode);
    return dns_put_soa(reply, size, 300, 60);
}

static inline size_t put_many(uint8_t *reply, size_t size, bool tcp)
{
    if (!tcp) {
        reply[2] |= 2; /* TC: there is more than fits */
        return size;
    }
    for (int i = 0; i < 100; i++) {
        char address[32];
        snprintf(address, sizeof(address), "192.0.2.%d", i);
        size = dns_put_a(reply, size, 60, address);
    }
    return size;
}

static inline size_t put_aaaa(uint8_t *reply, size_t size, const char *address)
{
    struct in6_addr a;
    assert_int_equal(inet_pton(AF_INET6, address, &a), 1);
    return dns_put_record(reply, size, DNS_ANSWER, YIBU_DNS_AAAA, 60, &a, sizeof(a));
}

/* An alias, and the address of what it stands for. */
static inline size_t put_alias(uint8_t *reply, size_t size)
{
    uint8_t name[64];
    size_t length = dns_put_name(name, 0, "real.example");
    size = dns_put_record(reply, size, DNS_ANSWER, YIBU_DNS_CNAME, 60, name, length);
    reply[DNS_ANSWER + 1]++;
    size = dns_put(reply, size, name, length);
    size = dns_put16(reply, size, YIBU_DNS_A);
    size = dns_put16(reply, size, 1);
    size = dns_put32(reply, size, 60);
    size = dns_put16(reply, size, 4);
    return dns_put(reply, size, "\300\000\002\011", 4);
}

static inline size_t put_ptr(uint8_t *reply, size_t size)
{
    uint8_t name[64];
    size_t length = dns_put_name(name, 0, "host.lan.example");
    return dns_put_record(reply, size, DNS_ANSWER, YIBU_DNS_PTR, 60, name, length);
}

static inline bool is_below(const char *name, const char *label)
{
    return strncmp(name, label, strlen(label)) == 0;
}

static inline unsigned dns_random(unsigned below)
{
    static unsigned seed = 1;
    return (unsigned)rand_r(&seed) % below;
}

/* The question is as it was asked, and then come bytes without sense; counts promise some. */
static inline size_t put_nonsense(uint8_t *reply, size_t size)
{
    size_t length = dns_random(300);
    reply[3] = (uint8_t)(dns_random(256) & 0x83);
    for (int i = DNS_ANSWER; i < DNS_HEADER; i += 2) {
        reply[i] = (uint8_t)(dns_random(8) ? 0 : dns_random(256));
        reply[i + 1] = (uint8_t)dns_random(4);
    }
    static const uint8_t sense[4] = {0xc0, DNS_HEADER, 0, 1};
    for (size_t i = 0; i < length; i++)
        reply[size + i] = dns_random(4) ? (uint8_t)dns_random(256) : sense[i % 4];
    return size + length;
}

/* By the first label of the name. */
static inline size_t answer_as_zone(dns_server *s, const char *name, uint16_t type, bool tcp,
                                    uint8_t *reply, size_t size)
{
    (void)s;
    if (is_below(name, "silent"))
        return 0;
    if (is_below(name, "slow"))
        (void)pass_gate(&silence);
    if (is_below(name, "unknown"))
        return deny(reply, size, 3);
    if (is_below(name, "nonsense"))
        return put_nonsense(reply, size);
    if (is_below(name, "failing"))
        return deny(reply, size, 2);
    if (is_below(name, "short"))
        return dns_put_a(reply, size, 1, "192.0.2.7") - 3; /* cut off */
    if (type == YIBU_DNS_PTR && strstr(name, "arpa"))
        return is_below(name, "1.2.0.192") || is_below(name, "1.0.0.0") ? put_ptr(reply, size)
                                                                        : deny(reply, size, 3);
    if (is_below(name, "alias") && type == YIBU_DNS_A)
        return put_alias(reply, size);
    if (is_below(name, "many") && type == YIBU_DNS_A)
        return put_many(reply, size, tcp);
    if (is_below(name, "both") && type == YIBU_DNS_AAAA)
        return put_aaaa(reply, size, "2001:db8::1");
    if (is_below(name, "six"))
        return type == YIBU_DNS_AAAA ? put_aaaa(reply, size, "2001:db8::6") : deny(reply, size, 0);
    if (type == YIBU_DNS_A && !strstr(name, "empty"))
        return dns_put_a(reply, size, is_below(name, "passing") ? 0 : 60, "192.0.2.1");
    return deny(reply, size, 0);
}

static inline int start_server(void **state)
{
    (void)state;
    gate_open(&silence);
    dns_server_start(&server, answer_as_zone, NULL);
    return 0;
}

static inline int stop_server(void **state)
{
    (void)state;
    for (int i = 0; i < 64; i++)
        sem_post(&silence.go);
    dns_server_stop(&server);
    gate_close(&silence);
    return 0;
}

#define SERVER_TEST(NAME) cmocka_unit_test_setup_teardown(NAME, start_server, stop_server)

/* Options to ask the server, and nobody else. */
static inline yibu_dns_options asking_server(void)
{
    return (yibu_dns_options){.size = sizeof(yibu_dns_options),
                              .servers = server.address,
                              .resolvconf_path = "/dev/null",
                              .hosts_path = "",
                              .search = "",
                              .timeout_ns = YIBU_SECONDS(20) * YB_TEST_SLOWDOWN,
                              .tries = 2};
}

static inline yibu_dns *new_resolver(const yibu_dns_options *options)
{
    yibu_dns *dns;
    assert_int_equal(yibu_dns_new(options, &dns), 0);
    return dns;
}

static inline yibu_dns *plain_resolver(void)
{
    yibu_dns_options options = asking_server();
    return new_resolver(&options);
}

static inline yibu_dns_stats stats_of(const yibu_dns *dns)
{
    yibu_dns_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_dns_statistics(dns, &stats), 0);
    return stats;
}

/* The result of a query whose answer does not matter. */
static inline int query(yibu_dns *dns, const char *name, uint16_t type)
{
    yibu_dns_answer *answer;
    int r = yibu_dns_query(dns, name, type, &answer);
    if (r == 0)
        yibu_dns_answer_free(answer);
    return r;
}

#endif
