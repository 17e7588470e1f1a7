/* libyibu-dns asks dnsmasq, and dig says what dnsmasq answers. */
#include "dnsmasq.h"
#include "sockets.h"

#include <netdb.h>
#include <yibu/dns.h>

static dnsmasq server;

static const char *const zone[] = {
    "--host-record=web.test,192.0.2.1,2001:db8::1",
    "--host-record=four.test,192.0.2.4",
    "--host-record=six.test,2001:db8::6",
    "--host-record=host.lan.test,192.0.2.8",
    "--host-record=near.test,127.0.0.1",
    "--cname=www.test,web.test",
    "--mx-host=mail.test,mx.test,10",
    "--mx-host=mail.test,backup.test,20",
    "--txt-record=text.test,v=spf1 -all,second",
    "--srv-host=_http._tcp.test,web.test,8080,1,2",
    "--caa-record=caa.test,128,issue,ca.example",
    "--naptr-record=naptr.test,7,8,U,SIP+,,sip.test",
    "--ptr-record=9.2.0.192.in-addr.arpa,nine.test",
    "--auth-soa=1,host.test",
    "--address=/many.test/198.51.100.1",
    "--local-ttl=77",
    NULL,
};

/* A TXT record that fits no datagram of 512 bytes. */
static char long_text[1200];

static int start_server(void **state)
{
    (void)state;
    const char *options[40];
    int count = 0;
    for (; zone[count]; count++)
        options[count] = zone[count];
    strcpy(long_text, "--txt-record=long.test");
    for (int i = 0; i < 8; i++)
        snprintf(long_text + strlen(long_text), sizeof(long_text) - strlen(long_text), ",%0100d",
                 i);
    options[count] = long_text;
    options[count + 1] = NULL;
    dnsmasq_start(&server, options);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    dnsmasq_stop(&server);
    return 0;
}

static yibu_dns *new_resolver(yibu_dns_options *options)
{
    yibu_dns *dns;
    options->size = sizeof(*options);
    if (!options->servers)
        options->servers = server.address;
    options->resolvconf_path = "/dev/null";
    options->hosts_path = "";
    if (!options->search)
        options->search = "";
    assert_int_equal(yibu_dns_new(options, &dns), 0);
    return dns;
}

static yibu_dns *plain_resolver(void)
{
    return new_resolver(&(yibu_dns_options){.size = 0});
}

static yibu_dns_answer *ask(yibu_dns *dns, const char *name, uint16_t type, size_t count)
{
    yibu_dns_answer *answer;
    assert_int_equal(yibu_dns_query(dns, name, type, &answer), 0);
    assert_int_equal(answer->count, count);
    return answer;
}

/* What "dig +short" prints of a name, lines in order. */
static void dig(const char *name, const char *type, char *ret_text, size_t size)
{
    char command[256];
    snprintf(command, sizeof(command), "dig +short +norecurse @127.0.0.1 -p %u %s %s", server.port,
             name, type);
    FILE *said = popen(command, "re");
    assert_non_null(said);
    ret_text[fread(ret_text, 1, size - 1, said)] = '\0';
    assert_int_equal(pclose(said), 0);
}

static void expect_as_dig(yibu_dns *dns, const char *name, const char *type_name, uint16_t type)
{
    char said[4096], line[1024];
    yibu_dns_answer *answer;
    dig(name, type_name, said, sizeof(said));
    assert_int_equal(yibu_dns_query(dns, name, type, &answer), 0);
    assert_true(answer->count > 0);
    for (size_t i = 0; i < answer->count; i++) {
        const yibu_dns_record *record = &answer->records[i];
        char address[INET6_ADDRSTRLEN];
        switch (record->type) {
        case YIBU_DNS_A:
            snprintf(line, sizeof(line), "%s\n",
                     inet_ntop(AF_INET, &record->a, address, sizeof(address)));
            break;
        case YIBU_DNS_AAAA:
            snprintf(line, sizeof(line), "%s\n",
                     inet_ntop(AF_INET6, &record->aaaa, address, sizeof(address)));
            break;
        case YIBU_DNS_MX:
            snprintf(line, sizeof(line), "%u %s.\n", record->mx.preference, record->mx.host);
            break;
        case YIBU_DNS_SRV:
            snprintf(line, sizeof(line), "%u %u %u %s.\n", record->srv.priority, record->srv.weight,
                     record->srv.port, record->srv.host);
            break;
        case YIBU_DNS_TXT:
            snprintf(line, sizeof(line), "\"%s\"", record->txt.strings[0].data);
            break;
        case YIBU_DNS_CAA:
            snprintf(line, sizeof(line), "%u %s \"%s\"\n", record->caa.flags, record->caa.tag.data,
                     record->caa.value.data);
            break;
        case YIBU_DNS_NAPTR:
            snprintf(line, sizeof(line), "%u %u \"%s\" \"%s\" \"%s\" %s.\n", record->naptr.order,
                     record->naptr.preference, record->naptr.flags.data,
                     record->naptr.services.data, record->naptr.regexp.data,
                     record->naptr.replacement);
            break;
        default:
            snprintf(line, sizeof(line), "%s.\n", record->target);
        }
        if (!strstr(said, line))
            fail_msg("%s %s: dig says %s and not %s", name, type_name, said, line);
    }
    yibu_dns_answer_free(answer);
}

LOOP_TEST(dig_reads_the_same_records)
{
    yibu_dns *dns = plain_resolver();
    expect_as_dig(dns, "web.test", "A", YIBU_DNS_A);
    expect_as_dig(dns, "web.test", "AAAA", YIBU_DNS_AAAA);
    expect_as_dig(dns, "www.test", "A", YIBU_DNS_A);
    expect_as_dig(dns, "mail.test", "MX", YIBU_DNS_MX);
    expect_as_dig(dns, "text.test", "TXT", YIBU_DNS_TXT);
    expect_as_dig(dns, "long.test", "TXT", YIBU_DNS_TXT);
    expect_as_dig(dns, "_http._tcp.test", "SRV", YIBU_DNS_SRV);
    expect_as_dig(dns, "caa.test", "CAA", YIBU_DNS_CAA);
    expect_as_dig(dns, "naptr.test", "NAPTR", YIBU_DNS_NAPTR);
    expect_as_dig(dns, "9.2.0.192.in-addr.arpa", "PTR", YIBU_DNS_PTR);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(records_say_how_long_they_are_good)
{
    yibu_dns *dns = plain_resolver();
    yibu_dns_answer *answer = ask(dns, "four.test", YIBU_DNS_A, 1);
    assert_int_equal(answer->records[0].ttl, 77);
    yibu_dns_answer_free(answer);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_name_without_records_is_not_a_name_that_is_not_there)
{
    yibu_dns *dns = plain_resolver();
    yibu_dns_answer *answer = ask(dns, "four.test", YIBU_DNS_AAAA, 0);
    yibu_dns_answer_free(answer);
    assert_int_equal(yibu_dns_query(dns, "nowhere.test", YIBU_DNS_A, &answer), YIBU_EAI_NONAME);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(what_fits_no_datagram_comes_whole)
{
    yibu_dns *dns = plain_resolver();
    yibu_dns_answer *answer = ask(dns, "long.test", YIBU_DNS_TXT, 1);
    assert_int_equal(answer->records[0].txt.count, 8);
    yibu_dns_answer_free(answer);
    yibu_dns_free(dns);
    dns = new_resolver(&(yibu_dns_options){.edns_bytes = 1232});
    answer = ask(dns, "long.test", YIBU_DNS_TXT, 1);
    assert_int_equal(answer->records[0].txt.count, 8);
    yibu_dns_answer_free(answer);
    yibu_dns_free(dns);
    return 0;
}

static void expect_addresses(yibu_dns *dns, const char *host, const char *first, const char *second)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char text[NI_MAXHOST];
    assert_int_equal(yibu_dns_getaddrinfo(dns, host, "80", &hints, &list), 0);
    const char *const wanted[] = {first, second};
    const struct addrinfo *at = list;
    for (int i = 0; i < 2 && wanted[i]; i++, at = at->ai_next) {
        assert_non_null(at);
        assert_int_equal(getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof(text), NULL, 0,
                                     NI_NUMERICHOST),
                         0);
        assert_true(strcmp(text, first) == 0 || (second && strcmp(text, second) == 0));
    }
    assert_null(at);
    freeaddrinfo(list);
}

LOOP_TEST(search_domains_are_gone_through)
{
    yibu_dns *dns = new_resolver(&(yibu_dns_options){.search = "wrong.test lan.test test"});
    expect_addresses(dns, "host", "192.0.2.8", NULL);
    expect_addresses(dns, "web", "192.0.2.1", "2001:db8::1");
    expect_addresses(dns, "www", "192.0.2.1", "2001:db8::1");
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, "nowhere", NULL, NULL, &list), YIBU_EAI_NONAME);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_server_that_is_dead_is_passed_over)
{
    char servers[80];
    snprintf(servers, sizeof(servers), "127.0.0.1:%u,%s", dnsmasq_free_port(), server.address);
    yibu_dns *dns = new_resolver(&(yibu_dns_options){.servers = servers});
    expect_addresses(dns, "web.test", "192.0.2.1", "2001:db8::1");
    yibu_dns_free(dns);
    return 0;
}

/* The server is there, but stopped. */
LOOP_TEST(a_server_that_is_silent_costs_no_more_than_the_time_limit)
{
    yibu_dns *dns = plain_resolver();
    struct addrinfo *list;
    yibu_timeout limit;
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    yibu_timeout_begin(&limit, YIBU_MS(50));
    int r = yibu_dns_getaddrinfo(dns, "web.test", NULL, NULL, &list);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    expect_addresses(dns, "web.test", "192.0.2.1", "2001:db8::1");
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(addresses_have_names)
{
    yibu_dns *dns = plain_resolver();
    yibu_address address;
    char host[NI_MAXHOST];
    assert_int_equal(yibu_address_parse("192.0.2.9", 80, &address), 0);
    assert_int_equal(yibu_dns_getnameinfo(dns, &address, 0, host, sizeof(host), NULL, 0), 0);
    assert_string_equal(host, "nine.test");
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_stream_connects_by_name)
{
    yibu_address address;
    int listener = test_listen(&address);
    yibu_dns *dns = plain_resolver();
    yibu_stream *stream;
    assert_int_equal(yibu_loop_set_resolver(yibu_get_running_loop(), yibu_dns_resolver(dns)), 0);
    assert_int_equal(yibu_open_connection("near.test", yibu_address_port(&address), NULL, &stream),
                     0);
    yibu_stream_free(stream);
    yibu_dns_free(dns);
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

/* --- many ------------------------------------------------------------------------------------- */

enum { NAMES = 10000 / YB_TEST_SLOWDOWN };

typedef struct look_up {
    yibu_dns *dns;
    int number;
} look_up;

static intptr_t find(void *arg)
{
    const look_up *l = arg;
    char name[32];
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    snprintf(name, sizeof(name), "n%d.many.test", l->number);
    int r = yibu_dns_getaddrinfo(l->dns, name, "80", &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

LOOP_TEST(ten_thousand_names_are_found_at_once)
{
    int descriptors = test_count_descriptors();
    yibu_dns *dns = plain_resolver();
    look_up *look_ups = calloc(NAMES, sizeof(*look_ups));
    yibu_task **tasks = calloc(NAMES, sizeof(yibu_task *));
    for (int i = 0; i < NAMES; i++) {
        look_ups[i] = (look_up){dns, i};
        tasks[i] = yibu_create_task(find, &look_ups[i], NULL);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < NAMES; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    yibu_dns_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_dns_statistics(dns, &stats), 0);
    assert_int_equal(stats.queries, NAMES);
    free(tasks);
    free(look_ups);
    yibu_dns_free(dns);
    assert_int_equal(test_count_descriptors(), descriptors);
    return 0;
}

int main(void)
{
    if (!dnsmasq_is_installed()) {
        fprintf(stderr, "dnsmasq is not installed\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dig_reads_the_same_records),
        cmocka_unit_test(records_say_how_long_they_are_good),
        cmocka_unit_test(a_name_without_records_is_not_a_name_that_is_not_there),
        cmocka_unit_test(what_fits_no_datagram_comes_whole),
        cmocka_unit_test(search_domains_are_gone_through),
        cmocka_unit_test(a_server_that_is_dead_is_passed_over),
        cmocka_unit_test(a_server_that_is_silent_costs_no_more_than_the_time_limit),
        cmocka_unit_test(addresses_have_names),
        cmocka_unit_test(a_stream_connects_by_name),
        cmocka_unit_test(ten_thousand_names_are_found_at_once),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
