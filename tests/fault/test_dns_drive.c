/* Queries, and connections to names, driven through every fault. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(queries_by_udp_and_tcp),
        SERVER_TEST(addresses_of_names),
    };
    census_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
