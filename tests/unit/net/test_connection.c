/* Connections: made, refused, accepted, many at once, when descriptors run out. */
#include "streams.h"

#include <fcntl.h>
#include <netinet/tcp.h>

#include "platform/valgrind.h"

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

static void expect_ready_to_use(int fd)
{
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
}

LOOP_TEST(both_ends_are_nonblocking_closed_on_exec_and_without_delay)
{
    pair p = connect_pair();
    expect_ready_to_use(p.client);
    expect_ready_to_use(p.server);
    close_pair(p);
    return 0;
}

LOOP_TEST(accept_says_who_the_peer_is)
{
    uint16_t port;
    int listener = listen_anywhere(&port);
    int client = yibu_tcp_connect("127.0.0.1", port);
    yibu_address peer, own;
    int server = yibu_accept(listener, &peer);
    assert_true(server >= 0);
    assert_int_equal(yibu_getsockname(client, &own), 0);
    char peer_text[YIBU_ADDRESS_TEXT], own_text[YIBU_ADDRESS_TEXT];
    assert_true(yibu_address_format(&peer, peer_text, sizeof(peer_text)) > 0);
    assert_true(yibu_address_format(&own, own_text, sizeof(own_text)) > 0);
    assert_string_equal(peer_text, own_text);
    close_pair((pair){client, server});
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

static uint16_t closed_port(void)
{
    uint16_t port;
    int fd = listen_anywhere(&port);
    assert_int_equal(yibu_close(fd), 0);
    return port;
}

LOOP_TEST(a_refused_connection_leaves_no_descriptor)
{
    uint16_t port = closed_port();
    int descriptors = count_descriptors();
    for (int i = 0; i < 10; i++)
        assert_int_equal(yibu_tcp_connect("127.0.0.1", port), -ECONNREFUSED);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(an_unreachable_address_fails_at_once)
{
    assert_int_equal(yibu_tcp_connect("224.0.0.1", 80), -ENETUNREACH);
    return 0;
}

LOOP_TEST(connect_needs_a_host)
{
    assert_int_equal(yibu_tcp_connect(NULL, 80), -EINVAL);
    assert_int_equal(yibu_tcp_connect("", 80), -EINVAL);
    return 0;
}

LOOP_TEST(a_socket_of_the_caller_s_connects)
{
    uint16_t port;
    int listener = listen_anywhere(&port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    yibu_address address;
    assert_int_equal(yibu_address_parse("127.0.0.1", port, &address), 0);
    assert_int_equal(yibu_connect(fd, &address), 0);
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

static void a_port_in_use_is_refused_unless_it_is_shared(void **state)
{
    (void)state;
    uint16_t port;
    int fd = listen_anywhere(&port);
    assert_int_equal(yibu_tcp_listen("127.0.0.1", port, NULL), -EADDRINUSE);
    assert_int_equal(yibu_close(fd), 0);

    yibu_listen_options options = {.size = sizeof(options), .reuse_port = true};
    int first = yibu_tcp_listen("127.0.0.1", 0, &options);
    yibu_address address;
    assert_int_equal(yibu_getsockname(first, &address), 0);
    int second = yibu_tcp_listen("127.0.0.1", yibu_address_port(&address), &options);
    assert_true(second >= 0);
    assert_int_equal(yibu_close(first), 0);
    assert_int_equal(yibu_close(second), 0);
}

static void a_listener_needs_a_numeric_address_and_sound_options(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    assert_int_equal(yibu_tcp_listen("localhost", 0, NULL), -EINVAL);
    assert_int_equal(yibu_tcp_listen("192.0.2.1", 0, NULL), -EADDRNOTAVAIL);
    yibu_listen_options options = {.size = 1};
    assert_int_equal(yibu_tcp_listen("127.0.0.1", 0, &options), -EINVAL);
    assert_int_equal(count_descriptors(), descriptors);
}

LOOP_TEST(a_listener_on_every_address_takes_ipv4_too)
{
    int listener = yibu_tcp_listen(NULL, 0, NULL);
    assert_true(listener >= 0);
    yibu_address address;
    assert_int_equal(yibu_getsockname(listener, &address), 0);
    int client = yibu_tcp_connect("127.0.0.1", yibu_address_port(&address));
    assert_true(client >= 0);
    int server = yibu_accept(listener, NULL);
    assert_true(server >= 0);
    close_pair((pair){client, server});
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

static void set_descriptor_limit(rlim_t soft)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

LOOP_TEST(accept_reports_that_descriptors_ran_out_and_works_again_afterwards)
{
    if (YB_UNDER_VALGRIND) /* which plays the limit itself, so that io_uring does not meet it */
        return 0;
    uint16_t port;
    int listener = listen_anywhere(&port);
    int client = yibu_tcp_connect("127.0.0.1", port);
    rlim_t all = raise_descriptor_limit();
    set_descriptor_limit((rlim_t)client + 1);
    assert_int_equal(yibu_accept(listener, NULL), -EMFILE);
    assert_int_equal(yibu_tcp_connect("127.0.0.1", port), -EMFILE);
    assert_int_equal(yibu_tcp_listen("127.0.0.1", 0, NULL), -EMFILE);
    set_descriptor_limit(all);
    int server = yibu_accept(listener, NULL);
    assert_true(server >= 0);
    close_pair((pair){client, server});
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

/* A server with a task for each connection, and as many clients at once. */

typedef struct town {
    uint16_t port;
    int listener, clients;
    int connected, peak; /* clients that hold a connection */
} town;

static intptr_t echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[256];
    for (ssize_t n; (n = yibu_recv(fd, buffer, sizeof(buffer))) > 0;)
        assert_int_equal(yibu_send_all(fd, buffer, (size_t)n, NULL), 0);
    return yibu_close(fd);
}

static intptr_t serve(void *arg)
{
    const town *t = arg;
    for (int i = 0; i < t->clients; i++) {
        int fd = yibu_accept(t->listener, NULL);
        assert_true(fd >= 0);
        assert_int_equal(yibu_spawn(echo, (void *)(intptr_t)fd), 0);
    }
    return 0;
}

static void receive_exactly(int fd, void *buffer, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = yibu_recv(fd, (char *)buffer + got, size - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
}

static void ask(int fd, uint32_t question)
{
    uint32_t answer = 0;
    assert_int_equal(yibu_send_all(fd, &question, sizeof(question), NULL), 0);
    receive_exactly(fd, &answer, sizeof(answer));
    assert_int_equal(answer, question);
}

static intptr_t visit(void *arg)
{
    town *t = arg;
    int fd = yibu_tcp_connect("127.0.0.1", t->port);
    assert_true(fd >= 0);
    ask(fd, (uint32_t)fd);
    if (++t->connected > t->peak)
        t->peak = t->connected;
    while (t->peak < t->clients) /* until everybody is there */
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    for (uint32_t i = 0; i < 5; i++)
        ask(fd, (uint32_t)fd + i);
    t->connected--;
    return yibu_close(fd);
}

LOOP_TEST(a_thousand_connections_live_at_once)
{
    enum { CLIENTS = 1000 };
    int descriptors = count_descriptors();
    if (raise_descriptor_limit() < 2 * CLIENTS + 64)
        skip();
    town t = {.clients = CLIENTS};
    t.listener = listen_anywhere(&t.port);
    yibu_task *server = yibu_create_task(serve, &t, NULL);
    yibu_task **visitors = calloc(CLIENTS, sizeof(*visitors));
    for (int i = 0; i < CLIENTS; i++)
        visitors[i] = yibu_create_task(visit, &t, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(yibu_await(visitors[i]), 0);
        yibu_task_unref(visitors[i]);
    }
    assert_int_equal(yibu_await(server), 0);
    yibu_task_unref(server);
    assert_int_equal(t.peak, CLIENTS);
    assert_int_equal(yibu_close(t.listener), 0);
    while (count_descriptors() > descriptors) /* the echoes see their peers leave */
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    free(visitors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_are_nonblocking_closed_on_exec_and_without_delay),
        cmocka_unit_test(accept_says_who_the_peer_is),
        cmocka_unit_test(a_refused_connection_leaves_no_descriptor),
        cmocka_unit_test(an_unreachable_address_fails_at_once),
        cmocka_unit_test(connect_needs_a_host),
        cmocka_unit_test(a_socket_of_the_caller_s_connects),
        cmocka_unit_test(a_port_in_use_is_refused_unless_it_is_shared),
        cmocka_unit_test(a_listener_needs_a_numeric_address_and_sound_options),
        cmocka_unit_test(a_listener_on_every_address_takes_ipv4_too),
        cmocka_unit_test(accept_reports_that_descriptors_ran_out_and_works_again_afterwards),
        cmocka_unit_test(a_thousand_connections_live_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
