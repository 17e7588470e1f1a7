/* Queries, and connections to names, driven through every fault. */
#include "awaited_op.h"
#include "dns_zone.h"
#include "drive.h"

/* Answers by UDP, by TCP, and from what is kept. */
static intptr_t ask(yibu_dns *dns)
{
    intptr_t r = query(dns, "one.example", YIBU_DNS_A);
    if (r == 0)
        r = query(dns, "many.example", YIBU_DNS_A);
    if (r == 0)
        r = query(dns, "one.example", YIBU_DNS_A);
    return r;
}

static intptr_t resolve(yibu_dns *dns)
{
    struct addrinfo *list;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int r = yibu_dns_getaddrinfo(dns, "both.example", "80", &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

static intptr_t resolve_backwards(yibu_dns *dns)
{
    yibu_address address;
    char host[NI_MAXHOST], service[NI_MAXSERV];
    int r = yibu_address_parse("192.0.2.1", 80, &address);
    return r < 0 ? r
                 : yibu_dns_getnameinfo(dns, &address, NI_NAMEREQD | NI_NUMERICSERV, host,
                                        sizeof(host), service, sizeof(service));
}

/* All three in their callback form. */
static intptr_t resolve_by_callback(yibu_dns *dns)
{
    awaited_op o;
    yibu_address address;
    struct addrinfo *list;
    yibu_dns_answer *answer;
    char host[NI_MAXHOST];
    ssize_t r = awaited_op_end(&o, yibu_dns_op_query(dns, awaited_op_new(&o), "one.example",
                                                     YIBU_DNS_A, &answer));
    if (r == 0)
        yibu_dns_answer_free(answer);
    if (r == 0)
        r = awaited_op_end(&o, yibu_dns_op_getaddrinfo(dns, awaited_op_new(&o), "both.example",
                                                       NULL, NULL, &list));
    if (r == 0)
        freeaddrinfo(list);
    if (r == 0)
        r = yibu_address_parse("192.0.2.1", 80, &address);
    if (r == 0)
        r = awaited_op_end(&o, yibu_dns_op_getnameinfo(dns, awaited_op_new(&o), &address,
                                                       NI_NAMEREQD, host, sizeof(host), NULL, 0));
    return r;
}

static intptr_t with_resolver(intptr_t (*use)(yibu_dns *dns))
{
    bool starved = drive.fault == DRIVE_NO_MEMORY || drive.fault == DRIVE_NEVER_MEMORY;
    yibu_dns_options options = asking_server();
    options.timeout_ns = starved ? YIBU_MS(50) * YB_TEST_SLOWDOWN : YIBU_SECONDS(10);
    options.cache_entries = 100;
    yibu_dns *dns;
    int r = yibu_dns_new(&options, &dns);
    if (r < 0)
        return r;
    intptr_t result = use(dns);
    yibu_dns_free(dns);
    return starved && result == YIBU_EAI_AGAIN ? -ENOMEM : result; /* servers may seem silent */
}

static intptr_t queries(void)
{
    return with_resolver(ask);
}

static intptr_t addresses(void)
{
    return with_resolver(resolve);
}

static intptr_t names(void)
{
    return with_resolver(resolve_backwards);
}

static intptr_t callbacks(void)
{
    return with_resolver(resolve_by_callback);
}

LOOP_TEST(queries_by_udp_and_tcp)
{
    assert_true(drive_all("queries_by_udp_and_tcp", queries, true) > 20);
    return 0;
}

LOOP_TEST(addresses_of_names)
{
    assert_true(drive_all("addresses_of_names", addresses, true) > 10);
    return 0;
}

LOOP_TEST(names_of_addresses)
{
    assert_true(drive_all("names_of_addresses", names, true) > 10);
    return 0;
}

LOOP_TEST(look_ups_that_call_back)
{
    assert_true(drive_all("look_ups_that_call_back", callbacks, true) > 10);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(queries_by_udp_and_tcp),
        SERVER_TEST(addresses_of_names),
        SERVER_TEST(names_of_addresses),
        SERVER_TEST(look_ups_that_call_back),
    };
    census_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
