/* Bytes over loopback TCP: nothing lost, nothing doubled, nothing out of order; ends of streams. */
#include "streams.h"

#include <poll.h>

typedef struct transfer {
    int fd;
    size_t size;  /* of the whole stream */
    size_t piece; /* most that is asked for at once */
} transfer;

static intptr_t receive_stream(void *arg)
{
    const transfer *t = arg;
    uint8_t *buffer = malloc(t->piece);
    size_t place = 0;
    for (ssize_t n; (n = yibu_recv(t->fd, buffer, t->piece)) != 0;) {
        assert_true(n > 0);
        check_stream(buffer, (size_t)n, place);
        place += (size_t)n;
    }
    free(buffer);
    assert_int_equal(place, t->size);
    return 0;
}

static intptr_t send_stream(void *arg)
{
    const transfer *t = arg;
    uint8_t *bytes = new_stream(t->size);
    for (size_t place = 0; place < t->size;) {
        size_t rest = t->size - place;
        ssize_t n = yibu_send(t->fd, bytes + place, rest < t->piece ? rest : t->piece);
        assert_true(n > 0);
        place += (size_t)n;
    }
    free(bytes);
    return yibu_shutdown(t->fd, SHUT_WR);
}

static intptr_t send_stream_whole(void *arg)
{
    const transfer *t = arg;
    uint8_t *bytes = new_stream(t->size);
    size_t sent = 0;
    assert_int_equal(yibu_send_all(t->fd, bytes, t->size, &sent), 0);
    assert_int_equal(sent, t->size);
    free(bytes);
    return yibu_shutdown(t->fd, SHUT_WR);
}

static void await_all(yibu_task **tasks, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
}

static void make_small(int fd)
{
    int size = 4096;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

/* Both directions at once, on the same two sockets. */
static void exchange(pair p, size_t size, size_t send_piece, size_t receive_piece)
{
    transfer out[2] = {{p.client, size, send_piece}, {p.server, size + 1, send_piece}};
    transfer in[2] = {{p.server, size, receive_piece}, {p.client, size + 1, receive_piece}};
    yibu_task *tasks[4] = {yibu_create_task(send_stream, &out[0], NULL),
                           yibu_create_task(send_stream_whole, &out[1], NULL),
                           yibu_create_task(receive_stream, &in[0], NULL),
                           yibu_create_task(receive_stream, &in[1], NULL)};
    await_all(tasks, 4);
}

LOOP_TEST(large_streams_arrive_whole_in_both_directions_at_once)
{
    pair p = connect_pair();
    exchange(p, 8 << 20, 1 << 20, 100003);
    close_pair(p);
    return 0;
}

LOOP_TEST(streams_arrive_whole_through_buffers_that_hold_little_of_them)
{
    pair p = connect_pair();
    make_small(p.client);
    make_small(p.server);
    exchange(p, 300000, 70001, 1009);
    close_pair(p);
    return 0;
}

LOOP_TEST(single_bytes_arrive_in_order)
{
    pair p = connect_pair();
    exchange(p, 3000, 1, 1);
    close_pair(p);
    return 0;
}

LOOP_TEST(send_takes_part_of_what_does_not_fit)
{
    pair p = connect_pair();
    make_small(p.client);
    const size_t size = 32 << 20;
    uint8_t *bytes = new_stream(size);
    ssize_t n = yibu_send(p.client, bytes, size);
    assert_in_range(n, 1, size - 1);
    assert_int_equal(yibu_close(p.client), 0);
    transfer rest = {p.server, (size_t)n, 65536};
    assert_int_equal(receive_stream(&rest), 0);
    assert_int_equal(yibu_close(p.server), 0);
    free(bytes);
    return 0;
}

LOOP_TEST(after_a_half_close_the_other_direction_goes_on)
{
    pair p = connect_pair();
    char text[8];
    assert_int_equal(yibu_shutdown(p.client, SHUT_WR), 0);
    assert_int_equal(yibu_recv(p.server, text, sizeof(text)), 0);
    assert_int_equal(yibu_recv(p.server, text, sizeof(text)), 0);
    assert_int_equal(yibu_send_all(p.server, "still", 5, NULL), 0);
    assert_int_equal(yibu_recv(p.client, text, sizeof(text)), 5);
    assert_memory_equal(text, "still", 5);
    assert_int_equal(yibu_send(p.client, "no", 2), -EPIPE);
    close_pair(p);
    return 0;
}

static intptr_t receive_some(void *arg)
{
    char byte;
    return yibu_recv(*(int *)arg, &byte, 1);
}

LOOP_TEST(a_waiting_receiver_hears_of_the_peer_s_reset)
{
    pair p = connect_pair();
    yibu_task *receiver = yibu_create_task(receive_some, &p.server, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    close_will_reset(p.client);
    assert_int_equal(yibu_close(p.client), 0);
    assert_int_equal(yibu_await(receiver), -ECONNRESET);
    yibu_task_unref(receiver);
    assert_int_equal(yibu_send(p.server, "x", 1), -EPIPE);
    assert_int_equal(yibu_close(p.server), 0);
    return 0;
}

static intptr_t send_for_ever(void *arg)
{
    static const char zeros[1 << 16];
    ssize_t n;
    do
        n = yibu_send(*(int *)arg, zeros, sizeof(zeros));
    while (n > 0);
    return n;
}

LOOP_TEST(a_waiting_sender_hears_of_the_peer_s_reset)
{
    pair p = connect_pair();
    yibu_task *sender = yibu_create_task(send_for_ever, &p.client, NULL);
    struct pollfd query = {.fd = p.client, .events = POLLOUT};
    do
        assert_int_equal(yibu_sleep(0), 0);
    while (poll(&query, 1, 0) > 0);
    close_will_reset(p.server);
    assert_int_equal(yibu_close(p.server), 0);
    intptr_t r = yibu_await(sender);
    assert_true(r == -ECONNRESET || r == -EPIPE);
    yibu_task_unref(sender);
    assert_int_equal(yibu_close(p.client), 0);
    return 0;
}

LOOP_TEST(send_all_says_how_far_it_came_before_a_reset)
{
    pair p = connect_pair();
    make_small(p.client);
    close_will_reset(p.server);
    const size_t size = 4 << 20;
    uint8_t *bytes = new_stream(size);
    yibu_task *receiver = yibu_create_task(receive_some, &p.server, NULL);
    assert_int_equal(yibu_send_all(p.client, bytes, 1, NULL), 0);
    assert_int_equal(yibu_await(receiver), 1);
    yibu_task_unref(receiver);
    assert_int_equal(yibu_close(p.server), 0);
    size_t sent = 12345;
    int r = yibu_send_all(p.client, bytes, size, &sent);
    assert_true(r == -ECONNRESET || r == -EPIPE);
    assert_in_range(sent, 0, size - 1);
    assert_int_equal(yibu_close(p.client), 0);
    free(bytes);
    return 0;
}

LOOP_TEST(nothing_to_transfer_is_no_failure)
{
    pair p = connect_pair();
    size_t sent = 7;
    assert_int_equal(yibu_send_all(p.client, NULL, 0, &sent), 0);
    assert_int_equal(sent, 0);
    assert_int_equal(yibu_send(p.client, "", 0), 0);
    close_pair(p);
    return 0;
}

LOOP_TEST(wrong_arguments_are_refused)
{
    pair p = connect_pair();
    char byte;
    size_t sent = 7;
    assert_int_equal(yibu_recv(-1, &byte, 1), -EBADF);
    assert_int_equal(yibu_send(-1, &byte, 1), -EBADF);
    assert_int_equal(yibu_send_all(-1, &byte, 1, &sent), -EBADF);
    assert_int_equal(sent, 0);
    assert_int_equal(yibu_recv(p.client, NULL, 1), -EINVAL);
    assert_int_equal(yibu_send(p.client, NULL, 1), -EINVAL);
    assert_int_equal(yibu_send_all(p.client, NULL, 1, NULL), -EINVAL);
    assert_int_equal(yibu_connect(p.client, NULL), -EINVAL);
    assert_int_equal(yibu_shutdown(-1, SHUT_WR), -EBADF);
    assert_int_equal(yibu_shutdown(p.client, 12345), -EINVAL);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(yibu_recv(ends[0], &byte, 1), -ENOTSOCK);
    assert_int_equal(yibu_send(ends[1], "x", 1), -ENOTSOCK);
    assert_int_equal(yibu_shutdown(ends[1], SHUT_WR), -ENOTSOCK);
    assert_int_equal(yibu_accept(ends[0], NULL), -ENOTSOCK);
    close(ends[0]);
    close(ends[1]);
    close_pair(p);
    assert_int_equal(yibu_recv(p.client, &byte, 1), -EBADF);
    return 0;
}

static void only_tasks_can_wait_for_sockets(void **state)
{
    (void)state;
    char byte;
    yibu_address address = {.length = 0};
    assert_int_equal(yibu_recv(0, &byte, 1), YIBU_ENOTASK);
    assert_int_equal(yibu_send(0, &byte, 1), YIBU_ENOTASK);
    assert_int_equal(yibu_send_all(0, &byte, 1, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_accept(0, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_connect(0, &address), YIBU_ENOTASK);
    assert_int_equal(yibu_tcp_connect("127.0.0.1", 1), YIBU_ENOTASK);
}

static void note_turn(void *arg)
{
    *(bool *)arg = true;
}

/* Whether accepting the second of two that wait let the loop turn. */
static bool second_accept_waits(int listener, uint16_t port)
{
    int clients[2], servers[2];
    bool turned = false;
    for (int i = 0; i < 2; i++) {
        clients[i] = yibu_tcp_connect("127.0.0.1", port);
        assert_true(clients[i] >= 0);
    }
    servers[0] = yibu_accept(listener, NULL);
    assert_int_equal(yibu_call_soon(yibu_get_running_loop(), note_turn, &turned, NULL), 0);
    servers[1] = yibu_accept(listener, NULL);
    bool waited = turned;
    assert_int_equal(yibu_sleep(0), 0); /* note_turn has run */
    for (int i = 0; i < 2; i++) {
        assert_true(servers[i] >= 0);
        assert_int_equal(yibu_close(servers[i]), 0);
        assert_int_equal(yibu_close(clients[i]), 0);
    }
    return waited;
}

/* A task may be out of its turn's budget, hence several rounds. */
LOOP_TEST(connections_that_came_together_are_accepted_in_one_turn)
{
    uint16_t port;
    int listener = listen_anywhere(&port);
    int rounds = 0;
    while (second_accept_waits(listener, port))
        assert_true(++rounds < 20);
    return yibu_close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_streams_arrive_whole_in_both_directions_at_once),
        cmocka_unit_test(streams_arrive_whole_through_buffers_that_hold_little_of_them),
        cmocka_unit_test(single_bytes_arrive_in_order),
        cmocka_unit_test(connections_that_came_together_are_accepted_in_one_turn),
        cmocka_unit_test(send_takes_part_of_what_does_not_fit),
        cmocka_unit_test(after_a_half_close_the_other_direction_goes_on),
        cmocka_unit_test(a_waiting_receiver_hears_of_the_peer_s_reset),
        cmocka_unit_test(a_waiting_sender_hears_of_the_peer_s_reset),
        cmocka_unit_test(send_all_says_how_far_it_came_before_a_reset),
        cmocka_unit_test(nothing_to_transfer_is_no_failure),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(only_tasks_can_wait_for_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
