/* Sockets of a simulation: no packet leaves the program. */
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#include "sim.h"

static int64_t now_ns(void)
{
    return yibu_loop_time(yibu_get_running_loop());
}

typedef struct ends {
    int client, server, listener;
} ends;

static ends connect_ends(const char *host)
{
    ends e;
    e.listener = yibu_tcp_listen(host, 80, NULL);
    assert_true(e.listener >= 0);
    e.client = yibu_tcp_connect(host, 80);
    assert_true(e.client >= 0);
    e.server = yibu_accept(e.listener, NULL);
    assert_true(e.server >= 0);
    return e;
}

static void close_ends(ends e)
{
    (void)yibu_close(e.client);
    (void)yibu_close(e.server);
    (void)yibu_close(e.listener);
}

/* Runs a body once a seed, with options. */
static void run(yibu_coroutine *body, void *arg, yibu_sim_options options)
{
    options.size = sizeof(options);
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_int_equal(yibu_sim_run(seed, body, arg, &options), 0);
    unsetenv("CMOCKA_TEST_ABORT");
}

SIM_TEST(bytes_arrive_whole_and_in_order, 50)
{
    ends e = connect_ends("10.0.0.1");
    char text[32];
    assert_int_equal(yibu_send_all(e.client, "hello ", 6, NULL), 0);
    assert_int_equal(yibu_send_all(e.client, "world", 5, NULL), 0);
    assert_int_equal(yibu_shutdown(e.client, SHUT_WR), 0);
    size_t length = 0;
    for (ssize_t n; (n = yibu_recv(e.server, text + length, sizeof(text) - length)) > 0;)
        length += (size_t)n;
    assert_int_equal(length, 11);
    assert_memory_equal(text, "hello world", 11);
    close_ends(e);
    return 0;
}

SIM_TEST(half_a_close_leaves_the_other_direction_open, 20)
{
    ends e = connect_ends("10.0.0.1");
    char byte;
    assert_int_equal(yibu_shutdown(e.client, SHUT_WR), 0);
    assert_int_equal(yibu_recv(e.server, &byte, 1), 0);
    assert_int_equal(yibu_send(e.client, "x", 1), -EPIPE);
    assert_int_equal(yibu_send(e.server, "x", 1), 1);
    assert_int_equal(yibu_recv(e.client, &byte, 1), 1);
    close_ends(e);
    return 0;
}

SIM_TEST(a_close_is_the_end_of_the_stream, 20)
{
    ends e = connect_ends("10.0.0.1");
    char byte;
    assert_int_equal(yibu_send(e.server, "x", 1), 1);
    assert_int_equal(yibu_close(e.server), 0);
    assert_int_equal(yibu_recv(e.client, &byte, 1), 1);
    assert_int_equal(yibu_recv(e.client, &byte, 1), 0);
    assert_int_equal(yibu_close(e.server), -EBADF);
    assert_int_equal(yibu_close(e.client), 0);
    assert_int_equal(yibu_close(e.listener), 0);
    return 0;
}

SIM_TEST(a_close_with_bytes_unread_is_a_reset, 20)
{
    ends e = connect_ends("10.0.0.1");
    char byte;
    assert_int_equal(yibu_send(e.client, "x", 1), 1);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_close(e.server), 0);
    assert_int_equal(yibu_recv(e.client, &byte, 1), -ECONNRESET);
    assert_int_equal(yibu_recv(e.client, &byte, 1), 0);
    assert_int_equal(yibu_send(e.client, "x", 1), -EPIPE);
    assert_int_equal(yibu_close(e.client), 0);
    return yibu_close(e.listener);
}

SIM_TEST(nobody_listens_and_the_connection_is_refused, 20)
{
    assert_int_equal(yibu_tcp_connect("10.0.0.9", 80), -ECONNREFUSED);
    return 0;
}

SIM_TEST(ports_and_addresses_are_as_the_kernels, 5)
{
    yibu_address address, peer;
    int any = yibu_tcp_listen(NULL, 0, NULL);
    assert_true(any >= 0);
    assert_int_equal(yibu_getsockname(any, &address), 0);
    uint16_t port = yibu_address_port(&address);
    assert_true(port >= 32768);
    assert_int_equal(yibu_tcp_listen("127.0.0.1", port, NULL), -EADDRINUSE);
    int client = yibu_tcp_connect("127.0.0.1", port);
    assert_true(client >= 0);
    int server = yibu_accept(any, &peer);
    assert_true(server >= 0);
    assert_int_equal(yibu_getsockname(client, &address), 0);
    assert_int_equal(yibu_address_port(&address), yibu_address_port(&peer));
    close_ends((ends){client, server, any});
    return 0;
}

static intptr_t send_much(void *arg)
{
    static char much[100000];
    return yibu_send_all(*(int *)arg, much, sizeof(much), NULL);
}

SIM_TEST_WITH(a_full_buffer_holds_the_sender, 20, .buffer_bytes = 1000)
{
    ends e = connect_ends("10.0.0.1");
    yibu_task *sender = yibu_create_task(send_much, &e.client, NULL);
    assert_int_equal(yibu_sleep(YIBU_SECONDS(1)), 0);
    assert_false(yibu_task_done(sender));
    char some[777];
    size_t received = 0;
    while (received < 100000) {
        ssize_t n = yibu_recv(e.server, some, sizeof(some));
        assert_true(n > 0 && n <= 777);
        received += (size_t)n;
    }
    assert_int_equal(received, 100000);
    assert_int_equal(yibu_await(sender), 0);
    yibu_task_unref(sender);
    close_ends(e);
    return 0;
}

SIM_TEST_WITH(latency_is_the_time_one_way, 20, .latency_ns = YIBU_MS(10))
{
    int64_t begin_ns = now_ns();
    ends e = connect_ends("10.0.0.1");
    assert_true(now_ns() - begin_ns >= YIBU_MS(20) && now_ns() - begin_ns < YIBU_MS(21));
    char byte;
    begin_ns = now_ns();
    assert_int_equal(yibu_send(e.client, "x", 1), 1);
    assert_int_equal(yibu_recv(e.server, &byte, 1), 1);
    assert_true(now_ns() - begin_ns >= YIBU_MS(10) && now_ns() - begin_ns < YIBU_MS(11));
    close_ends(e);
    return 0;
}

SIM_TEST_WITH(bandwidth_is_the_time_a_size_takes, 20, .bandwidth = 1000)
{
    ends e = connect_ends("10.0.0.1");
    char bytes[500];
    memset(bytes, 'x', sizeof(bytes));
    int64_t begin_ns = now_ns();
    assert_int_equal(yibu_send(e.client, bytes, 250), 250);
    assert_int_equal(yibu_send(e.client, bytes, 250), 250);
    assert_int_equal(yibu_recv(e.server, bytes, 250), 250);
    int64_t half_ns = now_ns() - begin_ns;
    assert_true(half_ns >= YIBU_MS(250) && half_ns < YIBU_MS(251));
    assert_int_equal(yibu_recv(e.server, bytes, 250), 250);
    assert_true(now_ns() - begin_ns >= YIBU_MS(500));
    close_ends(e);
    return 0;
}

static intptr_t measure_delay(void *arg)
{
    int64_t *delays_ns = arg;
    ends e = connect_ends("10.0.0.1");
    char byte;
    int64_t begin_ns = now_ns();
    assert_int_equal(yibu_send(e.client, "x", 1), 1);
    assert_int_equal(yibu_recv(e.server, &byte, 1), 1);
    delays_ns[yibu_sim_seed() - 1] = now_ns() - begin_ns;
    close_ends(e);
    return 0;
}

static void jitter_differs_from_seed_to_seed(void **state)
{
    (void)state;
    int64_t delays_ns[20];
    run(measure_delay, delays_ns, (yibu_sim_options){.jitter_ns = YIBU_MS(10)});
    int different = 0;
    for (int i = 1; i < 20; i++) {
        assert_true(delays_ns[i] <= YIBU_MS(10) + 1000);
        different += delays_ns[i] != delays_ns[0];
    }
    assert_true(different > 10);
}

/* Partitions and resets. */

SIM_TEST(a_partition_holds_what_is_sent_until_it_heals, 20)
{
    ends e = connect_ends("10.0.0.1");
    char byte;
    assert_int_equal(yibu_sim_partition("192.0.2.1", "10.0.0.1"), 0);
    assert_int_equal(yibu_send(e.client, "x", 1), 1);
    yibu_timeout limit;
    assert_int_equal(yibu_timeout_begin(&limit, YIBU_SECONDS(5)), 0);
    assert_int_equal(yibu_timeout_end(&limit, yibu_recv(e.server, &byte, 1)), -ETIMEDOUT);
    assert_int_equal(yibu_sim_heal("10.0.0.1", "192.0.2.1"), 1);
    assert_int_equal(yibu_recv(e.server, &byte, 1), 1);
    close_ends(e);
    return 0;
}

SIM_TEST(a_host_that_is_parted_from_everybody_cannot_be_connected_to, 20)
{
    int listener = yibu_tcp_listen("10.0.0.1", 80, NULL);
    assert_int_equal(yibu_sim_partition("10.0.0.1", NULL), 0);
    int64_t begin_ns = now_ns();
    assert_int_equal(yibu_tcp_connect("10.0.0.1", 80), -ETIMEDOUT);
    assert_true(now_ns() - begin_ns >= YIBU_SECONDS(127));
    assert_int_equal(yibu_sim_heal("10.0.0.1", NULL), 1);
    int client = yibu_tcp_connect("10.0.0.1", 80);
    assert_true(client >= 0);
    assert_int_equal(yibu_close(client), 0);
    return yibu_close(listener);
}

static intptr_t connect_from_another_host(void *arg)
{
    yibu_address *address = arg;
    assert_int_equal(yibu_sim_set_host("10.0.0.77"), 0);
    int fd = yibu_tcp_connect("10.0.0.1", 80);
    assert_true(fd >= 0);
    assert_int_equal(yibu_getsockname(fd, address), 0);
    return yibu_close(fd);
}

SIM_TEST(a_task_connects_from_its_host, 20)
{
    yibu_address from, at_listener;
    char text[YIBU_ADDRESS_TEXT];
    int listener = yibu_tcp_listen("10.0.0.1", 80, NULL);
    yibu_task *task = yibu_create_task(connect_from_another_host, &from, NULL);
    int fd = yibu_accept(listener, &at_listener);
    assert_true(fd >= 0);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_true(yibu_address_format(&at_listener, text, sizeof(text)) > 0);
    assert_ptr_equal(strstr(text, "10.0.0.77:"), text);
    assert_int_equal(yibu_address_port(&from), yibu_address_port(&at_listener));
    assert_int_equal(yibu_close(fd), 0);
    return yibu_close(listener);
}

SIM_TEST(a_reset_is_told_to_both_ends, 20)
{
    ends e = connect_ends("10.0.0.1");
    char byte;
    assert_int_equal(yibu_sim_reset("10.0.0.1", NULL), 1);
    assert_int_equal(yibu_recv(e.server, &byte, 1), -ECONNRESET);
    assert_int_equal(yibu_send(e.client, "x", 1), -ECONNRESET);
    assert_int_equal(yibu_sim_reset("10.0.0.2", "10.0.0.3"), 0);
    assert_int_equal(yibu_sim_reset("nonsense", NULL), -EINVAL);
    close_ends(e);
    return 0;
}

/* Descriptors. */

static intptr_t receive_one(void *arg)
{
    char byte;
    return yibu_recv(*(int *)arg, &byte, 1);
}

SIM_TEST(closing_ends_what_waits, 20)
{
    ends e = connect_ends("10.0.0.1");
    yibu_task *task = yibu_create_task(receive_one, &e.client, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_close(e.client), 0);
    assert_int_equal(yibu_await(task), -EBADF);
    yibu_task_unref(task);
    assert_int_equal(yibu_close(e.server), 0);
    return yibu_close(e.listener);
}

SIM_TEST(a_cancelled_receive_takes_nothing, 50)
{
    ends e = connect_ends("10.0.0.1");
    yibu_task *task = yibu_create_task(receive_one, &e.server, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_send(e.client, "x", 1), 1);
    if (yibu_sim_random(2))
        (void)yibu_sleep(0);
    yibu_task_cancel(task);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    char byte;
    assert_true(r == 1 || r == -ECANCELED);
    assert_int_equal(yibu_close(e.client), 0);
    assert_int_equal(yibu_recv(e.server, &byte, 1), r == 1 ? 0 : 1);
    assert_int_equal(yibu_close(e.server), 0);
    return yibu_close(e.listener);
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

SIM_TEST(readiness_can_be_waited_for_and_watched, 20)
{
    ends e = connect_ends("10.0.0.1");
    int calls = 0;
    assert_int_equal(yibu_wait_writable(e.client), 0);
    assert_int_equal(yibu_add_reader(yibu_get_running_loop(), e.server, count_call, &calls), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(calls, 0);
    assert_int_equal(yibu_send(e.client, "x", 1), 1);
    assert_int_equal(yibu_wait_readable(e.server), 0);
    (void)yibu_sleep(0);
    (void)yibu_sleep(0);
    assert_true(calls > 0);
    assert_int_equal(yibu_remove_reader(yibu_get_running_loop(), e.server), 1);
    close_ends(e);
    return 0;
}

static void ignore_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)code;
    *(bool *)arg = strstr(message, "the kernel's") != NULL;
}

static intptr_t use_a_socket_of_the_kernel(void *arg)
{
    (void)arg;
    char byte;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(yibu_recv(pair[0], &byte, 1), -ENOTSUP);
    assert_int_equal(yibu_wait_readable(pair[0]), -ENOTSUP);
    assert_int_equal(yibu_close(pair[0]), 0);
    return yibu_close(pair[1]);
}

static void a_socket_of_the_kernels_is_refused_with_a_reason(void **state)
{
    (void)state;
    bool told = false;
    run(use_a_socket_of_the_kernel, NULL,
        (yibu_sim_options){.exception_handler = ignore_report, .exception_handler_arg = &told});
    assert_true(told);
}

static intptr_t read_a_file(void *arg)
{
    (void)arg;
    char bytes[100] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(yibu_write(fileno(file), "written", 7), 7);
    rewind(file);
    assert_int_equal(yibu_read(fileno(file), bytes, sizeof(bytes)), 7);
    assert_string_equal(bytes, "written");
    (void)fclose(file);
    return 0;
}

static void files_are_passed_through(void **state)
{
    (void)state;
    run(read_a_file, NULL, (yibu_sim_options){0});
}

/* Names. */

static const yibu_sim_host hosts[] = {
    {"server", "10.0.0.1"}, {"two", "10.0.0.2"}, {"two", "10.0.0.1"}, {NULL, NULL}};

static intptr_t look_up_names(void *arg)
{
    (void)arg;
    struct addrinfo *list;
    ends e = {.listener = yibu_tcp_listen("10.0.0.1", 80, NULL)};
    e.client = yibu_tcp_connect("server", 80);
    assert_true(e.client >= 0);
    e.server = yibu_accept(e.listener, NULL);
    close_ends((ends){e.client, e.server, -1});
    e.client = yibu_tcp_connect("two", 80); /* its first address refuses */
    assert_true(e.client >= 0);
    close_ends((ends){e.client, -1, e.listener});
    assert_int_equal(yibu_getaddrinfo("example.org", "80", NULL, &list), YIBU_EAI_NONAME);
    assert_int_equal(yibu_getaddrinfo("localhost", "80", NULL, &list), 0);
    assert_int_equal(list->ai_family, AF_INET);
    freeaddrinfo(list);
    return 0;
}

static void names_are_those_of_the_options(void **state)
{
    (void)state;
    run(look_up_names, NULL, (yibu_sim_options){.hosts = hosts});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_whole_and_in_order),
        cmocka_unit_test(half_a_close_leaves_the_other_direction_open),
        cmocka_unit_test(a_close_is_the_end_of_the_stream),
        cmocka_unit_test(a_close_with_bytes_unread_is_a_reset),
        cmocka_unit_test(nobody_listens_and_the_connection_is_refused),
        cmocka_unit_test(ports_and_addresses_are_as_the_kernels),
        cmocka_unit_test(a_full_buffer_holds_the_sender),
        cmocka_unit_test(latency_is_the_time_one_way),
        cmocka_unit_test(bandwidth_is_the_time_a_size_takes),
        cmocka_unit_test(jitter_differs_from_seed_to_seed),
        cmocka_unit_test(a_partition_holds_what_is_sent_until_it_heals),
        cmocka_unit_test(a_host_that_is_parted_from_everybody_cannot_be_connected_to),
        cmocka_unit_test(a_task_connects_from_its_host),
        cmocka_unit_test(a_reset_is_told_to_both_ends),
        cmocka_unit_test(closing_ends_what_waits),
        cmocka_unit_test(a_cancelled_receive_takes_nothing),
        cmocka_unit_test(readiness_can_be_waited_for_and_watched),
        cmocka_unit_test(a_socket_of_the_kernels_is_refused_with_a_reason),
        cmocka_unit_test(files_are_passed_through),
        cmocka_unit_test(names_are_those_of_the_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
