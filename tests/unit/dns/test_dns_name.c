/* Names of addresses: hosts file, PTR records, numeric ones. */
#include "dns_zone.h"

#include <netdb.h>

static yibu_address address_of(const char *text, uint16_t port)
{
    yibu_address address;
    assert_int_equal(yibu_address_parse(text, port, &address), 0);
    return address;
}

static void expect(yibu_dns *dns, const char *text, int flags, const char *wanted)
{
    yibu_address address = address_of(text, 80);
    char host[NI_MAXHOST];
    assert_int_equal(yibu_dns_getnameinfo(dns, &address, flags, host, sizeof(host), NULL, 0), 0);
    assert_string_equal(host, wanted);
}

LOOP_TEST(an_address_has_the_name_that_a_server_tells)
{
    yibu_dns *dns = plain_resolver();
    expect(dns, "192.0.2.1", 0, "host.lan.example");
    expect(dns, "::ffff:192.0.2.1", 0, "host.lan.example");
    expect(dns, "2001:db8::1", 0, "host.lan.example");
    assert_int_equal(atomic_load(&server.asked), 3);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(an_address_without_a_name_is_numeric_unless_a_name_is_required)
{
    yibu_dns *dns = plain_resolver();
    char host[NI_MAXHOST];
    yibu_address address = address_of("192.0.2.99", 80);
    expect(dns, "192.0.2.99", 0, "192.0.2.99");
    assert_int_equal(yibu_dns_getnameinfo(dns, &address, NI_NAMEREQD, host, sizeof(host), NULL, 0),
                     YIBU_EAI_NONAME);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(numeric_names_ask_nobody)
{
    yibu_dns *dns = plain_resolver();
    yibu_address address = address_of("192.0.2.1", 80);
    char service[NI_MAXSERV];
    expect(dns, "192.0.2.1", NI_NUMERICHOST, "192.0.2.1");
    assert_int_equal(
        yibu_dns_getnameinfo(dns, &address, NI_NUMERICSERV, NULL, 0, service, sizeof(service)), 0);
    assert_string_equal(service, "80");
    assert_int_equal(atomic_load(&server.asked), 0);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(both_names_come_together)
{
    yibu_dns *dns = plain_resolver();
    yibu_address address = address_of("192.0.2.1", 4321);
    char host[NI_MAXHOST], service[NI_MAXSERV];
    assert_int_equal(yibu_dns_getnameinfo(dns, &address, NI_NUMERICSERV, host, sizeof(host),
                                          service, sizeof(service)),
                     0);
    assert_string_equal(host, "host.lan.example");
    assert_string_equal(service, "4321");
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(the_hosts_file_knows_addresses_too)
{
    char path[] = "/tmp/yibu-hosts-XXXXXX";
    int fd = mkstemp(path);
    assert_true(write(fd, "192.0.2.1 box.example box\n", 26) == 26);
    close(fd);
    yibu_dns_options options = asking_server();
    options.hosts_path = path;
    yibu_dns *dns = new_resolver(&options);
    expect(dns, "192.0.2.1", 0, "box.example");
    assert_int_equal(atomic_load(&server.asked), 0);
    yibu_dns_free(dns);
    unlink(path);
    return 0;
}

LOOP_TEST(a_name_of_this_domain_can_go_without_it)
{
    yibu_dns_options options = asking_server();
    options.search = "lan.example";
    yibu_dns *dns = new_resolver(&options);
    expect(dns, "192.0.2.1", NI_NOFQDN, "host");
    expect(dns, "192.0.2.1", 0, "host.lan.example");
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(what_does_not_fit_is_not_written)
{
    yibu_dns *dns = plain_resolver();
    yibu_address address = address_of("192.0.2.1", 80);
    char host[] = "unchanged";
    assert_int_equal(yibu_dns_getnameinfo(dns, &address, 0, host, sizeof(host), NULL, 0), -ENOSPC);
    assert_string_equal(host, "unchanged");
    assert_int_equal(yibu_dns_getnameinfo(dns, &address, 0, NULL, 0, NULL, 0), -EINVAL);
    assert_int_equal(yibu_dns_getnameinfo(dns, NULL, 0, host, sizeof(host), NULL, 0), -EINVAL);
    address.length = 2;
    assert_true(yibu_dns_getnameinfo(dns, &address, 0, host, sizeof(host), NULL, 0) < 0);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(the_loop_s_resolver_is_asked)
{
    yibu_dns *dns = plain_resolver();
    yibu_address address = address_of("192.0.2.1", 80);
    char host[NI_MAXHOST];
    assert_int_equal(yibu_loop_set_resolver(yibu_get_running_loop(), yibu_dns_resolver(dns)), 0);
    assert_int_equal(yibu_getnameinfo(&address, 0, host, sizeof(host), NULL, 0), 0);
    assert_string_equal(host, "host.lan.example");
    yibu_dns_free(dns);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(an_address_has_the_name_that_a_server_tells),
        SERVER_TEST(an_address_without_a_name_is_numeric_unless_a_name_is_required),
        SERVER_TEST(numeric_names_ask_nobody),
        SERVER_TEST(both_names_come_together),
        SERVER_TEST(the_hosts_file_knows_addresses_too),
        SERVER_TEST(a_name_of_this_domain_can_go_without_it),
        SERVER_TEST(what_does_not_fit_is_not_written),
        SERVER_TEST(the_loop_s_resolver_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
