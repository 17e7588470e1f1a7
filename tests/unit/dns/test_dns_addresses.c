/* getaddrinfo's meaning: where names are looked for, in which order, what comes back; often with
 * libc's own answer beside it. */
#include "dns_zone.h"

#include <netdb.h>

static char hosts_path[] = "/tmp/yibu-hosts-XXXXXX";

static void write_hosts(const char *text)
{
    FILE *file = fopen(hosts_path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static yibu_dns *resolver_with_hosts(const char *text)
{
    write_hosts(text);
    yibu_dns_options options = asking_server();
    options.hosts_path = hosts_path;
    return new_resolver(&options);
}

/* "192.0.2.1 2001:db8::1": the addresses of a list, each once, in its order. */
static const char *text_of(const struct addrinfo *list)
{
    static char text[4096];
    char last[NI_MAXHOST] = "";
    text[0] = '\0';
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        char host[NI_MAXHOST];
        assert_int_equal(getnameinfo(at->ai_addr, at->ai_addrlen, host, sizeof(host), NULL, 0,
                                     NI_NUMERICHOST),
                         0);
        if (strcmp(host, last) == 0)
            continue;
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", text[0] ? " " : "",
                 host);
        strcpy(last, host);
    }
    return text;
}

static void expect(yibu_dns *dns, const char *host, int family, int flags, const char *wanted)
{
    const struct addrinfo hints = {.ai_family = family, .ai_flags = flags};
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, host, NULL, &hints, &list), 0);
    assert_string_equal(text_of(list), wanted);
    freeaddrinfo(list);
}

static int failure(yibu_dns *dns, const char *host, const char *service, int family, int flags)
{
    const struct addrinfo hints = {.ai_family = family, .ai_flags = flags};
    struct addrinfo *list = NULL;
    int r = yibu_dns_getaddrinfo(dns, host, service, &hints, &list);
    assert_true(r < 0 && !list);
    return r;
}

LOOP_TEST(both_families_are_asked_for_at_once)
{
    yibu_dns *dns = plain_resolver();
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, "both.example", "80", NULL, &list), 0);
    assert_non_null(strstr(text_of(list), "192.0.2.1"));
    assert_non_null(strstr(text_of(list), "2001:db8::1"));
    freeaddrinfo(list);
    assert_int_equal(atomic_load(&server.asked), 2);
    expect(dns, "both.example", AF_INET, 0, "192.0.2.1");
    expect(dns, "both.example", AF_INET6, 0, "2001:db8::1");
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(one_family_is_enough)
{
    yibu_dns *dns = plain_resolver();
    expect(dns, "one.example", AF_UNSPEC, 0, "192.0.2.1");
    expect(dns, "six.example", AF_UNSPEC, 0, "2001:db8::6");
    assert_int_equal(failure(dns, "one.example", NULL, AF_INET6, 0), YIBU_EAI_NONAME);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(ipv4_can_come_as_ipv6)
{
    yibu_dns *dns = plain_resolver();
    expect(dns, "one.example", AF_INET6, AI_V4MAPPED, "::ffff:192.0.2.1");
    expect(dns, "both.example", AF_INET6, AI_V4MAPPED, "2001:db8::1");
    const struct addrinfo hints = {.ai_family = AF_INET6, .ai_flags = AI_V4MAPPED | AI_ALL};
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, "both.example", NULL, &hints, &list), 0);
    assert_non_null(strstr(text_of(list), "::ffff:192.0.2.1"));
    assert_non_null(strstr(text_of(list), "2001:db8::1"));
    freeaddrinfo(list);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(failures_have_getaddrinfo_s_codes)
{
    yibu_dns *dns = plain_resolver();
    assert_int_equal(failure(dns, "unknown.example", NULL, 0, 0), YIBU_EAI_NONAME);
    assert_int_equal(failure(dns, "empty.example", NULL, 0, 0), YIBU_EAI_NONAME);
    assert_int_equal(failure(dns, "failing.example", NULL, 0, 0), YIBU_EAI_AGAIN);
    assert_int_equal(failure(dns, "short.example", NULL, 0, 0), YIBU_EAI_FAIL);
    assert_int_equal(failure(dns, "one.example", "no such service", 0, 0), YIBU_EAI_SERVICE);
    assert_int_equal(failure(dns, "one.example", NULL, 0, 0x40000000), YIBU_EAI_BADFLAGS);
    assert_int_equal(failure(dns, "one.example", NULL, 0, AI_IDN), YIBU_EAI_BADFLAGS);
    assert_int_equal(failure(dns, "one.example", NULL, 12345, 0), YIBU_EAI_FAMILY);
    assert_int_equal(failure(dns, "one.example", NULL, 0, AI_NUMERICHOST), YIBU_EAI_NONAME);
    assert_int_equal(failure(dns, "::1", NULL, AF_INET, 0), YIBU_EAI_NONAME);
    assert_int_equal(failure(dns, "", NULL, 0, 0), YIBU_EAI_NONAME);
    assert_int_equal(failure(dns, NULL, NULL, 0, 0), YIBU_EAI_NONAME);
    assert_int_equal(yibu_dns_getaddrinfo(dns, "one.example", NULL, NULL, NULL), -EINVAL);
    yibu_dns_free(dns);
    return 0;
}

static void expect_as_libc(const struct addrinfo *ours, const struct addrinfo *theirs)
{
    for (; ours && theirs; ours = ours->ai_next, theirs = theirs->ai_next) {
        assert_int_equal(ours->ai_flags, theirs->ai_flags);
        assert_int_equal(ours->ai_family, theirs->ai_family);
        assert_int_equal(ours->ai_socktype, theirs->ai_socktype);
        assert_int_equal(ours->ai_protocol, theirs->ai_protocol);
        assert_int_equal(ours->ai_addrlen, theirs->ai_addrlen);
        assert_memory_equal(ours->ai_addr, theirs->ai_addr, ours->ai_addrlen);
        assert_int_equal(!ours->ai_canonname, !theirs->ai_canonname);
        if (ours->ai_canonname)
            assert_string_equal(ours->ai_canonname, theirs->ai_canonname);
    }
    assert_null(ours);
    assert_null(theirs);
}

static void compare(yibu_dns *dns, const char *host, const char *service, int family, int socktype,
                    int flags)
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = socktype, .ai_flags = flags};
    struct addrinfo *ours = NULL, *theirs = NULL;
    int r = yibu_dns_getaddrinfo(dns, host, service, &hints, &ours);
    int error = getaddrinfo(host, service, &hints, &theirs);
    if ((r == 0) != (error == 0))
        fail_msg("%s: %s and not %s", host, yibu_error_name(r), gai_strerror(error));
    expect_as_libc(ours, theirs);
    if (r == 0) {
        freeaddrinfo(ours);
        freeaddrinfo(theirs);
    }
}

/* It does not where there is no hosts file, as on a system with nothing on it. */
static bool libc_knows_localhost(void)
{
    struct addrinfo *list;
    if (getaddrinfo("localhost", NULL, NULL, &list) != 0)
        return false;
    freeaddrinfo(list);
    return true;
}

/* The machine's own hosts file, and what needs nobody's answer. */
LOOP_TEST(libc_gives_the_same_lists)
{
    yibu_dns_options options = asking_server();
    options.hosts_path = NULL;
    yibu_dns *dns = new_resolver(&options);
    static const char *const hosts[] = {"localhost", "LocalHost",  "127.0.0.1", "127.1",
                                        "::1",       "fe80::1%lo", "192.0.2.1"};
    static const int flags[] = {0, AI_CANONNAME, AI_NUMERICSERV, AI_PASSIVE, AI_NUMERICHOST};
    static const int families[] = {AF_UNSPEC, AF_INET};
    for (size_t h = libc_knows_localhost() ? 0 : 2; h < sizeof(hosts) / sizeof(hosts[0]); h++)
        for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++)
            for (int family = 0; family < 2; family++) {
                compare(dns, hosts[h], "80", families[family], 0, flags[f]);
                compare(dns, hosts[h], NULL, families[family], SOCK_STREAM, flags[f]);
            }
    compare(dns, NULL, "80", AF_UNSPEC, SOCK_DGRAM, AI_PASSIVE);
    compare(dns, NULL, "80", AF_INET6, 0, 0);
    assert_int_equal(atomic_load(&server.asked), 0);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(the_hosts_file_comes_first)
{
    yibu_dns *dns = resolver_with_hosts("# a comment\n"
                                        "10.0.0.1\tbox.example box # more\n"
                                        "  10.0.0.2 box\n"
                                        "nonsense box\n"
                                        "10.0.0.3\n"
                                        "2001:db8::5 Six\r\n"
                                        "10.0.0.4 last");
    expect(dns, "box", AF_INET, 0, "10.0.0.1 10.0.0.2");
    expect(dns, "BOX.example.", AF_UNSPEC, 0, "10.0.0.1");
    expect(dns, "six", AF_UNSPEC, 0, "2001:db8::5");
    expect(dns, "last", AF_UNSPEC, 0, "10.0.0.4");
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_CANONNAME};
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, "box", NULL, &hints, &list), 0);
    assert_string_equal(list->ai_canonname, "box.example");
    freeaddrinfo(list);
    assert_int_equal(atomic_load(&server.asked), 0);
    expect(dns, "one.example", AF_INET, 0, "192.0.2.1");
    assert_int_equal(stats_of(dns).hosts_loaded, 1);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_hosts_file_that_changed_is_read_again)
{
    yibu_dns *dns = resolver_with_hosts("10.0.0.1 box.example\n");
    expect(dns, "box.example", AF_INET, 0, "10.0.0.1");
    write_hosts("10.0.0.22 box.example\n");
    expect(dns, "box.example", AF_INET, 0, "10.0.0.22");
    unlink(hosts_path);
    expect(dns, "box.example", AF_INET, 0, "192.0.2.1"); /* the server's */
    write_hosts("10.0.0.3 box.example\n");
    expect(dns, "box.example", AF_INET, 0, "10.0.0.3");
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(localhost_is_nobody_else)
{
    yibu_dns *dns = plain_resolver();
    expect(dns, "localhost", AF_INET, 0, "127.0.0.1");
    expect(dns, "localhost", AF_INET6, 0, "::1");
    expect(dns, "a.localhost.", AF_INET, 0, "127.0.0.1");
    assert_int_equal(atomic_load(&server.asked), 0);
    expect(dns, "notlocalhost", AF_INET, 0, "192.0.2.1");
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(an_alias_is_followed_to_its_canonical_name)
{
    yibu_dns *dns = plain_resolver();
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_CANONNAME};
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, "alias.example", NULL, &hints, &list), 0);
    assert_string_equal(text_of(list), "192.0.2.9");
    assert_string_equal(list->ai_canonname, "real.example");
    freeaddrinfo(list);
    yibu_dns_free(dns);
    return 0;
}

static yibu_dns *searching(const char *domains, int ndots)
{
    yibu_dns_options options = asking_server();
    options.search = domains;
    options.ndots = ndots;
    return new_resolver(&options);
}

static void expect_canonical(yibu_dns *dns, const char *host, const char *wanted)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_CANONNAME};
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, host, NULL, &hints, &list), 0);
    assert_string_equal(list->ai_canonname, wanted);
    freeaddrinfo(list);
}

LOOP_TEST(names_are_searched_for_by_their_dots)
{
    yibu_dns *dns = searching("first.example second.example", 0);
    expect_canonical(dns, "host", "host.first.example");
    expect_canonical(dns, "host.", "host");
    expect_canonical(dns, "a.host", "a.host");
    yibu_dns_free(dns);
    dns = searching("first.example", 2);
    expect_canonical(dns, "a.host", "a.host.first.example");
    expect_canonical(dns, "a.b.host", "a.b.host");
    yibu_dns_free(dns);
    dns = searching("first.example", -1);
    expect_canonical(dns, "host", "host");
    yibu_dns_free(dns);
    return 0;
}

/* "unknown.empty…": the zone knows nothing that begins with "unknown", but all that ends
 * otherwise. */
LOOP_TEST(every_domain_is_searched_before_a_name_is_not_known)
{
    yibu_dns *dns = searching("empty.example empty.example.net", 0);
    assert_int_equal(failure(dns, "unknown", NULL, AF_INET, 0), YIBU_EAI_NONAME);
    assert_int_equal(atomic_load(&server.asked), 3);
    assert_int_equal(failure(dns, "empty", NULL, AF_INET, 0), YIBU_EAI_NONAME);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_name_too_long_for_a_domain_is_looked_for_elsewhere)
{
    char domain[300];
    memset(domain, 'd', sizeof(domain) - 1);
    domain[sizeof(domain) - 1] = '\0';
    yibu_dns *dns = searching(domain, 0);
    expect(dns, "host", AF_INET, 0, "192.0.2.1");
    char name[1500];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(failure(dns, name, NULL, AF_INET, 0), YIBU_EAI_NONAME);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(address_configuration_is_respected)
{
    yibu_dns *dns = plain_resolver();
    const struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list;
    assert_int_equal(yibu_dns_getaddrinfo(dns, "both.example", NULL, &hints, &list), 0);
    freeaddrinfo(list);
    expect(dns, "::1", AF_UNSPEC, AI_ADDRCONFIG, "::1");
    yibu_dns_free(dns);
    return 0;
}

static intptr_t find(void *dns)
{
    struct addrinfo *list;
    int r = yibu_dns_getaddrinfo(dns, "one.example", "80", NULL, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

LOOP_TEST(a_look_up_can_be_cancelled_at_every_point)
{
    yibu_dns *dns = plain_resolver();
    int descriptors = test_count_descriptors();
    for (int turns = 0; turns < 40; turns++) {
        yibu_task *task = yibu_create_task(find, dns, NULL);
        for (int i = 0; i < turns && !yibu_task_done(task); i++)
            assert_int_equal(yibu_sleep(turns % 2 ? YIBU_US(20) : 0), 0);
        yibu_task_cancel(task);
        intptr_t r = yibu_await(task);
        assert_true(r == 0 || r == -ECANCELED);
        yibu_task_unref(task);
    }
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(test_count_descriptors(), descriptors);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(connections_are_made_by_the_loop_s_resolver)
{
    yibu_address address;
    int listener = test_listen(&address);
    uint16_t port = yibu_address_port(&address);
    /* Nobody listens at the first of them. */
    yibu_dns *dns = resolver_with_hosts("::1 box\n127.0.0.1 box\n");
    yibu_loop *loop = yibu_get_running_loop();
    assert_int_equal(yibu_loop_set_resolver(loop, yibu_dns_resolver(dns)), 0);
    yibu_stream *stream;
    assert_int_equal(yibu_open_connection("box", port, NULL, &stream), 0);
    yibu_stream_free(stream);
    assert_int_equal(yibu_open_connection("unknown.example", port, NULL, &stream), YIBU_EAI_NONAME);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(5));
    int r = yibu_open_connection("silent.example", port, NULL, &stream);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    yibu_dns_free(dns);
    assert_null(yibu_loop_get_resolver(loop));
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

static int make_hosts(void **state)
{
    int fd = mkstemp(hosts_path);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : start_server(state);
}

static int remove_hosts(void **state)
{
    unlink(hosts_path);
    memset(hosts_path + strlen(hosts_path) - 6, 'X', 6);
    return stop_server(state);
}

#define HOSTS_TEST(NAME) cmocka_unit_test_setup_teardown(NAME, make_hosts, remove_hosts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(both_families_are_asked_for_at_once),
        SERVER_TEST(one_family_is_enough),
        SERVER_TEST(ipv4_can_come_as_ipv6),
        SERVER_TEST(failures_have_getaddrinfo_s_codes),
        SERVER_TEST(libc_gives_the_same_lists),
        HOSTS_TEST(the_hosts_file_comes_first),
        HOSTS_TEST(a_hosts_file_that_changed_is_read_again),
        SERVER_TEST(localhost_is_nobody_else),
        SERVER_TEST(an_alias_is_followed_to_its_canonical_name),
        SERVER_TEST(names_are_searched_for_by_their_dots),
        SERVER_TEST(every_domain_is_searched_before_a_name_is_not_known),
        SERVER_TEST(a_name_too_long_for_a_domain_is_looked_for_elsewhere),
        SERVER_TEST(address_configuration_is_respected),
        SERVER_TEST(a_look_up_can_be_cancelled_at_every_point),
        HOSTS_TEST(connections_are_made_by_the_loop_s_resolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
