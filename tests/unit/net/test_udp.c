/* UDP sockets: options, families, multicast, broadcast, and datagrams that nobody took. */
#include "datagrams.h"

#include <fcntl.h>
#include <net/if.h>

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

LOOP_TEST(sockets_are_nonblocking_and_closed_on_exec)
{
    datagram_pair p = connect_datagrams(NULL);
    assert_true(fcntl(p.receiver, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(p.receiver, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(p.sender, F_GETFD) & FD_CLOEXEC);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(options_reach_the_socket)
{
    yibu_udp_options options = {.size = sizeof(options),
                                .reuse_port = true,
                                .reuse_address = true,
                                .broadcast = true,
                                .hop_limit = 9,
                                .traffic_class = 0x28,
                                .multicast_hop_limit = 3,
                                .multicast_no_loop = true};
    yibu_address address;
    int fd = bind_anywhere(&options, &address);
    assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_BROADCAST), 1);
    assert_int_equal(option(fd, IPPROTO_IP, IP_TTL), 9);
    assert_int_equal(option(fd, IPPROTO_IP, IP_TOS), 0x28);
    assert_int_equal(option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 3);
    assert_int_equal(option(fd, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    assert_int_equal(yibu_close(fd), 0);
    return 0;
}

LOOP_TEST(a_port_in_use_is_refused_unless_it_is_shared)
{
    yibu_address address;
    int fd = bind_anywhere(NULL, &address);
    int descriptors = count_descriptors();
    assert_int_equal(yibu_udp_bind("127.0.0.1", yibu_address_port(&address), NULL), -EADDRINUSE);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(yibu_close(fd), 0);
    yibu_udp_options options = {.size = sizeof(options), .reuse_port = true};
    fd = bind_anywhere(&options, &address);
    int second = yibu_udp_bind("127.0.0.1", yibu_address_port(&address), &options);
    assert_true(second >= 0);
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(yibu_close(second), 0);
    return 0;
}

static void bind_needs_a_numeric_address_and_sound_options(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    yibu_udp_options options = {.size = 1};
    assert_int_equal(yibu_udp_bind("localhost", 0, NULL), -EINVAL);
    assert_int_equal(yibu_udp_bind("192.0.2.1", 0, NULL), -EADDRNOTAVAIL);
    assert_int_equal(yibu_udp_bind("127.0.0.1", 0, &options), -EINVAL);
    assert_int_equal(count_descriptors(), descriptors);
}

LOOP_TEST(connect_resolves_names_and_binds_where_asked)
{
    yibu_address address, own;
    int server = bind_anywhere(NULL, &address);
    yibu_udp_options options = {.size = sizeof(options), .local_address = "127.0.0.7"};
    int fd = yibu_udp_connect("127.1", yibu_address_port(&address), &options);
    assert_true(fd >= 0);
    char text[YIBU_ADDRESS_TEXT];
    assert_int_equal(yibu_getsockname(fd, &own), 0);
    assert_true(yibu_address_format(&own, text, sizeof(text)) > 0);
    assert_memory_equal(text, "127.0.0.7:", 10);
    options.local_address = "::1";
    assert_int_equal(yibu_udp_connect("127.0.0.1", 9, &options), -EAFNOSUPPORT);
    assert_int_equal(yibu_udp_connect("", 9, NULL), -EINVAL);
    assert_int_equal(yibu_close(server), 0);
    assert_int_equal(yibu_close(fd), 0);
    return 0;
}

static bool there_is_ipv6(void)
{
    int fd = yibu_udp_bind("::1", 0, NULL);
    if (fd >= 0)
        yibu_close(fd);
    return fd >= 0;
}

LOOP_TEST(ipv6_tells_what_ipv4_tells)
{
    if (!there_is_ipv6())
        return 0;
    yibu_udp_options options = {.size = sizeof(options),
                                .tell = YIBU_MESSAGE_DESTINATION | YIBU_MESSAGE_HOP_LIMIT |
                                        YIBU_MESSAGE_TRAFFIC_CLASS};
    int server = yibu_udp_bind(NULL, 0, &options);
    yibu_address address;
    assert_int_equal(yibu_getsockname(server, &address), 0);
    static const char *const hosts[] = {"::1", "127.0.0.1"};
    for (int i = 0; i < 2; i++) {
        int client = yibu_udp_connect(hosts[i], yibu_address_port(&address), NULL);
        char text[4] = "6";
        yibu_message message = {.data = text,
                                .size = 1,
                                .flags = YIBU_MESSAGE_HOP_LIMIT | YIBU_MESSAGE_TRAFFIC_CLASS,
                                .hop_limit = 5,
                                .traffic_class = 0x11};
        assert_int_equal(yibu_send_message(client, &message), 1);
        yibu_message got = {.data = text, .capacity = sizeof(text)};
        assert_int_equal(yibu_recv_message(server, &got), 1);
        assert_int_equal(got.flags, options.tell);
        assert_int_equal(got.hop_limit, 5);
        assert_int_equal(got.traffic_class, 0x11);
        /* The answer goes back the same way, with all that was told of the question. */
        assert_int_equal(yibu_send_message(server, &got), 1);
        assert_int_equal(yibu_recvfrom(client, text, sizeof(text), NULL), 1);
        assert_int_equal(yibu_close(client), 0);
    }
    assert_int_equal(yibu_close(server), 0);
    return 0;
}

LOOP_TEST(the_error_queue_says_which_datagram_nobody_took)
{
    yibu_address nobody, somebody;
    int closed = bind_anywhere(NULL, &nobody);
    assert_int_equal(yibu_close(closed), 0);
    int listener = bind_anywhere(NULL, &somebody);
    yibu_udp_options options = {.size = sizeof(options), .error_queue = true};
    yibu_address own;
    int fd = bind_anywhere(&options, &own);
    char text[16];
    yibu_udp_error error;
    assert_int_equal(yibu_udp_recv_error(fd, text, sizeof(text), &error), -EAGAIN);
    assert_int_equal(yibu_sendto(fd, "heard", 5, &somebody), 5);
    assert_int_equal(yibu_sendto(fd, "unheard", 7, &nobody), 7);
    assert_int_equal(yibu_recvfrom(fd, text, sizeof(text), NULL), -ECONNREFUSED);
    assert_int_equal(yibu_udp_recv_error(fd, text, sizeof(text), &error), 0);
    assert_int_equal(error.error, -ECONNREFUSED);
    expect_same_address(&error.destination, &nobody);
    assert_int_equal(error.icmp_type, 3);
    assert_int_equal(error.icmp_code, 3);
    assert_true(error.reporter.length > 0);
    assert_int_equal(error.data_size, 7);
    assert_memory_equal(text, "unheard", 7);
    assert_int_equal(yibu_udp_recv_error(fd, NULL, 0, &error), -EAGAIN);
    /* The socket goes on. */
    assert_int_equal(yibu_recvfrom(listener, text, sizeof(text), NULL), 5);
    assert_int_equal(yibu_sendto(listener, "x", 1, &own), 1);
    assert_int_equal(yibu_recvfrom(fd, text, sizeof(text), NULL), 1);
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

/* The send is told of the refusal, and the receive must neither wait nor spin. */
LOOP_TEST(a_receive_does_not_wait_while_a_failure_is_in_the_queue)
{
    yibu_address nobody, own;
    int closed = bind_anywhere(NULL, &nobody);
    assert_int_equal(yibu_close(closed), 0);
    yibu_udp_options options = {.size = sizeof(options), .error_queue = true};
    int fd = bind_anywhere(&options, &own);
    char byte;
    yibu_udp_error error;
    assert_int_equal(yibu_sendto(fd, "x", 1, &nobody), 1);
    assert_int_equal(yibu_sendto(fd, "y", 1, &nobody), -ECONNREFUSED);
    assert_int_equal(yibu_recvfrom(fd, &byte, 1, NULL), -EREMOTEIO);
    assert_int_equal(yibu_udp_recv_error(fd, NULL, 0, &error), 0);
    assert_int_equal(yibu_udp_recv_error(fd, NULL, 0, &error), -EAGAIN);
    assert_int_equal(yibu_sendto(fd, "z", 1, &own), 1);
    assert_int_equal(yibu_recvfrom(fd, &byte, 1, NULL), 1);
    assert_int_equal(yibu_close(fd), 0);
    return 0;
}

LOOP_TEST(without_the_error_queue_an_unconnected_socket_hears_of_no_refusal)
{
    yibu_address nobody, own;
    int closed = bind_anywhere(NULL, &nobody);
    assert_int_equal(yibu_close(closed), 0);
    int fd = bind_anywhere(NULL, &own);
    char byte;
    assert_int_equal(yibu_sendto(fd, "x", 1, &nobody), 1);
    assert_int_equal(yibu_sendto(fd, "y", 1, &own), 1);
    assert_int_equal(yibu_recvfrom(fd, &byte, 1, NULL), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(yibu_close(fd), 0);
    return 0;
}

LOOP_TEST(members_of_a_group_hear_what_is_sent_to_it)
{
    unsigned loopback = if_nametoindex("lo");
    yibu_udp_options options = {
        .size = sizeof(options), .reuse_address = true, .multicast_interface = loopback};
    int member = yibu_udp_bind("0.0.0.0", 0, &options);
    yibu_address own, group;
    assert_int_equal(yibu_getsockname(member, &own), 0);
    assert_int_equal(yibu_address_parse("239.255.11.7", yibu_address_port(&own), &group), 0);
    assert_int_equal(yibu_udp_join(member, &group, loopback), 0);
    assert_int_equal(yibu_udp_join(member, &group, loopback), -EADDRINUSE);
    char text[16];
    assert_int_equal(yibu_sendto(member, "all", 3, &group), 3);
    assert_int_equal(yibu_recvfrom(member, text, sizeof(text), NULL), 3);
    assert_int_equal(yibu_udp_leave(member, &group, loopback), 0);
    assert_int_equal(yibu_udp_leave(member, &group, loopback), -EADDRNOTAVAIL);
    assert_int_equal(yibu_udp_join(member, NULL, loopback), -EINVAL);
    assert_int_equal(yibu_close(member), 0);
    return 0;
}

LOOP_TEST(a_broadcast_needs_the_option)
{
    yibu_address everybody, own;
    assert_int_equal(yibu_address_parse("255.255.255.255", 9, &everybody), 0);
    int fd = bind_anywhere(NULL, &own);
    assert_int_equal(yibu_sendto(fd, "x", 1, &everybody), -EACCES);
    assert_int_equal(yibu_close(fd), 0);
    yibu_udp_options options = {.size = sizeof(options), .broadcast = true};
    int listener = yibu_udp_bind("0.0.0.0", 0, NULL);
    assert_int_equal(yibu_getsockname(listener, &own), 0);
    fd = yibu_udp_bind("127.0.0.1", 0, &options);
    assert_int_equal(yibu_address_parse("127.255.255.255", yibu_address_port(&own), &everybody), 0);
    char byte = 0;
    assert_int_equal(yibu_sendto(fd, "b", 1, &everybody), 1);
    assert_int_equal(yibu_recvfrom(listener, &byte, 1, NULL), 1);
    assert_int_equal(byte, 'b');
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

static intptr_t in_simulation(void *arg)
{
    (void)arg;
    char byte;
    assert_int_equal(yibu_udp_bind("127.0.0.1", 0, NULL), -ENOTSUP);
    assert_int_equal(yibu_udp_connect("127.0.0.1", 9, NULL), -ENOTSUP);
    assert_int_equal(yibu_recvfrom(0, &byte, 1, NULL), -ENOTSUP);
    return 0;
}

static void a_simulation_says_that_it_has_no_udp(void **state)
{
    (void)state;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_sim_run(1, in_simulation, NULL, NULL), 0);
    unsetenv("CMOCKA_TEST_ABORT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_are_nonblocking_and_closed_on_exec),
        cmocka_unit_test(options_reach_the_socket),
        cmocka_unit_test(a_port_in_use_is_refused_unless_it_is_shared),
        cmocka_unit_test(bind_needs_a_numeric_address_and_sound_options),
        cmocka_unit_test(connect_resolves_names_and_binds_where_asked),
        cmocka_unit_test(ipv6_tells_what_ipv4_tells),
        cmocka_unit_test(the_error_queue_says_which_datagram_nobody_took),
        cmocka_unit_test(a_receive_does_not_wait_while_a_failure_is_in_the_queue),
        cmocka_unit_test(without_the_error_queue_an_unconnected_socket_hears_of_no_refusal),
        cmocka_unit_test(members_of_a_group_hear_what_is_sent_to_it),
        cmocka_unit_test(a_broadcast_needs_the_option),
        cmocka_unit_test(a_simulation_says_that_it_has_no_udp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
