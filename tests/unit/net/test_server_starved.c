/* Servers that cannot accept for a while, for each reason that passes: they say so once, wait
 * without spinning, and go on.  accept4 and getsockopt fail on demand; the former is what epoll
 * calls. */
#include <errno.h>
#include <netinet/tcp.h>

#include "streams.h"

static int accept_error, accept_calls; /* what accept4 says, 0: the truth */
static int option_error;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    accept_calls++;
    if (accept_error == 0)
        return __real_accept4(fd, address, length, flags);
    errno = accept_error;
    return -1;
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
    if (option_error == 0 || level != SOL_SOCKET || option != SO_TYPE)
        return __real_getsockopt(fd, level, option, value, length);
    errno = option_error;
    return -1;
}

typedef struct report {
    int count;
    intptr_t code;
} report;

static void note(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    report *r = arg;
    (void)loop;
    (void)message;
    r->count++;
    r->code = code;
}

static void echo_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    (void)protocol;
    (void)yibu_transport_write(transport, data, size);
}

static yibu_protocol *make_echo(void *arg)
{
    static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                                  .data_received = echo_data};
    static yibu_protocol echo = {&methods};
    (void)arg;
    return &echo;
}

static intptr_t echo_stream(yibu_stream *stream, void *arg)
{
    char bytes[64];
    ssize_t n;
    (void)arg;
    while ((n = yibu_stream_read(stream, bytes, sizeof(bytes))) > 0)
        (void)yibu_stream_write(stream, bytes, (size_t)n);
    return n;
}

static yibu_server *start_server(bool with_tasks, const yibu_server_options *options)
{
    yibu_server *server;
    int r = with_tasks ? yibu_start_server(echo_stream, NULL, "127.0.0.1", 0, options, &server)
                       : yibu_create_server(make_echo, NULL, "127.0.0.1", 0, options, &server);
    assert_int_equal(r, 0);
    return server;
}

static void end_server(yibu_server *server)
{
    yibu_server_close(server);
    assert_int_equal(yibu_server_wait_closed(server), 0);
    yibu_server_free(server);
}

static int join(const yibu_server *server)
{
    int fd = yibu_tcp_connect("127.0.0.1", yibu_server_port(server));
    assert_true(fd >= 0);
    return fd;
}

static void expect_answer(int fd)
{
    char byte;
    assert_int_equal(yibu_send_all(fd, "x", 1, NULL), 0);
    assert_int_equal(yibu_recv(fd, &byte, 1), 1);
}

static void wait_for_report(const report *r)
{
    while (r->count == 0)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
}

static void starve(int error, bool with_tasks)
{
    report r = {0};
    yibu_loop_set_exception_handler(yibu_get_running_loop(), note, &r);
    yibu_server *server = start_server(with_tasks, NULL);
    int first = join(server);
    expect_answer(first);
    accept_error = error;
    int second = join(server);
    wait_for_report(&r);
    assert_int_equal(r.code, -error);
    int calls = accept_calls;
    assert_int_equal(yibu_sleep(YIBU_MS(30)), 0);
    assert_int_equal(accept_calls, calls); /* it waits, although somebody is in the line */
    accept_error = 0;
    assert_int_equal(yibu_close(first), 0); /* maybe what was missing */
    expect_answer(second);
    assert_int_equal(r.count, 1);
    assert_int_equal(yibu_close(second), 0);
    end_server(server);
}

LOOP_TEST(a_server_waits_for_what_is_missing_and_goes_on)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    if (strcmp(yibu_loop_backend(yibu_get_running_loop()), "epoll") != 0)
        return 0; /* where accept4 is not called */
    for (size_t i = 0; i < 4; i++)
        for (int with_tasks = 0; with_tasks < 2; with_tasks++)
            starve(errors[i], with_tasks);
    return 0;
}

LOOP_TEST(a_server_says_why_it_cannot_take_a_connection)
{
    for (int with_tasks = 0; with_tasks < 2; with_tasks++) {
        report r = {0};
        yibu_loop_set_exception_handler(yibu_get_running_loop(), note, &r);
        yibu_server *server = start_server(with_tasks, NULL);
        option_error = ENOBUFS;
        int fd = join(server);
        wait_for_report(&r);
        option_error = 0;
        assert_int_equal(r.code, -ENOBUFS);
        assert_int_equal(yibu_close(fd), 0);
        end_server(server);
    }
    return 0;
}

/* Options. */

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof(value);
    assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
    return value;
}

typedef struct seen {
    yibu_protocol protocol;
    int keep_alive, no_delay;
} seen;

static void look(yibu_protocol *protocol, yibu_transport *transport)
{
    seen *s = (seen *)(void *)protocol;
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_transport_get_extra_info(transport, &info), 0);
    s->keep_alive = option_of(info.fd, SOL_SOCKET, SO_KEEPALIVE);
    s->no_delay = option_of(info.fd, IPPROTO_TCP, TCP_NODELAY);
}

static yibu_protocol *make_seen(void *arg)
{
    return &((seen *)arg)->protocol;
}

LOOP_TEST(options_reach_the_connections_of_a_server)
{
    static const yibu_protocol_methods methods = {.size = sizeof(methods), .connection_made = look};
    for (int set = 0; set < 2; set++) {
        seen s = {{&methods}, -1, -1};
        yibu_server *server;
        const yibu_server_options options = {.size = sizeof(options),
                                             .keep_alive = set == 1,
                                             .nagle = set == 1,
                                             .backlog = 5,
                                             .reuse_port = true};
        assert_int_equal(yibu_create_server(make_seen, &s, "127.0.0.1", 0, &options, &server), 0);
        int fd = join(server);
        while (s.keep_alive < 0)
            assert_int_equal(yibu_sleep(0), 0);
        assert_int_equal(s.keep_alive, set);
        assert_int_equal(s.no_delay, !set);
        assert_int_equal(yibu_close(fd), 0);
        end_server(server);
    }
    return 0;
}

LOOP_TEST(servers_share_a_port_where_both_say_so)
{
    const yibu_server_options options = {.size = sizeof(options), .reuse_port = true};
    yibu_server *first = start_server(false, &options), *second;
    uint16_t port = yibu_server_port(first);
    assert_int_equal(yibu_create_server(make_echo, NULL, "127.0.0.1", port, NULL, &second),
                     -EADDRINUSE);
    assert_int_equal(yibu_create_server(make_echo, NULL, "127.0.0.1", port, &options, &second), 0);
    for (int i = 0; i < 20; i++) {
        int fd = join(first);
        expect_answer(fd);
        assert_int_equal(yibu_close(fd), 0);
    }
    end_server(first);
    int fd = join(second);
    expect_answer(fd);
    assert_int_equal(yibu_close(fd), 0);
    end_server(second);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_waits_for_what_is_missing_and_goes_on),
        cmocka_unit_test(a_server_says_why_it_cannot_take_a_connection),
        cmocka_unit_test(options_reach_the_connections_of_a_server),
        cmocka_unit_test(servers_share_a_port_where_both_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
