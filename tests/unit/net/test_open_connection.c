/* Connections by name: happy eyeballs in the simulator, where links are slow or parted, and Unix
 * sockets. */
#include <errno.h>
#include <sys/un.h>

#include "sim.h"
#include "streams.h"

enum { PORT = 80 };

static const yibu_sim_host hosts[] = {
    {"both", "2001:db8::2"}, {"both", "2001:db8::3"}, {"both", "192.0.2.2"},
    {"both", "192.0.2.3"},   {"six", "2001:db8::2"},  {NULL, NULL},
};

static int listen_at(const char *address)
{
    int fd = yibu_tcp_listen(address, PORT, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void assert_peer(yibu_stream *stream, const char *expected)
{
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_stream_get_extra_info(stream, &info), 0);
    char text[YIBU_ADDRESS_TEXT];
    assert_true(yibu_address_format(&info.peer, text, sizeof(text)) > 0);
    assert_string_equal(text, expected);
}

static int64_t open_timed(const char *name, const yibu_connection_options *options, int expected,
                          yibu_stream **ret_stream)
{
    int64_t before_ns = yibu_loop_time(yibu_get_running_loop());
    assert_int_equal(yibu_open_connection(name, PORT, options, ret_stream), expected);
    return yibu_loop_time(yibu_get_running_loop()) - before_ns;
}

#define WITH_HOSTS .hosts = hosts, .latency_ns = YIBU_MS(10), .work_ns = 1, .fifo = true

SIM_TEST_WITH(the_first_address_is_taken_where_it_answers, 1, WITH_HOSTS)
{
    int six = listen_at("2001:db8::2"), four = listen_at("192.0.2.2");
    yibu_stream *stream;
    assert_true(open_timed("both", NULL, 0, &stream) < YIBU_MS(50));
    assert_peer(stream, "[2001:db8::2]:80");
    yibu_stream_free(stream);
    yibu_close(six);
    yibu_close(four);
    return 0;
}

SIM_TEST_WITH(the_other_family_is_tried_beside_one_that_is_silent, 1, WITH_HOSTS)
{
    int six = listen_at("2001:db8::2"), four = listen_at("192.0.2.2");
    assert_int_equal(yibu_sim_partition("2001:db8::2", NULL), 0);
    yibu_stream *stream;
    int64_t took_ns = open_timed("both", NULL, 0, &stream);
    assert_true(took_ns >= YIBU_MS(250) && took_ns < YIBU_MS(300));
    assert_peer(stream, "192.0.2.2:80");
    yibu_stream_free(stream);
    yibu_close(six);
    yibu_close(four);
    return 0;
}

SIM_TEST_WITH(an_address_that_refuses_needs_no_head_start, 1, WITH_HOSTS)
{
    int last = listen_at("192.0.2.3");
    yibu_stream *stream;
    assert_true(open_timed("both", NULL, 0, &stream) < YIBU_MS(120));
    assert_peer(stream, "192.0.2.3:80");
    yibu_stream_free(stream);
    yibu_close(last);
    return 0;
}

SIM_TEST_WITH(a_slow_first_address_wins_where_it_answers_first_after_all, 1, WITH_HOSTS)
{
    const yibu_connection_options options = {.size = sizeof(options),
                                             .attempt_delay_ns = YIBU_MS(15)};
    int six = listen_at("2001:db8::2"), four = listen_at("192.0.2.2");
    yibu_stream *stream;
    (void)open_timed("both", &options, 0, &stream);
    assert_peer(stream, "[2001:db8::2]:80");
    yibu_stream_free(stream);
    yibu_close(six);
    yibu_close(four);
    return 0;
}

SIM_TEST_WITH(without_head_starts_addresses_are_tried_one_after_the_other, 1, WITH_HOSTS)
{
    const yibu_connection_options options = {.size = sizeof(options),
                                             .attempt_delay_ns = YIBU_FOREVER};
    int four = listen_at("192.0.2.2");
    assert_int_equal(yibu_sim_partition("2001:db8::2", NULL), 0);
    yibu_stream *stream;
    assert_true(open_timed("both", &options, 0, &stream) > YIBU_SECONDS(100));
    assert_peer(stream, "192.0.2.2:80");
    yibu_stream_free(stream);
    yibu_close(four);
    return 0;
}

SIM_TEST_WITH(where_nobody_answers_the_last_failure_is_told, 1, WITH_HOSTS)
{
    yibu_stream *stream;
    (void)open_timed("both", NULL, -ECONNREFUSED, &stream);
    (void)open_timed("six", NULL, -ECONNREFUSED, &stream);
    (void)open_timed("192.0.2.9", NULL, -ECONNREFUSED, &stream);
    (void)open_timed("nobody", NULL, YIBU_EAI_NONAME, &stream);
    (void)open_timed("", NULL, -EINVAL, &stream);
    return 0;
}

static intptr_t connect_to_both(void *arg)
{
    return yibu_open_connection("both", PORT, NULL, arg);
}

static bool may_cancel(yibu_task *task, void *arg)
{
    (void)arg;
    return yibu_task_get_coro(task) == connect_to_both;
}

/* An accepted connection ends at once where the attempt that made it was given up. */
static intptr_t accept_all(void *arg)
{
    int *listener = arg;
    int fd;
    while ((fd = yibu_accept(*listener, NULL)) >= 0) {
        char byte;
        (void)yibu_recv(fd, &byte, 1);
        yibu_close(fd);
    }
    return 0;
}

SIM_TEST_WITH(no_attempt_is_left_behind, 1500, .hosts = hosts, .latency_ns = YIBU_MS(200),
              .jitter_ns = YIBU_MS(200), .connect_failure = 0.3, .cancel = 0.03,
              .may_cancel = may_cancel)
{
    int six = listen_at("2001:db8::2"), four = listen_at("192.0.2.2");
    yibu_task *tasks[] = {yibu_create_task(accept_all, &six, NULL),
                          yibu_create_task(accept_all, &four, NULL)};
    yibu_stream *stream = NULL;
    yibu_task *task = yibu_create_task(connect_to_both, &stream, NULL);
    intptr_t r = yibu_await(task);
    assert_int_equal(r == 0, stream != NULL);
    yibu_task_unref(task);
    yibu_stream_free(stream);
    assert_int_equal(yibu_sleep(YIBU_SECONDS(300)), 0);
    for (int i = 0; i < 2; i++) {
        yibu_task_cancel(tasks[i]);
        (void)yibu_await(tasks[i]);
        assert_true(yibu_task_done(tasks[i]));
        yibu_task_unref(tasks[i]);
    }
    yibu_close(six);
    yibu_close(four);
    return 0;
}

LOOP_TEST(a_unix_socket_is_found_by_its_abstract_name)
{
    char name[64];
    int n = snprintf(name, sizeof(name), "@yibu-test-%d", (int)getpid());
    yibu_stream *stream;
    assert_int_equal(yibu_open_unix_connection(name, NULL, &stream), -ECONNREFUSED);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path + 1, name + 1, (size_t)n - 1);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(sizeof(sa_family_t) + (size_t)n);
    assert_int_equal(bind(listener, (struct sockaddr *)&un, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(yibu_open_unix_connection(name, NULL, &stream), 0);
    yibu_stream_free(stream);
    yibu_close(listener);
    return 0;
}

static intptr_t connect_unix(void *arg)
{
    yibu_stream *stream;
    int r = yibu_open_unix_connection(arg, NULL, &stream);
    if (r == 0)
        yibu_stream_free(stream);
    return r;
}

LOOP_TEST(a_full_unix_listener_is_waited_for)
{
    char path[] = "/tmp/yibu-test-XXXXXX";
    assert_non_null(mkdtemp(path));
    char name[64];
    snprintf(name, sizeof(name), "%s/s", path);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, name, strlen(name));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(listener, 0), 0);
    yibu_stream *first;
    assert_int_equal(yibu_open_unix_connection(name, NULL, &first), 0);
    yibu_task *task = yibu_create_task(connect_unix, name, NULL);
    yibu_task *given_up = yibu_create_task(connect_unix, name, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    assert_false(yibu_task_done(task));
    yibu_task_cancel(given_up);
    assert_int_equal(yibu_await(given_up), -ECANCELED);
    yibu_close(yibu_accept(listener, NULL));
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    yibu_task_unref(given_up);
    yibu_stream_free(first);
    yibu_close(listener);
    unlink(name);
    rmdir(path);
    return 0;
}

LOOP_TEST(a_unix_name_that_is_none_is_refused)
{
    yibu_stream *stream;
    char name[200];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(yibu_open_unix_connection(name, NULL, &stream), -ENAMETOOLONG);
    assert_int_equal(yibu_open_unix_connection("", NULL, &stream), -EINVAL);
    assert_int_equal(yibu_open_unix_connection("@", NULL, &stream), -EINVAL);
    assert_int_equal(yibu_open_unix_connection(NULL, NULL, &stream), -EINVAL);
    assert_int_equal(yibu_open_unix_connection("/nowhere/at/all", NULL, &stream), -ENOENT);
    return 0;
}

LOOP_TEST(a_name_of_this_machine_is_connected_to)
{
    uint16_t port;
    int listener = listen_anywhere(&port);
    const yibu_connection_options options = {
        .size = sizeof(options), .keep_alive = true, .nagle = true};
    yibu_stream *stream;
    assert_int_equal(yibu_open_connection("127.1", port, &options, &stream), 0);
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_stream_get_extra_info(stream, &info), 0);
    int on = 0;
    socklen_t length = sizeof(on);
    assert_int_equal(getsockopt(info.fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length), 0);
    assert_int_not_equal(on, 0);
    yibu_stream_free(stream);
    yibu_close(listener);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_address_is_taken_where_it_answers),
        cmocka_unit_test(the_other_family_is_tried_beside_one_that_is_silent),
        cmocka_unit_test(an_address_that_refuses_needs_no_head_start),
        cmocka_unit_test(a_slow_first_address_wins_where_it_answers_first_after_all),
        cmocka_unit_test(without_head_starts_addresses_are_tried_one_after_the_other),
        cmocka_unit_test(where_nobody_answers_the_last_failure_is_told),
        cmocka_unit_test(no_attempt_is_left_behind),
        cmocka_unit_test(a_unix_socket_is_found_by_its_abstract_name),
        cmocka_unit_test(a_full_unix_listener_is_waited_for),
        cmocka_unit_test(a_unix_name_that_is_none_is_refused),
        cmocka_unit_test(a_name_of_this_machine_is_connected_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
