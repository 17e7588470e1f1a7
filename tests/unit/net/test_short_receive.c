/* Receives that give less than was asked for: what comes after them is heard of all the same. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yibu/tcp.h>

enum { MANY = 300 };

typedef struct pair {
    int ours;  /* accepted by Yibu */
    int peers; /* an ordinary socket */
} pair;

static int listen_here(yibu_address *ret_address)
{
    int listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    assert_true(listener >= 0);
    assert_int_equal(yibu_getsockname(listener, ret_address), 0);
    return listener;
}

static pair connect_pair(int listener, const yibu_address *address)
{
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(peer, (const struct sockaddr *)&address->storage, address->length), 0);
    pair made = {.ours = yibu_accept(listener, NULL), .peers = peer};
    assert_true(made.ours >= 0);
    return made;
}

static pair open_pair(void)
{
    yibu_address address;
    int listener = listen_here(&address);
    pair made = connect_pair(listener, &address);
    yibu_close(listener);
    return made;
}

static void close_pair(pair *both)
{
    yibu_close(both->ours);
    close(both->peers);
}

/* Receives up to 100 bytes that have to be these. */
static void expect(int fd, const char *text)
{
    char bytes[100];
    assert_int_equal(yibu_recv(fd, bytes, sizeof(bytes)), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

/* Receives these, with no room for more. */
static void expect_exactly(int fd, const char *text)
{
    char bytes[100];
    assert_int_equal(yibu_recv(fd, bytes, strlen(text)), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

typedef struct sender {
    int fd;
    const char *text;
} sender;

static intptr_t send_text(void *arg)
{
    const sender *s = arg;
    return send(s->fd, s->text, strlen(s->text), 0) > 0 ? 0 : -errno;
}

/* A pair whose first byte came while it was waited for. */
static pair open_waiting_pair(void)
{
    pair both = open_pair();
    sender first = {both.peers, "-"};
    yibu_task *task = yibu_create_task(send_text, &first, NULL);
    expect(both.ours, "-");
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    return both;
}

LOOP_TEST(data_after_a_short_receive_is_received)
{
    pair both = open_waiting_pair();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(both.peers, "abc", 3, 0), 3);
        for (int turn = 0; turn < i; turn++) /* is told of while nobody receives */
            assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
        expect(both.ours, "abc");
    }
    close_pair(&both);
    return 0;
}

LOOP_TEST(an_end_that_came_with_the_data_is_received_after_it)
{
    pair both = open_waiting_pair();
    assert_int_equal(send(both.peers, "abc", 3, 0), 3);
    assert_int_equal(shutdown(both.peers, SHUT_WR), 0);
    expect(both.ours, "abc");
    expect(both.ours, "");
    expect(both.ours, "");
    close_pair(&both);
    return 0;
}

LOOP_TEST(data_after_receives_that_filled_their_buffers_is_received)
{
    pair both = open_waiting_pair();
    sender later = {both.peers, "hij"};
    assert_int_equal(send(both.peers, "abcdef", 6, 0), 6);
    expect_exactly(both.ours, "ab");
    expect_exactly(both.ours, "cd");
    expect_exactly(both.ours, "ef");
    yibu_task *task = yibu_create_task(send_text, &later, NULL);
    expect_exactly(both.ours, "hij");
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(send(both.peers, "kl", 2, 0), 2);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0); /* is told of while nobody receives */
    expect_exactly(both.ours, "kl");
    assert_int_equal(send(both.peers, "mn", 2, 0), 2);
    assert_int_equal(shutdown(both.peers, SHUT_WR), 0);
    expect_exactly(both.ours, "mn");
    expect(both.ours, "");
    close_pair(&both);
    return 0;
}

LOOP_TEST(an_end_of_our_own_making_is_received)
{
    pair both = open_waiting_pair();
    assert_int_equal(send(both.peers, "abc", 3, 0), 3);
    expect(both.ours, "abc");
    assert_int_equal(yibu_shutdown(both.ours, SHUT_RD), 0);
    expect(both.ours, "");
    close_pair(&both);
    return 0;
}

/* A receive stops before urgent data, whatever stands behind it. */
LOOP_TEST(data_behind_urgent_data_is_received)
{
    pair both = open_waiting_pair();
    assert_int_equal(send(both.peers, "ab", 2, 0), 2);
    assert_int_equal(send(both.peers, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(both.peers, "cd", 2, 0), 2);
    expect(both.ours, "ab");
    expect(both.ours, "cd");
    close_pair(&both);
    return 0;
}

LOOP_TEST(a_reset_after_a_short_receive_is_reported)
{
    char byte;
    const struct linger now = {.l_onoff = 1};
    pair both = open_waiting_pair();
    assert_int_equal(setsockopt(both.peers, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(both.peers);
    assert_int_equal(yibu_recv(both.ours, &byte, 1), -ECONNRESET);
    yibu_close(both.ours);
    return 0;
}

/* More come at once than one look at I/O serves. */

static size_t received, closed;

static void count(yibu_op *op, ssize_t result)
{
    (void)op;
    assert_true(result == 1 || result == -EBADF);
    received += result == 1;
    closed += result == -EBADF;
}

typedef struct crowd {
    pair pairs[MANY];
    yibu_op ops[MANY];
    char bytes[MANY];
} crowd;

static intptr_t open_crowd(void *arg)
{
    crowd *c = arg;
    yibu_address address;
    int listener = listen_here(&address);
    for (int i = 0; i < MANY; i++) {
        c->pairs[i] = connect_pair(listener, &address);
        c->ops[i] = (yibu_op){.callback = count};
        assert_int_equal(yibu_op_recv(yibu_get_running_loop(), &c->ops[i], c->pairs[i].ours,
                                      &c->bytes[i], 1),
                         0);
    }
    return yibu_close(listener);
}

static void send_to_all(const crowd *c)
{
    for (int i = 0; i < MANY; i++)
        assert_int_equal(send(c->pairs[i].peers, "x", 1, 0), 1);
}

static void close_crowd(crowd *c)
{
    for (int i = 0; i < MANY; i++)
        close_pair(&c->pairs[i]);
}

static void the_loops_descriptor_tells_of_all_that_came_at_once(void **state)
{
    (void)state;
    static crowd c;
    yibu_loop *loop;
    received = closed = 0;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_run_until_complete(loop, open_crowd, &c), 0);
    send_to_all(&c);
    while (received == 0) /* takes in more than it tells of at once */
        assert_true(yibu_loop_run_once(loop, 0) >= 0);
    assert_true(received < MANY);
    while (received < MANY) {
        struct pollfd query = {.fd = yibu_loop_fd(loop), .events = POLLIN};
        assert_int_equal(poll(&query, 1, 10000), 1);
        assert_true(yibu_loop_run_once(loop, 0) >= 0);
    }
    assert_int_equal(yibu_loop_run_once(loop, 0), 0); /* nothing is left */
    for (int i = 0; i < MANY; i++)
        close_pair(&c.pairs[i]);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void wait_for_all(void)
{
    while (received + closed < MANY)
        assert_int_equal(yibu_sleep(0), 0);
}

LOOP_TEST(numbers_that_come_back_have_no_events_of_the_closed_descriptors)
{
    static crowd c;
    received = closed = 0;
    assert_int_equal(open_crowd(&c), 0);
    send_to_all(&c);
    while (received == 0)
        assert_int_equal(yibu_sleep(0), 0);
    close_crowd(&c);
    wait_for_all();
    received = closed = 0;
    assert_int_equal(open_crowd(&c), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(received + closed, 0);
    send_to_all(&c);
    wait_for_all();
    assert_int_equal(received, MANY);
    close_crowd(&c);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_after_a_short_receive_is_received),
        cmocka_unit_test(an_end_that_came_with_the_data_is_received_after_it),
        cmocka_unit_test(data_after_receives_that_filled_their_buffers_is_received),
        cmocka_unit_test(an_end_of_our_own_making_is_received),
        cmocka_unit_test(data_behind_urgent_data_is_received),
        cmocka_unit_test(a_reset_after_a_short_receive_is_reported),
        cmocka_unit_test(the_loops_descriptor_tells_of_all_that_came_at_once),
        cmocka_unit_test(numbers_that_come_back_have_no_events_of_the_closed_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
