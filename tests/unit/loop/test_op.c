/* Operations in the callback form: what each kind does. */
#include "op.h"
#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>

enum { BIG = 4 << 20 };

static int fail_early(test_op *t)
{
    test_loop_drain(t->loop);
    return t->calls;
}

/* Reading and writing. */

static void read_takes_what_is_there_and_waits_for_what_is_not(void **state)
{
    int ends[2];
    char buffer[8] = {0};
    test_op t;
    test_pipe(ends);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_read(t.loop, &t.op, ends[0], buffer, sizeof(buffer), -1), 0);
    assert_int_equal(test_op_wait(&t), 3);
    assert_string_equal(buffer, "abc");

    test_op_init(&t, *state);
    assert_int_equal(yibu_op_read(t.loop, &t.op, ends[0], buffer, sizeof(buffer), -1), 0);
    yibu_loop_run_once(t.loop, YIBU_MS(1));
    assert_false(t.done);
    assert_int_equal(write(ends[1], "de", 2), 2);
    assert_int_equal(test_op_wait(&t), 2);

    close(ends[1]);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_read(t.loop, &t.op, ends[0], buffer, sizeof(buffer), -1), 0);
    assert_int_equal(test_op_wait(&t), 0);
    close(ends[0]);
}

/* A descriptor in blocking mode, as standard input is: the loop must not wait in it. */
static void read_and_write_of_blocking_descriptors_do_not_hold_the_loop(void **state)
{
    int ends[2];
    char block[65536] = {0};
    test_op reader, writer;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    test_op_init(&reader, *state);
    assert_int_equal(yibu_op_read(reader.loop, &reader.op, ends[0], block, sizeof(block), -1), 0);
    yibu_loop_run_once(reader.loop, 0);
    assert_false(reader.done);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(test_op_wait(&reader), 1);

    size_t written = 0;
    do { /* until it waits for room */
        test_op_init(&writer, *state);
        assert_int_equal(yibu_op_write(writer.loop, &writer.op, ends[1], block, sizeof(block), -1),
                         0);
        for (int turn = 0; turn < 3 && !writer.done; turn++)
            yibu_loop_run_once(writer.loop, YIBU_MS(1));
        written += writer.done ? (size_t)writer.result : 0;
    } while (writer.done);
    assert_true(written >= 4096);
    size_t rest = written;
    while (rest > 0 || !writer.done) { /* room for a part: the write must not wait for more */
        ssize_t n = read(ends[0], block, 4096);
        assert_true(n > 0);
        rest = (size_t)n < rest ? rest - (size_t)n : 0;
        yibu_loop_run_once(writer.loop, 0);
    }
    assert_true(writer.result > 0);
    test_close_pair(ends);
}

static void read_and_write_of_a_file_are_at_their_offsets(void **state)
{
    FILE *file = tmpfile();
    int fd = fileno(file);
    char buffer[8] = {0};
    test_op t;
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_write(t.loop, &t.op, fd, "abcdef", 6, 0), 0);
    assert_int_equal(test_op_wait(&t), 6);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_write(t.loop, &t.op, fd, "X", 1, 2), 0);
    assert_int_equal(test_op_wait(&t), 1);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_read(t.loop, &t.op, fd, buffer, 4, 1), 0);
    assert_int_equal(test_op_wait(&t), 4);
    assert_string_equal(buffer, "bXde");
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_read(t.loop, &t.op, fd, buffer, 4, 100), 0);
    assert_int_equal(test_op_wait(&t), 0);
    /* -1 is the file's own position, which pread and pwrite do not move. */
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_read(t.loop, &t.op, fd, buffer, 3, -1), 0);
    assert_int_equal(test_op_wait(&t), 3);
    assert_memory_equal(buffer, "abX", 3);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_read(t.loop, &t.op, fd, buffer, 8, -1), 0);
    assert_int_equal(test_op_wait(&t), 3);
    fclose(file);
}

static void write_to_a_pipe_nobody_reads_is_broken(void **state)
{
    int ends[2];
    test_op t;
    test_pipe(ends);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_write(t.loop, &t.op, ends[1], "x", 1, -1), 0);
    assert_int_equal(test_op_wait(&t), -EPIPE);
    sched_yield(); /* Valgrind delivers signals, the ignored too, when a thread gives way */
    signal(SIGPIPE, SIG_DFL);
    close(ends[1]);
}

/* Sockets. */

static void send_and_recv_transfer(void **state)
{
    int pair[2];
    char buffer[8] = {0};
    test_op sender, receiver;
    test_pair(pair);
    test_op_init(&receiver, *state);
    test_op_init(&sender, *state);
    assert_int_equal(yibu_op_recv(receiver.loop, &receiver.op, pair[0], buffer, sizeof(buffer)), 0);
    assert_int_equal(yibu_op_send(sender.loop, &sender.op, pair[1], "hello", 5), 0);
    assert_int_equal(test_op_wait(&sender), 5);
    if (!receiver.done)
        test_loop_until(receiver.loop, &receiver.done);
    assert_int_equal(receiver.result, 5);
    assert_string_equal(buffer, "hello");
    close(pair[1]);
    test_op_init(&receiver, *state);
    assert_int_equal(yibu_op_recv(receiver.loop, &receiver.op, pair[0], buffer, 1), 0);
    assert_int_equal(test_op_wait(&receiver), 0);
    close(pair[0]);
}

static void send_to_a_peer_that_left_raises_no_signal(void **state)
{
    int pair[2];
    test_op t;
    size_t sent = 1;
    test_pair(pair);
    close(pair[1]);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_send(t.loop, &t.op, pair[0], "x", 1), 0);
    assert_int_equal(test_op_wait(&t), -EPIPE);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_send_all(t.loop, &t.op, pair[0], "x", 1, &sent), 0);
    assert_int_equal(test_op_wait(&t), -EPIPE);
    assert_int_equal(sent, 0);
    close(pair[0]);
}

/* Bytes that say where they are. */
static void fill(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 31 + (i >> 8));
}

static void send_all_sends_all_though_the_peer_is_slow(void **state)
{
    int pair[2];
    unsigned char *sent = malloc(BIG), *received = malloc(BIG);
    size_t length = 0, said = 0;
    test_op t;
    test_pair(pair);
    fill(sent, BIG);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_send_all(t.loop, &t.op, pair[0], sent, BIG, &said), 0);
    while (length < BIG) {
        yibu_loop_run_once(t.loop, 0);
        ssize_t n = recv(pair[1], received + length, BIG - length, MSG_DONTWAIT);
        length += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(test_op_wait(&t), BIG);
    assert_int_equal(said, BIG);
    assert_memory_equal(sent, received, BIG);
    test_close_pair(pair);
    free(sent);
    free(received);
}

static void send_all_says_how_much_was_sent_when_it_fails(void **state)
{
    int pair[2];
    unsigned char *sent = calloc(1, BIG), *received = malloc(BIG);
    size_t said = 0;
    test_op t;
    test_pair(pair);
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_send_all(t.loop, &t.op, pair[0], sent, BIG, &said), 0);
    yibu_loop_run_once(t.loop, YIBU_MS(1));
    assert_false(t.done);
    ssize_t n = recv(pair[1], received, BIG, MSG_DONTWAIT);
    assert_true(n > 0);
    close(pair[1]);
    ssize_t result = test_op_wait(&t);
    assert_true(result == -EPIPE || result == -ECONNRESET);
    assert_in_range(said, n, BIG - 1);
    close(pair[0]);
    free(sent);
    free(received);
}

static void accept_gives_a_descriptor_and_its_peer(void **state)
{
    yibu_address address, peer = {0}, own;
    int listener = test_listen(&address);
    test_op t;
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_accept(t.loop, &t.op, listener, &peer), 0);
    yibu_loop_run_once(t.loop, YIBU_MS(1));
    assert_false(t.done);
    int client = test_connect(&address);
    int accepted = (int)test_op_wait(&t);
    assert_true(accepted >= 0);
    assert_true(fcntl(accepted, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(accepted, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(yibu_getsockname(client, &own), 0);
    assert_int_equal(peer.length, sizeof(struct sockaddr_in));
    assert_int_equal(yibu_address_port(&peer), yibu_address_port(&own));
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_accept(t.loop, &t.op, listener, NULL), 0);
    int second = test_connect(&address);
    int also = (int)test_op_wait(&t);
    assert_true(also >= 0);
    close(also);
    close(second);
    close(accepted);
    close(client);
    close(listener);
}

static int new_client(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static void connect_connects_and_reads_the_address_at_once(void **state)
{
    yibu_address address, forgotten;
    int listener = test_listen(&address);
    int client = new_client();
    test_op t;
    test_op_init(&t, *state);
    forgotten = address;
    assert_int_equal(yibu_op_connect(t.loop, &t.op, client, &forgotten), 0);
    memset(&forgotten, 0xff, sizeof(forgotten));
    assert_int_equal(test_op_wait(&t), 0);
    assert_int_equal(send(client, "x", 1, 0), 1);
    close(client);
    close(listener);
}

static void connect_to_nobody_is_refused(void **state)
{
    yibu_address address;
    int listener = test_listen(&address);
    close(listener);
    int client = new_client();
    test_op t;
    test_op_init(&t, *state);
    assert_int_equal(yibu_op_connect(t.loop, &t.op, client, &address), 0);
    assert_int_equal(test_op_wait(&t), -ECONNREFUSED);
    close(client);
}

/* Polls and sleeps. */

static ssize_t poll_now(yibu_loop *loop, int fd, unsigned events)
{
    test_op t;
    test_op_init(&t, loop);
    assert_int_equal(yibu_op_poll(loop, &t.op, fd, events), 0);
    return test_op_wait(&t);
}

static void poll_says_what_the_descriptor_is_ready_for(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    unsigned both = YIBU_READABLE | YIBU_WRITABLE;
    test_pair(pair);
    assert_int_equal(poll_now(loop, pair[0], YIBU_WRITABLE), YIBU_WRITABLE);
    assert_int_equal(poll_now(loop, pair[0], both), YIBU_WRITABLE);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(poll_now(loop, pair[0], YIBU_READABLE), YIBU_READABLE);
    assert_int_equal(poll_now(loop, pair[0], YIBU_READABLE), YIBU_READABLE); /* still */
    assert_int_equal(poll_now(loop, pair[0], both), both);
    close(pair[1]);
    assert_int_equal(poll_now(loop, pair[0], YIBU_READABLE), YIBU_READABLE | YIBU_HANGUP);
    close(pair[0]);
}

static void polls_of_one_descriptor_do_not_disturb_each_other(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    char byte;
    test_op first, second, writable, receiver;
    test_pair(pair);
    test_op_init(&first, loop);
    test_op_init(&second, loop);
    test_op_init(&writable, loop);
    test_op_init(&receiver, loop);
    yibu_op_poll(loop, &first.op, pair[0], YIBU_READABLE);
    yibu_op_poll(loop, &second.op, pair[0], YIBU_READABLE);
    yibu_op_poll(loop, &writable.op, pair[0], YIBU_WRITABLE);
    assert_int_equal(test_op_wait(&writable), YIBU_WRITABLE);
    assert_false(first.done || second.done);
    assert_int_equal(yibu_op_recv(loop, &receiver.op, pair[0], &byte, 1), 0);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(write(pair[1], "xy", 2), 2);
    test_loop_until(loop, &first.done);
    test_loop_until(loop, &second.done);
    test_loop_until(loop, &receiver.done);
    assert_int_equal(receiver.result, 1);
    test_close_pair(pair);
}

static void sleep_is_never_early(void **state)
{
    yibu_loop *loop = *state;
    test_op t;
    int64_t start = yibu_loop_time(loop);
    test_op_init(&t, loop);
    assert_int_equal(yibu_op_sleep(loop, &t.op, YIBU_MS(3)), 0);
    assert_int_equal(test_op_wait(&t), 0);
    assert_true(yibu_loop_time(loop) - start >= YIBU_MS(3));
    test_op_init(&t, loop);
    assert_int_equal(yibu_op_sleep(loop, &t.op, -1), 0);
    assert_int_equal(test_op_wait(&t), 0);
}

/* Rules. */

static void what_could_be_done_at_once_still_waits_for_its_turn(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    char byte;
    test_op ops[4];
    test_pair(pair);
    assert_int_equal(write(pair[1], "x", 1), 1);
    for (int i = 0; i < 4; i++)
        test_op_init(&ops[i], loop);
    yibu_op_recv(loop, &ops[0].op, pair[0], &byte, 1);
    yibu_op_send(loop, &ops[1].op, pair[0], &byte, 1);
    yibu_op_poll(loop, &ops[2].op, pair[0], YIBU_WRITABLE);
    yibu_op_sleep(loop, &ops[3].op, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ops[i].calls, 0);
    test_loop_drain(loop);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ops[i].calls, 1);
    test_close_pair(pair);
}

static void bad_operations_are_refused_and_never_call_back(void **state)
{
    yibu_loop *loop = *state;
    test_op t;
    yibu_address address = {0};
    char byte;
    test_op_init(&t, loop);
    assert_int_equal(yibu_op_recv(loop, &t.op, -1, &byte, 1), -EBADF);
    assert_int_equal(yibu_op_recv(loop, &t.op, 0, NULL, 1), -EINVAL);
    assert_int_equal(yibu_op_recv(loop, NULL, 0, &byte, 1), -EINVAL);
    assert_int_equal(yibu_op_recv(NULL, &t.op, 0, &byte, 1), -EINVAL);
    assert_int_equal(yibu_op_poll(loop, &t.op, 0, 0), -EINVAL);
    assert_int_equal(yibu_op_poll(loop, &t.op, 0, YIBU_HANGUP), -EINVAL);
    assert_int_equal(yibu_op_connect(loop, &t.op, 0, NULL), -EINVAL);
    assert_int_equal(yibu_op_connect(loop, &t.op, -1, &address), -EBADF);
    t.op.callback = NULL;
    assert_int_equal(yibu_op_sleep(loop, &t.op, 0), -EINVAL);
    assert_int_equal(fail_early(&t), 0);
}

/* Refused at once, or told by the callback: -EBADF either way. */
static void a_closed_descriptor_is_bad(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    char byte;
    test_pair(pair);
    test_close_pair(pair);
    for (int kind = 0; kind < 3; kind++) {
        test_op t;
        test_op_init(&t, loop);
        int r = kind == 0   ? yibu_op_recv(loop, &t.op, pair[0], &byte, 1)
                : kind == 1 ? yibu_op_read(loop, &t.op, pair[0], &byte, 1, -1)
                            : yibu_op_poll(loop, &t.op, pair[0], YIBU_READABLE);
        if (r == 0)
            assert_int_equal(test_op_wait(&t), -EBADF);
        else
            assert_int_equal(r, -EBADF);
    }
}

static void transfers_of_nothing_succeed(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    size_t sent = 7;
    test_op t;
    test_pair(pair);
    test_op_init(&t, loop);
    assert_int_equal(yibu_op_send_all(loop, &t.op, pair[0], NULL, 0, &sent), 0);
    assert_int_equal(test_op_wait(&t), 0);
    assert_int_equal(sent, 0);
    test_op_init(&t, loop);
    assert_int_equal(yibu_op_send(loop, &t.op, pair[0], "", 0), 0);
    assert_int_equal(test_op_wait(&t), 0);
    test_close_pair(pair);
}

/* An operation may be started again from its own callback. */
typedef struct counter {
    test_op base;
    int fd;
    char byte;
    int received;
} counter;

static void count_and_receive_again(yibu_op *op, ssize_t result)
{
    counter *c = op->arg;
    if (result <= 0) {
        c->base.result = result;
        c->base.done = true;
        return;
    }
    c->received++;
    assert_int_equal(yibu_op_recv(c->base.loop, op, c->fd, &c->byte, 1), 0);
}

static void an_operation_may_start_itself_again(void **state)
{
    int pair[2];
    char bytes[300] = {0};
    counter c;
    test_pair(pair);
    test_op_init(&c.base, *state);
    c.base.op.callback = count_and_receive_again;
    c.base.op.arg = &c;
    c.fd = pair[0];
    c.received = 0;
    assert_int_equal(yibu_op_recv(c.base.loop, &c.base.op, c.fd, &c.byte, 1), 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(write(pair[1], bytes, 100), 100);
        while (c.received < 100 * (round + 1))
            yibu_loop_run_once(c.base.loop, YIBU_FOREVER);
    }
    close(pair[1]);
    test_loop_until(c.base.loop, &c.base.done);
    assert_int_equal(c.base.result, 0);
    assert_int_equal(c.received, 300);
    close(pair[0]);
}

/* The operation's memory is its owner's again once the callback runs. */
static void free_in_callback(yibu_op *op, ssize_t result)
{
    *(ssize_t *)op->arg = result;
    free(op);
}

static void an_operation_may_be_freed_in_its_callback(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    char byte;
    test_pair(pair);
    assert_int_equal(write(pair[1], "x", 1), 1);
    ssize_t results[2] = {-1, -1};
    for (int i = 0; i < 2; i++) {
        yibu_op *op = malloc(sizeof(*op));
        *op = (yibu_op){.callback = free_in_callback, .arg = &results[i]};
        if (i == 0)
            assert_int_equal(yibu_op_recv(loop, op, pair[0], &byte, 1), 0);
        else
            assert_int_equal(yibu_op_sleep(loop, op, 1), 0);
    }
    test_loop_drain(loop);
    assert_int_equal(results[0], 1);
    assert_int_equal(results[1], 0);
    test_close_pair(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(read_takes_what_is_there_and_waits_for_what_is_not),
        loop_unit_test(read_and_write_of_blocking_descriptors_do_not_hold_the_loop),
        loop_unit_test(read_and_write_of_a_file_are_at_their_offsets),
        loop_unit_test(write_to_a_pipe_nobody_reads_is_broken),
        loop_unit_test(send_and_recv_transfer),
        loop_unit_test(send_to_a_peer_that_left_raises_no_signal),
        loop_unit_test(send_all_sends_all_though_the_peer_is_slow),
        loop_unit_test(send_all_says_how_much_was_sent_when_it_fails),
        loop_unit_test(accept_gives_a_descriptor_and_its_peer),
        loop_unit_test(connect_connects_and_reads_the_address_at_once),
        loop_unit_test(connect_to_nobody_is_refused),
        loop_unit_test(poll_says_what_the_descriptor_is_ready_for),
        loop_unit_test(polls_of_one_descriptor_do_not_disturb_each_other),
        loop_unit_test(sleep_is_never_early),
        loop_unit_test(what_could_be_done_at_once_still_waits_for_its_turn),
        loop_unit_test(bad_operations_are_refused_and_never_call_back),
        loop_unit_test(a_closed_descriptor_is_bad),
        loop_unit_test(transfers_of_nothing_succeed),
        loop_unit_test(an_operation_may_start_itself_again),
        loop_unit_test(an_operation_may_be_freed_in_its_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
