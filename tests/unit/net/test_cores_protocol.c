/* Servers on many cores whose connections are protocols. */
#include "cores.h"

/* A connection of the server, which sends back what comes. */
typedef struct guest {
    yibu_protocol protocol;
    yibu_core *core;
} guest;

/* Of all loops. */
typedef struct tally {
    atomic_int made, lost, elsewhere;
} tally;

static tally all;

static void on_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    guest *g = (guest *)(void *)protocol;
    all.elsewhere += g->core != yibu_current_core();
    (void)yibu_transport_write(transport, data, size);
}

static void on_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    (void)transport;
    (void)error;
    guest *g = (guest *)(void *)protocol;
    all.elsewhere += g->core != yibu_current_core();
    all.lost++;
    free(g);
}

static yibu_protocol *make_guest(void *arg)
{
    static const yibu_protocol_methods methods = {
        .size = sizeof(methods), .data_received = on_data, .connection_lost = on_lost};
    guest *g = malloc(sizeof(*g));
    ((tally *)arg)->made++;
    *g = (guest){{&methods}, yibu_current_core()};
    return &g->protocol;
}

static yibu_cores *start_guests(bool balance, int64_t drain_ns)
{
    const yibu_cores_options options = {.size = sizeof(options),
                                        .loops = 2,
                                        .balance = balance,
                                        .drain_ns = drain_ns,
                                        .factory = make_guest};
    all = (tally){0};
    return start_cores(NULL, &all, &options);
}

static void greet(yibu_cores *cores, int *ret_fds, int count)
{
    for (int i = 0; i < count; i++) {
        ret_fds[i] = connect_client(yibu_cores_port(cores));
        say(ret_fds[i], "hello");
        expect(ret_fds[i], "hello");
    }
}

static void expect_tally(int count)
{
    assert_int_equal(all.made, count);
    assert_int_equal(all.lost, count);
    assert_int_equal(all.elsewhere, 0);
}

static void protocols_are_served_on_the_loop_that_made_them(void **state)
{
    (void)state;
    enum { CLIENTS = 40 };
    int before = count_descriptors(), fds[CLIENTS];
    yibu_cores *cores = start_guests(false, 0);
    greet(cores, fds, CLIENTS);
    assert_int_equal(yibu_cores_connections(cores), CLIENTS);
    yibu_cores_stop(cores);
    for (int i = 0; i < CLIENTS; i++) { /* while they drain */
        say(fds[i], "still");
        expect(fds[i], "still");
        close(fds[i]);
    }
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
    expect_tally(CLIENTS);
    assert_int_equal(count_descriptors(), before);
}

static void protocols_that_do_not_end_in_time_are_aborted(void **state)
{
    (void)state;
    yibu_cores *cores = start_guests(false, YIBU_MS(20));
    int fd;
    greet(cores, &fd, 1);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    expect_end(fd);
    close(fd);
    yibu_cores_free(cores);
    expect_tally(1);
}

static void protocols_are_balanced(void **state)
{
    (void)state;
    enum { CLIENTS = 40 };
    int fds[CLIENTS];
    yibu_cores *cores = start_guests(true, 0);
    greet(cores, fds, CLIENTS);
    for (unsigned i = 0; i < 2; i++)
        assert_in_range(yibu_core_connections(yibu_cores_core(cores, i)), CLIENTS / 2 - 3,
                        CLIENTS / 2 + 3);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
    expect_tally(CLIENTS);
}

LOOP_TEST(a_socket_that_is_handed_over_becomes_a_protocol_and_a_stream_cannot)
{
    int ends[2];
    yibu_stream *stream;
    yibu_cores *cores = start_guests(false, 0);
    yibu_core *core = yibu_cores_core(cores, 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(yibu_core_hand_over_fd(core, ends[1], echo_lines, NULL), -EINVAL);
    assert_int_equal(yibu_core_hand_over_fd(core, ends[1], NULL, NULL), 0);
    say(ends[0], "here");
    expect(ends[0], "here");
    close(ends[0]);
    assert_int_equal(yibu_socketpair(SOCK_STREAM, ends), 0);
    assert_int_equal(yibu_stream_new(ends[0], NULL, &stream), 0);
    assert_int_equal(yibu_core_hand_over(core, stream, NULL, NULL), -ENOTSUP);
    assert_int_equal(yibu_core_hand_over(core, stream, echo_lines, NULL), -ENOTSUP);
    yibu_stream_free(stream);
    assert_int_equal(yibu_close(ends[1]), 0);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
    expect_tally(1);
    return 0;
}

static void a_handler_or_a_factory_is_needed_and_not_both(void **state)
{
    (void)state;
    const yibu_cores_options options = {.size = sizeof(options), .loops = 2, .factory = make_guest};
    yibu_cores *cores = NULL;
    assert_int_equal(yibu_start_cores(NULL, NULL, "127.0.0.1", 0, NULL, &cores), -EINVAL);
    assert_int_equal(yibu_start_cores(echo_lines, NULL, "127.0.0.1", 0, &options, &cores), -EINVAL);
    assert_int_equal(yibu_serve_cores(NULL, NULL, "127.0.0.1", 0, NULL), -EINVAL);
    assert_null(cores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocols_are_served_on_the_loop_that_made_them),
        cmocka_unit_test(protocols_that_do_not_end_in_time_are_aborted),
        cmocka_unit_test(protocols_are_balanced),
        cmocka_unit_test(a_socket_that_is_handed_over_becomes_a_protocol_and_a_stream_cannot),
        cmocka_unit_test(a_handler_or_a_factory_is_needed_and_not_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
