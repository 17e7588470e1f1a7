/* Operations in the callback form: cancels, closed descriptors, and what must not get lost. */
#include "op.h"
#include "sockets.h"

#include <errno.h>
#include <pthread.h>

/* An operation of each kind that cannot complete by itself. */

typedef struct pending_ops {
    test_op read, write, recv, send_all, accept, poll, sleep;
    int data[2], full[2], listener;
    size_t sent;
    char byte;
    char *big;
} pending_ops;

enum { BIG = 8 << 20 };

static void start_all(pending_ops *p, yibu_loop *loop)
{
    yibu_address address;
    char block[4096] = {0};
    test_op *ops[] = {&p->read, &p->write, &p->recv, &p->send_all, &p->accept, &p->poll, &p->sleep};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        test_op_init(ops[i], loop);
    test_pair(p->data);
    test_pipe(p->full);
    while (write(p->full[1], block, sizeof(block)) > 0)
        continue;
    p->listener = test_listen(&address);
    p->big = calloc(1, BIG);
    p->sent = 0;
    assert_int_equal(yibu_op_read(loop, &p->read.op, p->data[0], &p->byte, 1, -1), 0);
    assert_int_equal(yibu_op_write(loop, &p->write.op, p->full[1], block, 1, -1), 0);
    assert_int_equal(yibu_op_recv(loop, &p->recv.op, p->data[0], &p->byte, 1), 0);
    assert_int_equal(yibu_op_send_all(loop, &p->send_all.op, p->data[0], p->big, BIG, &p->sent), 0);
    assert_int_equal(yibu_op_accept(loop, &p->accept.op, p->listener, NULL), 0);
    assert_int_equal(yibu_op_poll(loop, &p->poll.op, p->data[0], YIBU_READABLE), 0);
    assert_int_equal(yibu_op_sleep(loop, &p->sleep.op, YIBU_SECONDS(1000)), 0);
}

static void end_all(pending_ops *p)
{
    test_close_pair(p->data);
    test_close_pair(p->full);
    close(p->listener);
    free(p->big);
}

static void cancel_all(void **state, int turns_before)
{
    yibu_loop *loop = *state;
    pending_ops p;
    start_all(&p, loop);
    for (int i = 0; i < turns_before; i++)
        yibu_loop_run_once(loop, YIBU_MS(1));
    test_op *ops[] = {&p.read, &p.write, &p.recv, &p.send_all, &p.accept, &p.poll, &p.sleep};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        assert_int_equal(ops[i]->calls, 0);
        assert_int_equal(yibu_op_cancel(&ops[i]->op), 0);
        assert_int_equal(ops[i]->calls, 0); /* never from inside the call */
        assert_int_equal(yibu_op_cancel(&ops[i]->op), -EALREADY);
    }
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        assert_int_equal(test_op_wait(ops[i]), -ECANCELED);
        assert_int_equal(yibu_op_cancel(&ops[i]->op), -EALREADY);
    }
    test_loop_drain(loop);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        assert_int_equal(ops[i]->calls, 1);
    end_all(&p);
}

static void every_kind_can_be_cancelled(void **state)
{
    cancel_all(state, 2);
}

static void every_kind_can_be_cancelled_in_the_turn_it_was_started(void **state)
{
    cancel_all(state, 0);
}

/* What is not under way any more is too late to cancel, also before its callback ran. */
static void a_cancel_after_completion_is_too_late(void **state)
{
    yibu_loop *loop = *state;
    test_op t;
    int pair[2];
    char byte;
    test_pair(pair);
    test_op_init(&t, loop);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(yibu_op_recv(loop, &t.op, pair[0], &byte, 1), 0);
    (void)yibu_op_cancel(&t.op);
    ssize_t result = test_op_wait(&t);
    assert_true(result == 1 || result == -ECANCELED);
    if (result == -ECANCELED)
        assert_int_equal(recv(pair[0], &byte, 1, 0), 1); /* the byte is there still */
    else
        assert_int_equal(recv(pair[0], &byte, 1, 0), -1);
    assert_int_equal(yibu_op_cancel(&t.op), -EALREADY);
    test_close_pair(pair);
}

typedef struct pair_of_ops {
    test_op first;
    test_op *other;
    int result;
} pair_of_ops;

static void cancel_other(yibu_op *op, ssize_t result)
{
    pair_of_ops *p = op->arg;
    p->first.result = result;
    p->first.done = true;
    p->result = yibu_op_cancel(&p->other->op);
}

static void a_callback_may_cancel_another_operation(void **state)
{
    yibu_loop *loop = *state;
    pair_of_ops p = {0};
    test_op other;
    int pair[2];
    char byte;
    test_pair(pair);
    test_op_init(&p.first, loop);
    test_op_init(&other, loop);
    p.first.op = (yibu_op){.callback = cancel_other, .arg = &p};
    p.other = &other;
    yibu_op_poll(loop, &p.first.op, pair[0], YIBU_READABLE);
    yibu_op_recv(loop, &other.op, pair[1], &byte, 1);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(test_op_wait(&other), -ECANCELED);
    assert_int_equal(p.result, 0);
    test_close_pair(pair);
}

/* Closing. */

static void closing_ends_what_is_under_way_on_the_descriptor(void **state)
{
    yibu_loop *loop = *state;
    for (int round = 0; round < 4; round++) {
        pending_ops p;
        start_all(&p, loop);
        for (int i = 0; i < round; i++)
            yibu_loop_run_once(loop, 0);
        test_op *ops[] = {&p.read, &p.recv, &p.send_all, &p.poll};
        assert_int_equal(yibu_close(p.data[0]), 0);
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
            assert_int_equal(test_op_wait(ops[i]), -EBADF);
        assert_int_equal(yibu_close(p.listener), 0);
        assert_int_equal(test_op_wait(&p.accept), -EBADF);
        assert_int_equal(yibu_close(p.full[1]), 0);
        assert_int_equal(test_op_wait(&p.write), -EBADF);
        assert_false(p.sleep.done);
        yibu_op_cancel(&p.sleep.op);
        test_loop_drain(loop);
        assert_int_equal(yibu_close(p.data[0]), -EBADF);
        close(p.data[1]);
        close(p.full[0]);
        free(p.big);
    }
}

static void the_number_of_a_closed_descriptor_starts_afresh(void **state)
{
    yibu_loop *loop = *state;
    for (int round = 0; round < 20; round++) {
        int old[2], new[2];
        char byte = 0;
        test_op stale, fresh;
        test_pair(old);
        test_op_init(&stale, loop);
        test_op_init(&fresh, loop);
        yibu_op_recv(loop, &stale.op, old[0], &byte, 1);
        yibu_loop_run_once(loop, 0);
        assert_int_equal(yibu_close(old[0]), 0);
        test_pair(new);
        assert_int_equal(new[0], old[0]);
        assert_int_equal(yibu_op_recv(loop, &fresh.op, new[0], &byte, 1), 0);
        yibu_loop_run_once(loop, 0);
        assert_int_equal(write(new[1], "x", 1), 1);
        assert_int_equal(test_op_wait(&fresh), 1);
        assert_int_equal(test_op_wait(&stale), -EBADF);
        test_close_pair(new);
        close(old[1]);
    }
}

/* A socket of Yibu's own, whose registration is kept, and then anything else of its number. */
static void the_number_of_a_closed_connection_may_become_a_pipe(void **state)
{
    yibu_loop *loop = *state;
    yibu_address address;
    int listener = test_listen(&address);
    for (int round = 0; round < 4; round++) {
        test_op accepted, stale, fresh;
        char byte = 0;
        int ends[2];
        int client = test_connect(&address);
        test_op_init(&accepted, loop);
        assert_int_equal(yibu_op_accept(loop, &accepted.op, listener, NULL), 0);
        int fd = (int)test_op_wait(&accepted);
        test_op_init(&stale, loop);
        assert_int_equal(yibu_op_recv(loop, &stale.op, fd, &byte, 1), 0);
        yibu_loop_run_once(loop, 0);
        assert_int_equal(shutdown(client, SHUT_WR), 0);
        assert_int_equal(test_op_wait(&stale), 0);
        assert_int_equal(yibu_close(fd), 0);
        test_pipe(ends);
        assert_int_equal(ends[0], fd);
        test_op_init(&fresh, loop);
        assert_int_equal(yibu_op_read(loop, &fresh.op, ends[0], &byte, 1, -1), 0);
        yibu_loop_run_once(loop, 0);
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_int_equal(test_op_wait(&fresh), 1);
        yibu_close(ends[0]);
        yibu_close(ends[1]);
        close(client);
    }
    close(listener);
}

/* A copy of the number, in a process that was forked say, keeps the old file alive. */
static void a_copy_of_a_closed_file_does_not_complete_the_next_one_s_poll(void **state)
{
    yibu_loop *loop = *state;
    int old[2], new[2];
    test_op stale, fresh;
    test_pair(old);
    int copy = fcntl(old[0], F_DUPFD_CLOEXEC, 100);
    test_op_init(&stale, loop);
    yibu_op_poll(loop, &stale.op, old[0], YIBU_READABLE);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(yibu_close(old[0]), 0);
    assert_int_equal(test_op_wait(&stale), -EBADF);
    test_pair(new);
    assert_int_equal(new[0], old[0]);
    test_op_init(&fresh, loop);
    yibu_op_poll(loop, &fresh.op, new[0], YIBU_READABLE);
    assert_int_equal(write(old[1], "x", 1), 1); /* the copy is readable now, the new file is not */
    for (int turn = 0; turn < 3; turn++)
        yibu_loop_run_once(loop, YIBU_MS(1));
    assert_false(fresh.done);
    assert_int_equal(write(new[1], "x", 1), 1);
    assert_int_equal(test_op_wait(&fresh), YIBU_READABLE);
    close(copy);
    close(old[1]);
    test_close_pair(new);
}

/* Not a byte for one connection goes to the next one of its number. */
static void what_is_left_to_send_does_not_go_to_the_next_file_of_that_number(void **state)
{
    yibu_loop *loop = *state;
    char *buffer = calloc(2, BIG);
    for (int round = 0; round < 8; round++) {
        int old[2], new[2];
        size_t sent = 0;
        test_op t;
        test_pair(old);
        test_op_init(&t, loop);
        assert_int_equal(yibu_op_send_all(loop, &t.op, old[0], buffer, BIG, &sent), 0);
        for (int turn = 0; turn < round % 4; turn++)
            yibu_loop_run_once(loop, 0);
        if (round >= 4) /* room for more: the rest is on its way when the number changes */
            (void)!recv(old[1], buffer + BIG, BIG, MSG_DONTWAIT);
        assert_int_equal(yibu_close(old[0]), 0);
        test_pair(new);
        assert_int_equal(new[0], old[0]);
        assert_int_equal(test_op_wait(&t), -EBADF);
        yibu_loop_run_once(loop, YIBU_MS(1));
        assert_int_equal(recv(new[1], buffer, BIG, MSG_DONTWAIT), -1);
        test_close_pair(new);
        close(old[1]);
    }
    free(buffer);
}

/* On io_uring a send whose socket was shut down for reading is neither waiting nor running for a
 * moment, and the kernel does not find it then. */
static void an_operation_that_the_kernel_does_not_find_is_cancelled_all_the_same(void **state)
{
    yibu_loop *loop = *state;
    char *buffer = calloc(1, BIG);
    int pair[2];
    test_op t;
    test_pair(pair);
    test_op_init(&t, loop);
    assert_int_equal(yibu_op_send_all(loop, &t.op, pair[0], buffer, BIG, NULL), 0);
    assert_int_equal(shutdown(pair[0], SHUT_RD), 0);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(yibu_op_cancel(&t.op), 0);
    assert_int_equal(test_op_wait(&t), -ECANCELED);
    test_close_pair(pair);
    free(buffer);
}

/* The loop lasts as long as the operations on it. */
static void a_loop_with_operations_is_not_freed(void **state)
{
    yibu_loop *loop = *state;
    test_op t;
    int pair[2];
    char byte;
    test_pair(pair);
    test_op_init(&t, loop);
    yibu_op_recv(loop, &t.op, pair[0], &byte, 1);
    assert_int_equal(yibu_loop_free(loop), YIBU_EBUSY);
    yibu_op_cancel(&t.op);
    assert_int_equal(yibu_loop_free(loop), YIBU_EBUSY);
    assert_int_equal(test_op_wait(&t), -ECANCELED);
    test_op_init(&t, loop);
    yibu_op_sleep(loop, &t.op, 0);
    assert_int_equal(yibu_loop_free(loop), YIBU_EBUSY);
    assert_int_equal(test_op_wait(&t), 0);
    test_close_pair(pair);
}

/* What must not get lost, and what must not be touched. */

static void a_cancelled_receive_leaves_its_buffer_and_the_data_alone(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    char buffer[16];
    test_op t;
    test_pair(pair);
    memset(buffer, 7, sizeof(buffer));
    test_op_init(&t, loop);
    yibu_op_recv(loop, &t.op, pair[0], buffer, sizeof(buffer));
    yibu_loop_run_once(loop, 0);
    yibu_op_cancel(&t.op);
    assert_int_equal(test_op_wait(&t), -ECANCELED);
    assert_int_equal(write(pair[1], "hello", 5), 5);
    yibu_loop_run_once(loop, YIBU_MS(1));
    for (size_t i = 0; i < sizeof(buffer); i++)
        assert_int_equal(buffer[i], 7);
    test_op_init(&t, loop);
    yibu_op_recv(loop, &t.op, pair[0], buffer, sizeof(buffer));
    assert_int_equal(test_op_wait(&t), 5);
    test_close_pair(pair);
}

static unsigned pseudo_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

enum { BYTES = 3000 };

static void *write_at_odd_moments(void *arg)
{
    int fd = *(int *)arg;
    unsigned seed = 1;
    for (int i = 0; i < BYTES; i++) {
        unsigned char byte = (unsigned char)i;
        if (send(fd, &byte, 1, 0) != 1)
            abort();
        for (volatile unsigned spin = pseudo_random(&seed) % 4000; spin > 0; spin--)
            continue;
        if (i % 64 == 0)
            usleep(200); /* so that the other side waits, too */
    }
    return NULL;
}

/* Every byte arrives once and in order, though every other receive is cancelled at some moment. */
static void a_completed_receive_is_never_lost_to_a_cancel(void **state)
{
    yibu_loop *loop = *state;
    int pair[2], received = 0, cancelled = 0;
    unsigned seed = 2;
    pthread_t thread;
    test_pair(pair);
    fcntl(pair[1], F_SETFL, 0);
    assert_int_equal(pthread_create(&thread, NULL, write_at_odd_moments, &pair[1]), 0);
    while (received < BYTES) {
        unsigned char buffer[4];
        test_op t;
        test_op_init(&t, loop);
        yibu_op_recv(loop, &t.op, pair[0], buffer, sizeof(buffer));
        if (pseudo_random(&seed) % 2) {
            for (unsigned turns = pseudo_random(&seed) % 3; turns > 0; turns--)
                yibu_loop_run_once(loop, 0);
            (void)yibu_op_cancel(&t.op);
        }
        ssize_t n = test_op_wait(&t);
        if (n == -ECANCELED) {
            cancelled++;
            continue;
        }
        assert_in_range(n, 1, sizeof(buffer));
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(buffer[i], (unsigned char)(received + i));
        received += (int)n;
    }
    pthread_join(thread, NULL);
    assert_int_equal(received, BYTES);
    assert_true(cancelled > 0);
    test_close_pair(pair);
}

/* The peer gets exactly what send_all says was sent. */
static void a_cancelled_send_all_says_how_much_was_sent(void **state)
{
    yibu_loop *loop = *state;
    unsigned seed = 3;
    char *buffer = calloc(2, BIG);
    for (int round = 0; round < 40; round++) {
        int pair[2];
        size_t sent = 0, received = 0;
        ssize_t n;
        test_op t;
        test_pair(pair);
        test_op_init(&t, loop);
        yibu_op_send_all(loop, &t.op, pair[0], buffer, BIG, &sent);
        for (unsigned turns = pseudo_random(&seed) % 4; turns > 0; turns--) {
            yibu_loop_run_once(loop, 0);
            n = recv(pair[1], buffer + BIG, pseudo_random(&seed) * 8, MSG_DONTWAIT);
            received += n > 0 ? (size_t)n : 0;
        }
        yibu_op_cancel(&t.op);
        assert_int_equal(test_op_wait(&t), -ECANCELED);
        while ((n = recv(pair[1], buffer + BIG, BIG, MSG_DONTWAIT)) > 0)
            received += (size_t)n;
        assert_int_equal(received, sent);
        test_close_pair(pair);
    }
    free(buffer);
}

enum { CLIENTS = 300 };

static void *connect_at_odd_moments(void *arg)
{
    unsigned seed = 4;
    for (int i = 0; i < CLIENTS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const yibu_address *address = arg;
        if (connect(fd, (const struct sockaddr *)&address->storage, address->length) < 0)
            abort();
        close(fd);
        for (volatile unsigned spin = pseudo_random(&seed) % 20000; spin > 0; spin--)
            continue;
    }
    return NULL;
}

static void a_taken_connection_is_never_lost_to_a_cancel(void **state)
{
    yibu_loop *loop = *state;
    yibu_address address;
    int listener = test_listen(&address);
    int accepted = 0, before = test_count_descriptors();
    unsigned seed = 5;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, connect_at_odd_moments, &address), 0);
    while (accepted < CLIENTS) {
        test_op t;
        test_op_init(&t, loop);
        yibu_op_accept(loop, &t.op, listener, NULL);
        if (pseudo_random(&seed) % 2) {
            for (unsigned turns = pseudo_random(&seed) % 3; turns > 0; turns--)
                yibu_loop_run_once(loop, 0);
            (void)yibu_op_cancel(&t.op);
        }
        ssize_t fd = test_op_wait(&t);
        if (fd == -ECANCELED)
            continue;
        assert_true(fd >= 0);
        accepted++;
        assert_int_equal(yibu_close((int)fd), 0);
    }
    pthread_join(thread, NULL);
    assert_int_equal(test_count_descriptors(), before);
    close(listener);
}

/* The same through tasks: time limits that expire at odd moments. */

typedef struct receiver {
    int fd;
    int received;
} receiver;

static intptr_t receive_within_limits(void *arg)
{
    receiver *r = arg;
    unsigned seed = 6;
    int limited = 0;
    while (r->received < BYTES) {
        unsigned char buffer[4];
        yibu_timeout timeout;
        yibu_timeout_begin(&timeout, YIBU_US(pseudo_random(&seed) % 40));
        ssize_t n = yibu_timeout_end(&timeout, yibu_recv(r->fd, buffer, sizeof(buffer)));
        if (n == -ETIMEDOUT) {
            limited++;
            continue;
        }
        if (n <= 0)
            return n;
        for (ssize_t i = 0; i < n; i++)
            if (buffer[i] != (unsigned char)(r->received + i))
                return -EPROTO;
        r->received += (int)n;
    }
    return limited > 0;
}

static void a_time_limit_loses_no_byte(void **state)
{
    (void)state;
    int pair[2];
    pthread_t thread;
    test_pair(pair);
    receiver r = {pair[0], 0};
    fcntl(pair[1], F_SETFL, 0);
    assert_int_equal(pthread_create(&thread, NULL, write_at_odd_moments, &pair[1]), 0);
    assert_int_equal(yibu_run(receive_within_limits, &r, NULL), 1);
    pthread_join(thread, NULL);
    assert_int_equal(r.received, BYTES);
    test_close_pair(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(every_kind_can_be_cancelled),
        loop_unit_test(every_kind_can_be_cancelled_in_the_turn_it_was_started),
        loop_unit_test(a_cancel_after_completion_is_too_late),
        loop_unit_test(a_callback_may_cancel_another_operation),
        loop_unit_test(closing_ends_what_is_under_way_on_the_descriptor),
        loop_unit_test(the_number_of_a_closed_descriptor_starts_afresh),
        loop_unit_test(the_number_of_a_closed_connection_may_become_a_pipe),
        loop_unit_test(a_copy_of_a_closed_file_does_not_complete_the_next_one_s_poll),
        loop_unit_test(what_is_left_to_send_does_not_go_to_the_next_file_of_that_number),
        loop_unit_test(an_operation_that_the_kernel_does_not_find_is_cancelled_all_the_same),
        loop_unit_test(a_loop_with_operations_is_not_freed),
        loop_unit_test(a_cancelled_receive_leaves_its_buffer_and_the_data_alone),
        loop_unit_test(a_completed_receive_is_never_lost_to_a_cancel),
        loop_unit_test(a_cancelled_send_all_says_how_much_was_sent),
        loop_unit_test(a_taken_connection_is_never_lost_to_a_cancel),
        cmocka_unit_test(a_time_limit_loses_no_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
