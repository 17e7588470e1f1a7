/* Messages over UDP: one at a time and many by one call, what belongs to them, cancels. */
#include "datagrams.h"

#include <sys/wait.h>

#include "signal_storm.h"

LOOP_TEST(an_answer_goes_to_whoever_asked)
{
    yibu_address server_address, from;
    int server = bind_anywhere(NULL, &server_address);
    yibu_address client_address;
    int client = bind_anywhere(NULL, &client_address);
    char text[16];
    assert_int_equal(yibu_sendto(client, "ping", 4, &server_address), 4);
    assert_int_equal(yibu_recvfrom(server, text, sizeof(text), &from), 4);
    assert_memory_equal(text, "ping", 4);
    expect_same_address(&from, &client_address);
    assert_int_equal(yibu_sendto(server, "pong!", 5, &from), 5);
    assert_int_equal(yibu_recvfrom(client, text, sizeof(text), &from), 5);
    expect_same_address(&from, &server_address);
    assert_int_equal(yibu_close(server), 0);
    assert_int_equal(yibu_close(client), 0);
    return 0;
}

LOOP_TEST(a_connected_socket_needs_no_address)
{
    datagram_pair p = connect_datagrams(NULL);
    char text[16];
    yibu_address from;
    assert_int_equal(yibu_sendto(p.sender, "a", 1, NULL), 1);
    assert_int_equal(yibu_send(p.sender, "bc", 2), 2);
    assert_int_equal(yibu_recvfrom(p.receiver, text, sizeof(text), NULL), 1);
    assert_int_equal(yibu_recvfrom(p.receiver, text, sizeof(text), &from), 2);
    assert_int_equal(yibu_sendto(p.receiver, "d", 1, &from), 1);
    assert_int_equal(yibu_recvfrom(p.sender, text, sizeof(text), NULL), 1);
    assert_int_equal(text[0], 'd');
    close_datagrams(p);
    return 0;
}

LOOP_TEST(an_empty_datagram_is_a_datagram)
{
    datagram_pair p = connect_datagrams(NULL);
    char text[16];
    yibu_address from = {0};
    assert_int_equal(yibu_sendto(p.sender, NULL, 0, NULL), 0);
    assert_int_equal(yibu_recvfrom(p.receiver, text, sizeof(text), &from), 0);
    assert_true(from.length > 0);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(a_datagram_that_does_not_fit_is_told_and_gone)
{
    datagram_pair p = connect_datagrams(NULL);
    char text[5] = "....";
    assert_int_equal(yibu_sendto(p.sender, "123456", 6, NULL), 6);
    assert_int_equal(yibu_sendto(p.sender, "abcdef", 6, NULL), 6);
    assert_int_equal(yibu_sendto(p.sender, "next", 4, NULL), 4);
    assert_int_equal(yibu_recvfrom(p.receiver, text, 4, NULL), -EMSGSIZE);
    assert_string_equal(text, "1234");
    yibu_message message = {.data = text, .capacity = 3};
    assert_int_equal(yibu_recv_message(p.receiver, &message), 3);
    assert_int_equal(message.size, 3);
    assert_int_equal(message.flags, YIBU_MESSAGE_TRUNCATED);
    message.capacity = 4;
    assert_int_equal(yibu_recv_message(p.receiver, &message), 4);
    assert_int_equal(message.flags, 0);
    assert_string_equal(text, "next");
    close_datagrams(p);
    return 0;
}

LOOP_TEST(a_datagram_longer_than_the_protocol_allows_is_refused_whole)
{
    static char text[70000];
    datagram_pair p = connect_datagrams(NULL);
    assert_int_equal(yibu_sendto(p.sender, text, sizeof(text), NULL), -EMSGSIZE);
    assert_int_equal(yibu_sendto(p.sender, text, 65507, NULL), 65507);
    assert_int_equal(yibu_recvfrom(p.receiver, text, sizeof(text), NULL), 65507);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(a_connected_socket_hears_that_nobody_listens)
{
    datagram_pair p = connect_datagrams(NULL);
    assert_int_equal(yibu_close(p.receiver), 0);
    char text[16];
    assert_int_equal(yibu_sendto(p.sender, "x", 1, NULL), 1);
    assert_int_equal(yibu_recvfrom(p.sender, text, sizeof(text), NULL), -ECONNREFUSED);
    assert_int_equal(yibu_close(p.sender), 0);
    return 0;
}

typedef struct waiting {
    int fd;
    ssize_t result;
    char text[16];
    yibu_address from;
} waiting;

static intptr_t receive_one(void *arg)
{
    waiting *w = arg;
    return w->result = yibu_recvfrom(w->fd, w->text, sizeof(w->text), &w->from);
}

LOOP_TEST(a_receiver_waits_for_its_datagram_and_is_told_the_sender)
{
    datagram_pair p = connect_datagrams(NULL);
    waiting w = {.fd = p.receiver};
    yibu_task *task = yibu_create_task(receive_one, &w, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_sendto(p.sender, "late", 4, NULL), 4);
    assert_int_equal(yibu_await(task), 4);
    yibu_task_unref(task);
    yibu_address sender;
    assert_int_equal(yibu_getsockname(p.sender, &sender), 0);
    expect_same_address(&w.from, &sender);
    assert_memory_equal(w.text, "late", 4);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(a_receiver_that_waits_hears_that_nobody_listens)
{
    datagram_pair p = connect_datagrams(NULL);
    assert_int_equal(yibu_close(p.receiver), 0);
    waiting w = {.fd = p.sender};
    yibu_task *task = yibu_create_task(receive_one, &w, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_sendto(p.sender, "x", 1, NULL), 1);
    assert_int_equal(yibu_await(task), -ECONNREFUSED);
    yibu_task_unref(task);
    assert_int_equal(yibu_close(p.sender), 0);
    return 0;
}

LOOP_TEST(a_receiver_ends_when_its_socket_is_closed)
{
    datagram_pair p = connect_datagrams(NULL);
    waiting w = {.fd = p.receiver};
    yibu_task *task = yibu_create_task(receive_one, &w, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_close(p.receiver), 0);
    assert_int_equal(yibu_await(task), -EBADF);
    yibu_task_unref(task);
    assert_int_equal(yibu_close(p.sender), 0);
    return 0;
}

/* The ways in which a datagram and a cancel can meet. */
static void meet(int way, int sender, yibu_task *task, char byte)
{
    if (way == 0 || way == 3)
        yibu_task_cancel(task);
    if (way == 3)
        assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(send(sender, &byte, 1, 0), 1);
    if (way == 2)
        assert_int_equal(yibu_sleep(0), 0);
    if (way == 4)
        assert_int_equal(yibu_yield(), 0);
    if (way != 0 && way != 3)
        yibu_task_cancel(task);
}

LOOP_TEST(no_datagram_is_lost_when_cancel_and_data_race)
{
    datagram_pair p = connect_datagrams(NULL);
    int had_by_cancelled = 0;
    for (int i = 0; i < 2000; i++) {
        char byte = (char)('a' + i % 26);
        waiting w = {.fd = p.receiver};
        yibu_task *task = yibu_create_task(receive_one, &w, NULL);
        assert_int_equal(yibu_sleep(0), 0);
        meet(i % 5, p.sender, task, byte);
        intptr_t result = yibu_await(task);
        yibu_task_unref(task);
        if (result == 1)
            had_by_cancelled++;
        else
            assert_int_equal(receive_one(&w), 1);
        assert_int_equal(w.text[0], byte);
    }
    char none;
    assert_int_equal(recv(p.receiver, &none, 1, MSG_DONTWAIT), -1);
    assert_true(had_by_cancelled < 2000);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(a_time_limit_ends_a_receive)
{
    datagram_pair p = connect_datagrams(NULL);
    char text[16];
    yibu_timeout limit;
    assert_int_equal(yibu_timeout_begin(&limit, YIBU_MS(2)), 0);
    intptr_t r = yibu_recvfrom(p.receiver, text, sizeof(text), NULL);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    close_datagrams(p);
    return 0;
}

enum { MANY = 100 };

static void number_messages(yibu_message *messages, uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (uint32_t)i;
        messages[i] = (yibu_message){.data = &numbers[i], .size = sizeof(numbers[i])};
    }
}

static void expect_numbers(const yibu_message *messages, size_t count, uint32_t first)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(messages[i].size, sizeof(uint32_t));
        assert_int_equal(*(const uint32_t *)messages[i].data, first + i);
        assert_true(messages[i].address.length > 0);
    }
}

static void room_for_messages(yibu_message *messages, uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        messages[i] = (yibu_message){.data = &numbers[i], .capacity = sizeof(numbers[i])};
}

LOOP_TEST(many_messages_are_sent_and_received_in_order)
{
    yibu_udp_options options = {.size = sizeof(options), .receive_bytes = 1 << 20};
    datagram_pair p = connect_datagrams(&options);
    static yibu_message messages[MANY];
    static uint32_t numbers[MANY];
    size_t sent = 0;
    number_messages(messages, numbers, MANY);
    assert_int_equal(yibu_send_messages(p.sender, messages, MANY, &sent), 0);
    assert_int_equal(sent, MANY);
    room_for_messages(messages, numbers, MANY);
    assert_int_equal(yibu_recv_messages(p.receiver, messages, MANY), MANY);
    expect_numbers(messages, MANY, 0);
    close_datagrams(p);
    return 0;
}

static intptr_t send_three(void *arg)
{
    static yibu_message messages[3];
    static uint32_t numbers[3];
    number_messages(messages, numbers, 3);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    return yibu_send_messages(*(int *)arg, messages, 3, NULL);
}

LOOP_TEST(receiving_many_waits_for_the_first_and_not_for_the_last)
{
    datagram_pair p = connect_datagrams(NULL);
    static yibu_message messages[MANY];
    static uint32_t numbers[MANY];
    yibu_task *task = yibu_create_task(send_three, &p.sender, NULL);
    room_for_messages(messages, numbers, MANY);
    ssize_t total = 0;
    while (total < 3) {
        ssize_t n = yibu_recv_messages(p.receiver, messages + total, (size_t)(MANY - total));
        assert_true(n > 0);
        total += n;
    }
    assert_int_equal(total, 3);
    expect_numbers(messages, 3, 0);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(sending_many_says_which_could_not_be_sent)
{
    datagram_pair p = connect_datagrams(NULL);
    static char long_text[70000];
    yibu_message messages[] = {{.data = long_text, .size = 1},
                               {.data = long_text, .size = 2},
                               {.data = long_text, .size = sizeof(long_text)},
                               {.data = long_text, .size = 3}};
    size_t sent = 99;
    assert_int_equal(yibu_send_messages(p.sender, messages, 4, &sent), -EMSGSIZE);
    assert_int_equal(sent, 2);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(each_of_many_messages_has_its_own_receiver)
{
    enum { RECEIVERS = 5 };
    int fds[RECEIVERS];
    yibu_message messages[RECEIVERS];
    char text[RECEIVERS];
    for (int i = 0; i < RECEIVERS; i++) {
        text[i] = (char)('0' + i);
        messages[i] = (yibu_message){.data = &text[i], .size = 1};
        fds[i] = bind_anywhere(NULL, &messages[i].address);
    }
    assert_int_equal(yibu_send_messages(fds[0], messages, RECEIVERS, NULL), 0);
    for (int i = 0; i < RECEIVERS; i++) {
        char byte;
        assert_int_equal(yibu_recvfrom(fds[i], &byte, 1, NULL), 1);
        assert_int_equal(byte, '0' + i);
        assert_int_equal(yibu_close(fds[i]), 0);
    }
    return 0;
}

/* A sender and a receiver that must keep pace: what the socket's buffer cannot hold would be
 * lost. */
enum { FLOOD = 10000, WINDOW = 64 };

static intptr_t send_flood(void *arg)
{
    datagram_pair *p = arg;
    char credit;
    for (uint32_t i = 0; i < FLOOD; i++) {
        if (i % WINDOW == 0 && i > 0 && yibu_recvfrom(p->sender, &credit, 1, NULL) != 1)
            return -EPROTO;
        if (yibu_sendto(p->sender, &i, sizeof(i), NULL) != sizeof(i))
            return -EPROTO;
    }
    return 0;
}

static void run_flood(void)
{
    datagram_pair p = connect_datagrams(NULL);
    yibu_address sender;
    assert_int_equal(yibu_getsockname(p.sender, &sender), 0);
    yibu_task *task = yibu_create_task(send_flood, &p, NULL);
    static yibu_message messages[MANY];
    static uint32_t numbers[MANY];
    uint32_t total = 0;
    while (total < FLOOD) {
        room_for_messages(messages, numbers, MANY);
        ssize_t n = yibu_recv_messages(p.receiver, messages, MANY);
        assert_true(n > 0);
        expect_numbers(messages, (size_t)n, total);
        uint32_t windows = total / WINDOW;
        total += (uint32_t)n;
        for (windows = total / WINDOW - windows; windows > 0; windows--)
            assert_int_equal(yibu_sendto(p.receiver, "c", 1, &sender), 1);
    }
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    close_datagrams(p);
}

LOOP_TEST(ten_thousand_datagrams_arrive)
{
    run_flood();
    return 0;
}

LOOP_TEST(a_storm_of_signals_loses_nothing)
{
    storm_begin(100 * YB_TEST_SLOWDOWN);
    run_flood();
    storm_end();
    return 0;
}

LOOP_TEST(a_forked_child_cannot_go_on_and_its_parent_can)
{
    datagram_pair p = connect_datagrams(NULL);
    char byte = 'x';
    pid_t child = fork();
    if (child == 0)
        _exit(yibu_sendto(p.sender, &byte, 1, NULL) == YIBU_EFORKED &&
                      yibu_recvfrom(p.receiver, &byte, 1, NULL) == YIBU_EFORKED
                  ? 0
                  : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(yibu_sendto(p.sender, &byte, 1, NULL), 1);
    assert_int_equal(yibu_recvfrom(p.receiver, &byte, 1, NULL), 1);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(what_is_asked_for_is_told_of_a_packet)
{
    yibu_udp_options options = {.size = sizeof(options),
                                .tell = YIBU_MESSAGE_DESTINATION | YIBU_MESSAGE_HOP_LIMIT |
                                        YIBU_MESSAGE_TRAFFIC_CLASS | YIBU_MESSAGE_TIMESTAMP};
    datagram_pair p = connect_datagrams(&options);
    char text[4] = "abc";
    yibu_message message = {.data = text,
                            .size = 3,
                            .flags = YIBU_MESSAGE_HOP_LIMIT | YIBU_MESSAGE_TRAFFIC_CLASS,
                            .hop_limit = 7,
                            .traffic_class = 0x2a};
    assert_int_equal(yibu_send_message(p.sender, &message), 3);
    yibu_message got = {.data = text, .capacity = sizeof(text)};
    assert_int_equal(yibu_recv_message(p.receiver, &got), 3);
    assert_int_equal(got.flags, options.tell);
    assert_int_equal(got.hop_limit, 7);
    assert_int_equal(got.traffic_class, 0x2a);
    assert_true(got.timestamp_ns > INT64_C(1000000000) * 1000000000);
    assert_int_equal(got.interface, 1);
    yibu_address local = p.address;
    ((struct sockaddr_in *)(void *)&local.storage)->sin_port = 0;
    expect_same_address(&got.local, &local);
    close_datagrams(p);
    return 0;
}

LOOP_TEST(an_answer_comes_from_the_address_that_was_asked)
{
    yibu_udp_options options = {.size = sizeof(options), .tell = YIBU_MESSAGE_DESTINATION};
    int server = yibu_udp_bind("0.0.0.0", 0, &options);
    yibu_address address, from;
    assert_int_equal(yibu_getsockname(server, &address), 0);
    uint16_t port = yibu_address_port(&address);
    int client = yibu_udp_bind("127.0.0.1", 0, NULL);
    yibu_address to;
    assert_int_equal(yibu_address_parse("127.0.0.9", port, &to), 0);
    assert_int_equal(yibu_sendto(client, "?", 1, &to), 1);
    char text[4];
    yibu_message message = {.data = text, .capacity = sizeof(text)};
    assert_int_equal(yibu_recv_message(server, &message), 1);
    assert_int_equal(yibu_send_message(server, &message), 1);
    assert_int_equal(yibu_recvfrom(client, text, sizeof(text), &from), 1);
    expect_same_address(&from, &to);
    assert_int_equal(yibu_close(server), 0);
    assert_int_equal(yibu_close(client), 0);
    return 0;
}

LOOP_TEST(segments_of_a_message_are_datagrams)
{
    enum { SEGMENT = 100, SIZE = 100 * 99 + 50 };
    yibu_udp_options options = {.size = sizeof(options), .receive_bytes = 1 << 20};
    datagram_pair p = connect_datagrams(&options);
    static char text[SIZE], got[SEGMENT + 1];
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)stream_byte(i);
    yibu_message message = {.data = text, .size = SIZE, .segment_size = SEGMENT};
    assert_int_equal(yibu_send_message(p.sender, &message), SIZE);
    for (size_t at = 0; at < SIZE; at += SEGMENT) {
        ssize_t wanted = SIZE - at < SEGMENT ? (ssize_t)(SIZE - at) : SEGMENT;
        assert_int_equal(yibu_recvfrom(p.receiver, got, sizeof(got), NULL), wanted);
        assert_memory_equal(got, text + at, (size_t)wanted);
    }
    close_datagrams(p);
    return 0;
}

LOOP_TEST(with_gro_a_message_may_hold_several_datagrams)
{
    enum { SEGMENT = 500, SIZE = 500 * 20 };
    yibu_udp_options options = {.size = sizeof(options), .receive_bytes = 1 << 20, .gro = true};
    datagram_pair p = connect_datagrams(&options);
    static char text[SIZE], got[65536];
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)stream_byte(i);
    yibu_message message = {.data = text, .size = SIZE, .segment_size = SEGMENT};
    assert_int_equal(yibu_send_message(p.sender, &message), SIZE);
    size_t total = 0;
    while (total < SIZE) {
        yibu_message part = {.data = got, .capacity = sizeof(got)};
        ssize_t n = yibu_recv_message(p.receiver, &part);
        assert_true(n > 0);
        assert_true(n <= SEGMENT || part.segment_size == SEGMENT);
        assert_memory_equal(got, text + total, (size_t)n);
        total += (size_t)n;
    }
    close_datagrams(p);
    return 0;
}

LOOP_TEST(calls_refuse_what_cannot_be_right)
{
    datagram_pair p = connect_datagrams(NULL);
    char text[4];
    yibu_message message = {.capacity = 4};
    assert_int_equal(yibu_recvfrom(p.receiver, NULL, 4, NULL), -EINVAL);
    assert_int_equal(yibu_recvfrom(-1, text, 4, NULL), -EBADF);
    assert_int_equal(yibu_sendto(p.sender, NULL, 4, NULL), -EINVAL);
    assert_int_equal(yibu_sendto(p.receiver, "x", 1, NULL), -EDESTADDRREQ);
    assert_int_equal(yibu_recv_message(p.receiver, NULL), -EINVAL);
    assert_int_equal(yibu_recv_message(p.receiver, &message), -EINVAL);
    assert_int_equal(yibu_recv_messages(p.receiver, &message, 0), -EINVAL);
    assert_int_equal(yibu_send_messages(p.sender, NULL, 0, NULL), 0);
    assert_int_equal(yibu_send_messages(p.sender, NULL, 1, NULL), -EINVAL);
    close_datagrams(p);
    return 0;
}

static void messages_need_a_task(void **state)
{
    (void)state;
    char byte;
    assert_int_equal(yibu_recvfrom(0, &byte, 1, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_sendto(0, &byte, 1, NULL), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_goes_to_whoever_asked),
        cmocka_unit_test(a_connected_socket_needs_no_address),
        cmocka_unit_test(an_empty_datagram_is_a_datagram),
        cmocka_unit_test(a_datagram_that_does_not_fit_is_told_and_gone),
        cmocka_unit_test(a_datagram_longer_than_the_protocol_allows_is_refused_whole),
        cmocka_unit_test(a_connected_socket_hears_that_nobody_listens),
        cmocka_unit_test(a_receiver_waits_for_its_datagram_and_is_told_the_sender),
        cmocka_unit_test(a_receiver_that_waits_hears_that_nobody_listens),
        cmocka_unit_test(a_receiver_ends_when_its_socket_is_closed),
        cmocka_unit_test(no_datagram_is_lost_when_cancel_and_data_race),
        cmocka_unit_test(a_time_limit_ends_a_receive),
        cmocka_unit_test(many_messages_are_sent_and_received_in_order),
        cmocka_unit_test(receiving_many_waits_for_the_first_and_not_for_the_last),
        cmocka_unit_test(sending_many_says_which_could_not_be_sent),
        cmocka_unit_test(each_of_many_messages_has_its_own_receiver),
        cmocka_unit_test(ten_thousand_datagrams_arrive),
        cmocka_unit_test(a_storm_of_signals_loses_nothing),
        cmocka_unit_test(a_forked_child_cannot_go_on_and_its_parent_can),
        cmocka_unit_test(what_is_asked_for_is_told_of_a_packet),
        cmocka_unit_test(an_answer_comes_from_the_address_that_was_asked),
        cmocka_unit_test(segments_of_a_message_are_datagrams),
        cmocka_unit_test(with_gro_a_message_may_hold_several_datagrams),
        cmocka_unit_test(calls_refuse_what_cannot_be_right),
        cmocka_unit_test(messages_need_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
