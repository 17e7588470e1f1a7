/* Cancels and time limits around socket calls: a transfer that happened is reported, one that did
 * not can be made by somebody else, and no descriptor gets lost. */
#include "streams.h"

#include <netinet/tcp.h>

typedef struct receiver {
    int fd;
    char byte;
} receiver;

static intptr_t receive_byte(void *arg)
{
    receiver *r = arg;
    return yibu_recv(r->fd, &r->byte, 1);
}

LOOP_TEST(a_cancelled_receive_takes_nothing)
{
    pair p = connect_pair();
    receiver r = {.fd = p.server};
    yibu_task *task = yibu_create_task(receive_byte, &r, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(yibu_send_all(p.client, "x", 1, NULL), 0);
    assert_int_equal(receive_byte(&r), 1);
    assert_int_equal(r.byte, 'x');
    close_pair(p);
    return 0;
}

LOOP_TEST(a_cancelled_task_does_not_begin_to_receive)
{
    pair p = connect_pair();
    receiver r = {.fd = p.server, .byte = '-'};
    assert_int_equal(yibu_send_all(p.client, "x", 1, NULL), 0);
    yibu_task *task = yibu_create_task(receive_byte, &r, NULL);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(r.byte, '-');
    close_pair(p);
    return 0;
}

/* The ways in which data and a cancel can meet. */
static void meet(int way, int client, yibu_task *task, char byte)
{
    switch (way) {
    case 0: /* the cancel first */
        yibu_task_cancel(task);
        assert_int_equal(send(client, &byte, 1, 0), 1);
        break;
    case 1: /* the data first, in one turn */
        assert_int_equal(send(client, &byte, 1, 0), 1);
        yibu_task_cancel(task);
        break;
    case 2: /* I/O was looked at in between */
        assert_int_equal(send(client, &byte, 1, 0), 1);
        assert_int_equal(yibu_sleep(0), 0);
        yibu_task_cancel(task);
        break;
    case 3: /* the cancel was under way when the data came */
        yibu_task_cancel(task);
        assert_int_equal(yibu_sleep(0), 0);
        assert_int_equal(send(client, &byte, 1, 0), 1);
        break;
    default: /* others ran in between */
        assert_int_equal(send(client, &byte, 1, 0), 1);
        assert_int_equal(yibu_yield(), 0);
        yibu_task_cancel(task);
    }
}

/* Every byte is had exactly once: by the task that was cancelled, or by the next that asks. */
LOOP_TEST(no_byte_is_lost_when_cancel_and_data_race)
{
    enum { ROUNDS = 5000 };
    pair p = connect_pair();
    int had_by_cancelled = 0;
    for (int i = 0; i < ROUNDS; i++) {
        receiver r = {.fd = p.server};
        yibu_task *task = yibu_create_task(receive_byte, &r, NULL);
        assert_int_equal(yibu_sleep(0), 0);
        meet(i % 5, p.client, task, (char)i);
        intptr_t n = yibu_await(task);
        yibu_task_unref(task);
        if (n == 1) {
            had_by_cancelled++;
        } else {
            assert_int_equal(n, -ECANCELED);
            assert_int_equal(receive_byte(&r), 1);
        }
        assert_int_equal(r.byte, (char)i);
    }
    assert_true(had_by_cancelled > 0);
    assert_true(had_by_cancelled < ROUNDS);
    char rest;
    assert_int_equal(recv(p.server, &rest, 1, MSG_DONTWAIT), -1);
    close_pair(p);
    return 0;
}

typedef struct sender {
    int fd;
    const uint8_t *bytes;
    size_t size, sent;
} sender;

static intptr_t send_everything(void *arg)
{
    sender *s = arg;
    return yibu_send_all(s->fd, s->bytes, s->size, &s->sent);
}

static size_t receive_to_the_end(int fd)
{
    uint8_t buffer[4096];
    size_t place = 0;
    for (ssize_t n; (n = yibu_recv(fd, buffer, sizeof(buffer))) != 0;) {
        assert_true(n > 0);
        check_stream(buffer, (size_t)n, place);
        place += (size_t)n;
    }
    return place;
}

LOOP_TEST(a_cancelled_send_all_says_exactly_how_much_was_sent)
{
    const size_t size = 32 << 20;
    uint8_t *bytes = new_stream(size);
    for (int turns = 1; turns <= 5; turns++) {
        pair p = connect_pair();
        sender s = {p.client, bytes, size, 12345};
        yibu_task *task = yibu_create_task(send_everything, &s, NULL);
        for (int i = 0; i < turns; i++)
            assert_int_equal(yibu_sleep(0), 0);
        yibu_task_cancel(task);
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
        assert_in_range(s.sent, 1, size - 1);
        assert_int_equal(yibu_close(p.client), 0);
        assert_int_equal(receive_to_the_end(p.server), s.sent);
        assert_int_equal(yibu_close(p.server), 0);
    }
    free(bytes);
    return 0;
}

static intptr_t send_until_cancelled(void *arg)
{
    sender *s = arg;
    for (ssize_t n; (n = yibu_send(s->fd, s->bytes + s->sent, s->size - s->sent)) != 0;) {
        if (n < 0)
            return n;
        s->sent += (size_t)n;
    }
    return 0;
}

LOOP_TEST(a_cancelled_send_has_sent_nothing_or_says_so)
{
    const size_t size = 32 << 20;
    uint8_t *bytes = new_stream(size);
    pair p = connect_pair();
    sender s = {p.client, bytes, size, 0};
    yibu_task *task = yibu_create_task(send_until_cancelled, &s, NULL);
    for (int i = 0; i < 5; i++)
        assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(yibu_close(p.client), 0);
    assert_int_equal(receive_to_the_end(p.server), s.sent);
    assert_int_equal(yibu_close(p.server), 0);
    free(bytes);
    return 0;
}

static intptr_t accept_one(void *arg)
{
    return yibu_accept(*(int *)arg, NULL);
}

LOOP_TEST(no_connection_is_lost_when_cancel_and_accept_race)
{
    enum { ROUNDS = 1000 };
    uint16_t port;
    int listener = listen_anywhere(&port);
    int descriptors = count_descriptors();
    int had_by_cancelled = 0;
    yibu_address address;
    assert_int_equal(yibu_address_parse("127.0.0.1", port, &address), 0);
    for (int i = 0; i < ROUNDS; i++) {
        yibu_task *task = yibu_create_task(accept_one, &listener, NULL);
        assert_int_equal(yibu_sleep(0), 0);
        if (i % 5 == 0)
            yibu_task_cancel(task);
        if (i % 5 == 0 && i % 2 == 0) /* this one comes in time */
            assert_int_equal(yibu_sleep(0), 0);
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *)&address.storage, address.length), 0);
        if (i % 5 == 1)
            assert_int_equal(yibu_sleep(0), 0);
        if (i % 5 == 2)
            assert_int_equal(yibu_yield(), 0);
        yibu_task_cancel(task);
        intptr_t server = yibu_await(task);
        yibu_task_unref(task);
        if (server >= 0) {
            had_by_cancelled++;
        } else {
            assert_int_equal(server, -ECANCELED);
            server = yibu_accept(listener, NULL);
            assert_true(server >= 0);
        }
        close_will_reset(client);
        close(client);
        assert_int_equal(yibu_close((int)server), 0);
        assert_int_equal(count_descriptors(), descriptors);
    }
    assert_true(had_by_cancelled > 0);
    assert_true(had_by_cancelled < ROUNDS);
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

/* A port where connections neither succeed nor fail: the listener's queue is full. */
typedef struct full_listener {
    int fd, fillers[16], count;
    uint16_t port;
    yibu_address address;
} full_listener;

static bool still_connecting(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_state == TCP_SYN_SENT;
}

static full_listener fill_listener(void)
{
    full_listener l = {.count = 0};
    yibu_listen_options options = {.size = sizeof(options), .backlog = 1};
    l.fd = yibu_tcp_listen("127.0.0.1", 0, &options);
    assert_true(l.fd >= 0);
    assert_int_equal(yibu_getsockname(l.fd, &l.address), 0);
    l.port = yibu_address_port(&l.address);
    do {
        assert_in_range(l.count, 0, 15);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fd, (struct sockaddr *)&l.address.storage, l.address.length);
        l.fillers[l.count++] = fd;
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    } while (!still_connecting(l.fillers[l.count - 1]));
    return l;
}

static void close_listener(full_listener *l)
{
    for (int i = 0; i < l->count; i++)
        close(l->fillers[i]);
    assert_int_equal(yibu_close(l->fd), 0);
}

static intptr_t connect_to_port(void *arg)
{
    return yibu_tcp_connect("127.0.0.1", *(uint16_t *)arg);
}

LOOP_TEST(a_cancelled_connect_leaves_no_descriptor)
{
    full_listener l = fill_listener();
    int descriptors = count_descriptors();
    yibu_task *task = yibu_create_task(connect_to_port, &l.port, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(task));
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(count_descriptors(), descriptors);
    close_listener(&l);
    return 0;
}

LOOP_TEST(a_cancelled_connect_of_the_caller_s_socket_returns)
{
    full_listener l = fill_listener();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    YIBU_TIMEOUT(limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_connect(fd, &l.address)), -ETIMEDOUT);
    assert_int_equal(yibu_close(fd), 0);
    close_listener(&l);
    return 0;
}

LOOP_TEST(time_limits_end_every_call_that_waits)
{
    int descriptors = count_descriptors();
    yibu_timeout limit;
    char byte;
    uint16_t port;
    pair p = connect_pair();
    int listener = listen_anywhere(&port);

    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_recv(p.server, &byte, 1)), -ETIMEDOUT);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_accept(listener, NULL)), -ETIMEDOUT);

    const size_t size = 32 << 20;
    size_t sent;
    uint8_t *bytes = new_stream(size);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_send_all(p.client, bytes, size, &sent)),
                     -ETIMEDOUT);
    free(bytes);

    full_listener l = fill_listener();
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_tcp_connect("127.0.0.1", l.port)), -ETIMEDOUT);
    close_listener(&l);

    assert_int_equal(yibu_close(listener), 0);
    close_pair(p);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(what_arrived_before_the_limit_counts)
{
    pair p = connect_pair();
    yibu_timeout limit;
    char byte;
    assert_int_equal(yibu_send_all(p.client, "x", 1, NULL), 0);
    yibu_timeout_begin(&limit, YIBU_SECONDS(60));
    assert_int_equal(yibu_timeout_end(&limit, yibu_recv(p.server, &byte, 1)), 1);
    close_pair(p);
    return 0;
}

LOOP_TEST(close_ends_what_others_wait_for_on_the_descriptor)
{
    uint16_t port;
    pair p = connect_pair();
    int listener = listen_anywhere(&port);
    receiver r = {.fd = p.server};
    yibu_task *receiving = yibu_create_task(receive_byte, &r, NULL);
    yibu_task *accepting = yibu_create_task(accept_one, &listener, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_close(p.server), 0);
    assert_int_equal(yibu_close(listener), 0);
    assert_int_equal(yibu_await(receiving), -EBADF);
    assert_int_equal(yibu_await(accepting), -EBADF);
    yibu_task_unref(receiving);
    yibu_task_unref(accepting);
    char byte;
    assert_int_equal(yibu_recv(p.client, &byte, 1), 0);
    assert_int_equal(yibu_close(p.client), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_receive_takes_nothing),
        cmocka_unit_test(a_cancelled_task_does_not_begin_to_receive),
        cmocka_unit_test(no_byte_is_lost_when_cancel_and_data_race),
        cmocka_unit_test(a_cancelled_send_all_says_exactly_how_much_was_sent),
        cmocka_unit_test(a_cancelled_send_has_sent_nothing_or_says_so),
        cmocka_unit_test(no_connection_is_lost_when_cancel_and_accept_race),
        cmocka_unit_test(a_cancelled_connect_leaves_no_descriptor),
        cmocka_unit_test(a_cancelled_connect_of_the_caller_s_socket_returns),
        cmocka_unit_test(time_limits_end_every_call_that_waits),
        cmocka_unit_test(what_arrived_before_the_limit_counts),
        cmocka_unit_test(close_ends_what_others_wait_for_on_the_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
