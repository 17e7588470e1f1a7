/* Servers and connections in the callback form. */
#include <errno.h>
#include <malloc.h>
#include <sys/un.h>

#include "loop.h"
#include "recorder.h"

/* A server that echoes; its connections' protocol has no state. */

static int alive;

static void echo_made(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    (void)transport;
    alive++;
}

static void echo_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    (void)protocol;
    (void)yibu_transport_write(transport, data, size);
}

static void echo_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    (void)protocol;
    (void)transport;
    (void)error;
    alive--;
}

static const yibu_protocol_methods echo_methods = {.size = sizeof(echo_methods),
                                                   .connection_made = echo_made,
                                                   .data_received = echo_data,
                                                   .connection_lost = echo_lost};
static yibu_protocol echo = {&echo_methods};

static yibu_protocol *make_echo(void *arg)
{
    (void)arg;
    return &echo;
}

static yibu_protocol *make_none(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static yibu_server *serve_echo(const char *host, const yibu_server_options *options)
{
    yibu_server *server;
    alive = 0;
    assert_int_equal(yibu_create_server(make_echo, NULL, host, 0, options, &server), 0);
    return server;
}

static void end_server(yibu_server *server)
{
    yibu_server_close(server);
    assert_int_equal(yibu_server_wait_closed(server), 0);
    assert_int_equal(alive, 0);
    yibu_server_free(server);
}

static int connect_to(const yibu_server *server)
{
    int fd = yibu_tcp_connect("127.0.0.1", yibu_server_port(server));
    assert_true(fd >= 0);
    return fd;
}

static void expect_end(int fd)
{
    char byte;
    assert_int_equal(yibu_recv(fd, &byte, 1), 0);
    assert_int_equal(yibu_close(fd), 0);
}

/* Connecting. */

static intptr_t talk_to(const char *host, yibu_server *server)
{
    recorder r;
    recorder_init(&r);
    yibu_transport *transport = NULL;
    int e = yibu_create_connection(&r.protocol, host, yibu_server_port(server), NULL, &transport);
    assert_int_equal(e, 0);
    assert_string_equal(r.log, "made ");
    assert_ptr_equal(transport, r.transport);
    assert_int_equal(yibu_transport_write(transport, "hello", 5), 0);
    wait_for_log(&r, "made data(hello) ");
    yibu_transport_close(transport);
    wait_for_log(&r, "made data(hello) lost(0) ");
    return 0;
}

LOOP_TEST(a_connection_is_made_to_a_number_and_to_a_name)
{
    int descriptors = count_descriptors();
    yibu_server *server = serve_echo("127.1", NULL);
    talk_to("127.0.0.1", server);
    talk_to("127.1", server);
    end_server(server);
    /* The thread that looked names up may be at its end. */
    assert_true(count_descriptors() <= descriptors + 1);
    return 0;
}

LOOP_TEST(a_protocol_hears_nothing_of_a_connection_that_fails)
{
    recorder r;
    recorder_init(&r);
    yibu_server *server = serve_echo("127.0.0.1", NULL);
    uint16_t port = yibu_server_port(server);
    end_server(server);
    assert_int_equal(yibu_create_connection(&r.protocol, "127.0.0.1", port, NULL, NULL),
                     -ECONNREFUSED);
    assert_int_equal(yibu_create_connection(&r.protocol, "127.1", port, NULL, NULL), -ECONNREFUSED);
    assert_int_equal(yibu_create_connection(&r.protocol, NULL, port, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_create_connection(NULL, "127.0.0.1", port, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_create_unix_connection(&r.protocol, abstract_name("nobody"), NULL, NULL),
                     -ECONNREFUSED);
    assert_int_equal(yibu_create_unix_connection(&r.protocol, "", NULL, NULL), -EINVAL);
    assert_string_equal(r.log, "");
    return 0;
}

static intptr_t connect_cancelled(void *arg)
{
    const yibu_server *server = arg;
    recorder r;
    recorder_init(&r);
    int e = yibu_create_connection(&r.protocol, "127.1", yibu_server_port(server), NULL, NULL);
    assert_int_equal(e, -ECANCELED);
    assert_int_equal(yibu_task_uncancel(yibu_current_task()), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    assert_string_equal(r.log, "");
    return 0;
}

LOOP_TEST(a_cancelled_connection_leaves_nothing_behind)
{
    yibu_server *server = serve_echo("127.1", NULL);
    int descriptors = count_descriptors();
    yibu_task *task = yibu_create_task(connect_cancelled, server, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_true(count_descriptors() <= descriptors + 1);
    end_server(server);
    return 0;
}

/* Without tasks. */

typedef struct start {
    yibu_op op;
    bool done;
    ssize_t result;
} start;

static void started(yibu_op *op, ssize_t result)
{
    start *s = op->arg;
    s->done = true;
    s->result = result;
}

static void wait_lost(yibu_loop *loop, const recorder *r)
{
    while (!r->ended)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
}

static void without_a_task(yibu_loop *loop, bool is_unix)
{
    const char *name = abstract_name("without-a-task");
    recorder r;
    recorder_init(&r);
    start s = {.op = {.callback = started, .arg = &s}};
    yibu_server *server;
    int e = is_unix ? yibu_create_unix_server(make_echo, NULL, name, NULL, &server)
                    : yibu_create_server(make_echo, NULL, "127.0.0.1", 0, NULL, &server);
    assert_int_equal(e, 0);
    yibu_transport *transport;
    e = is_unix ? yibu_op_create_unix_connection(loop, &s.op, &r.protocol, name, NULL, &transport)
                : yibu_op_create_connection(loop, &s.op, &r.protocol, "127.0.0.1",
                                            yibu_server_port(server), NULL, &transport);
    assert_int_equal(e, 0);
    assert_false(s.done);
    assert_string_equal(r.log, "");
    assert_int_equal(yibu_loop_free(loop), YIBU_EBUSY);
    test_loop_until(loop, &s.done);
    assert_int_equal(s.result, 0);
    assert_string_equal(r.log, "made ");
    assert_int_equal(yibu_transport_write(transport, "hi", 2), 0);
    while (strlen(r.log) < 10)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
    assert_string_equal(r.log, "made data(hi) ");
    yibu_server_close_clients(server);
    wait_lost(loop, &r);
    assert_string_equal(r.log, "made data(hi) eof lost(0) ");
    yibu_server_free(server);
    test_loop_drain(loop);
}

static void no_task_is_needed_for_tcp(void **state)
{
    without_a_task(*state, false);
    yibu_server *server;
    assert_int_equal(yibu_create_server(make_echo, NULL, "127.1", 0, NULL, &server), YIBU_ENOTASK);
}

static void no_task_is_needed_for_unix_sockets(void **state)
{
    without_a_task(*state, true);
}

static void a_connecting_operation_can_be_cancelled_and_fail(void **state)
{
    yibu_loop *loop = *state;
    recorder r;
    recorder_init(&r);
    start s = {.op = {.callback = started, .arg = &s}};
    const char *const hosts[] = {"127.1", "127.0.0.1"};
    for (int i = 0; i < 2; i++) {
        s.done = false;
        assert_int_equal(
            yibu_op_create_connection(loop, &s.op, &r.protocol, hosts[i], 1, NULL, NULL), 0);
        assert_int_equal(yibu_op_cancel(&s.op), 0);
        test_loop_until(loop, &s.done);
        assert_int_equal(s.result, -ECANCELED);
        s.done = false;
        assert_int_equal(
            yibu_op_create_connection(loop, &s.op, &r.protocol, hosts[i], 1, NULL, NULL), 0);
        test_loop_until(loop, &s.done);
        assert_int_equal(s.result, -ECONNREFUSED);
    }
    assert_string_equal(r.log, "");
}

static int listen_on_a_full_line(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name + 1, strlen(name + 1));
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 0), 0);
    int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(waiting, (struct sockaddr *)&address, length), 0);
    close(waiting); /* which stays in the line */
    return fd;
}

static void a_full_unix_listener_is_waited_for(void **state)
{
    const char *name = abstract_name("full-line");
    yibu_loop *loop = *state;
    recorder r;
    recorder_init(&r);
    start s = {.op = {.callback = started, .arg = &s}};
    int listener = listen_on_a_full_line(name);
    for (int i = 0; i < 2; i++) {
        s.done = false;
        assert_int_equal(yibu_op_create_unix_connection(loop, &s.op, &r.protocol, name, NULL, NULL),
                         0);
        for (int turn = 0; turn < 5; turn++)
            assert_true(yibu_loop_run_once(loop, YIBU_MS(1)) >= 0);
        assert_false(s.done);
        if (i == 0)
            assert_int_equal(yibu_op_cancel(&s.op), 0);
        else
            close(accept(listener, NULL, NULL));
        test_loop_until(loop, &s.done);
        assert_int_equal(s.result, i == 0 ? -ECANCELED : 0);
    }
    yibu_transport_free(r.transport);
    close(listener);
}

/* Serving. */

LOOP_TEST(a_server_closes_and_aborts_its_connections)
{
    yibu_server *server = serve_echo("127.0.0.1", NULL);
    for (int i = 0; i < 2; i++) {
        int fd = connect_to(server);
        assert_int_equal(yibu_send_all(fd, "x", 1, NULL), 0);
        char byte;
        assert_int_equal(yibu_recv(fd, &byte, 1), 1);
        assert_int_equal(yibu_server_connections(server), 1);
        assert_int_equal(alive, 1);
        (i == 0 ? yibu_server_close_clients : yibu_server_abort_clients)(server);
        expect_end(fd);
        while (yibu_server_connections(server) > 0)
            assert_int_equal(yibu_sleep(0), 0);
        assert_int_equal(alive, 0);
    }
    end_server(server);
    return 0;
}

LOOP_TEST(a_closed_server_lets_its_connections_be)
{
    yibu_server *server = serve_echo("127.0.0.1", NULL);
    int fd = connect_to(server);
    while (yibu_server_connections(server) == 0)
        assert_int_equal(yibu_sleep(0), 0);
    yibu_server_free(server);
    char bytes[5];
    assert_int_equal(yibu_send_all(fd, "still", 5, NULL), 0);
    assert_int_equal(yibu_recv(fd, bytes, sizeof(bytes)), 5);
    assert_int_equal(yibu_close(fd), 0);
    while (alive > 0)
        assert_int_equal(yibu_sleep(0), 0);
    return 0;
}

LOOP_TEST(no_more_than_max_connections_are_served_at_once)
{
    const yibu_server_options options = {.size = sizeof(options), .max_connections = 1};
    yibu_server *server = serve_echo("127.0.0.1", &options);
    int first = connect_to(server), second = connect_to(server);
    char byte;
    assert_int_equal(yibu_send_all(second, "2", 1, NULL), 0);
    assert_int_equal(yibu_send_all(first, "1", 1, NULL), 0);
    assert_int_equal(yibu_recv(first, &byte, 1), 1);
    assert_int_equal(byte, '1');
    assert_int_equal(yibu_server_connections(server), 1);
    assert_int_equal(yibu_close(first), 0);
    assert_int_equal(yibu_recv(second, &byte, 1), 1);
    assert_int_equal(byte, '2');
    assert_int_equal(yibu_close(second), 0);
    end_server(server);
    return 0;
}

LOOP_TEST(a_factory_without_a_protocol_drops_the_connection)
{
    yibu_server *server;
    int asked = 0, descriptors = count_descriptors();
    assert_int_equal(yibu_create_server(make_none, &asked, "127.0.0.1", 0, NULL, &server), 0);
    expect_end(connect_to(server));
    expect_end(connect_to(server));
    assert_int_equal(asked, 2);
    end_server(server);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(what_is_no_server_is_refused)
{
    yibu_server *server;
    assert_int_equal(yibu_create_server(NULL, NULL, NULL, 0, NULL, &server), -EINVAL);
    assert_int_equal(yibu_create_server(make_echo, NULL, NULL, 0, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_create_unix_server(make_echo, NULL, "", NULL, &server), -EINVAL);
    assert_int_equal(yibu_create_unix_server(NULL, NULL, "@x", NULL, &server), -EINVAL);
    return 0;
}

static intptr_t leave_a_server(void *arg)
{
    (void)arg;
    yibu_server *server = serve_echo("127.0.0.1", NULL);
    int fd = connect_to(server);
    while (alive == 0)
        assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_close(fd), 0);
    yibu_server_free(server);
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close(other);
    return 0;
}

static void the_loop_s_end_is_the_end_of_servers_and_connections(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    assert_int_equal(yibu_run(leave_a_server, NULL, NULL), 0);
    assert_int_equal(alive, 0);
    assert_int_equal(count_descriptors(), descriptors);
}

/* Memory. */

enum { IDLE = 1000 };

LOOP_TEST(an_idle_connection_needs_no_more_than_1536_bytes)
{
    static int fds[IDLE];
    yibu_server *server = serve_echo("127.0.0.1", NULL);
    if (raise_descriptor_limit() < 2 * IDLE + 100)
        skip();
    int warm = connect_to(server);
    while (alive < 1)
        assert_int_equal(yibu_sleep(0), 0);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < IDLE; i++) {
        char byte;
        fds[i] = connect_to(server);
        assert_int_equal(yibu_send_all(fds[i], "x", 1, NULL), 0);
        assert_int_equal(yibu_recv(fds[i], &byte, 1), 1);
    }
    size_t each = (mallinfo2().uordblks - before) / IDLE;
    fprintf(stderr, "%zu bytes of heap for an idle connection\n", each);
    assert_true(each <= 1536);
    for (int i = 0; i < IDLE; i++)
        assert_int_equal(yibu_close(fds[i]), 0);
    assert_int_equal(yibu_close(warm), 0);
    end_server(server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_made_to_a_number_and_to_a_name),
        cmocka_unit_test(a_protocol_hears_nothing_of_a_connection_that_fails),
        cmocka_unit_test(a_cancelled_connection_leaves_nothing_behind),
        loop_unit_test(no_task_is_needed_for_tcp),
        loop_unit_test(no_task_is_needed_for_unix_sockets),
        loop_unit_test(a_connecting_operation_can_be_cancelled_and_fail),
        loop_unit_test(a_full_unix_listener_is_waited_for),
        cmocka_unit_test(a_server_closes_and_aborts_its_connections),
        cmocka_unit_test(a_closed_server_lets_its_connections_be),
        cmocka_unit_test(no_more_than_max_connections_are_served_at_once),
        cmocka_unit_test(a_factory_without_a_protocol_drops_the_connection),
        cmocka_unit_test(what_is_no_server_is_refused),
        cmocka_unit_test(the_loop_s_end_is_the_end_of_servers_and_connections),
        cmocka_unit_test(an_idle_connection_needs_no_more_than_1536_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
