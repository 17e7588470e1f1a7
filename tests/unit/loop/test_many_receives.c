/* More receives than a turn of the loop takes, all of which find their data there: wherever they
 * wait, none is lost, none takes what it should not, and each ends once. */
#include "op.h"
#include "sockets.h"

#include <errno.h>

enum { MANY = 300, BYTES = 20 };

typedef struct receiver {
    yibu_op op;
    yibu_loop *loop;
    int pair[2];
    char byte;
    int received; /* the next byte has this value */
    ssize_t end;  /* 1: under way still */
} receiver;

typedef struct crowd {
    receiver receivers[MANY];
    int under_way;
} crowd;

static crowd all;

static void receive(receiver *r)
{
    assert_int_equal(yibu_op_recv(r->loop, &r->op, r->pair[0], &r->byte, 1), 0);
}

static void received(yibu_op *op, ssize_t result)
{
    receiver *r = op->arg;
    assert_int_equal(r->end, 1);
    if (result == 1) {
        assert_int_equal(r->byte, r->received++);
        receive(r);
        return;
    }
    r->end = result;
    all.under_way--;
}

static void open_receiver(receiver *r, yibu_loop *loop)
{
    char bytes[BYTES];
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (char)i;
    *r = (receiver){.op = {.callback = received, .arg = r}, .loop = loop, .end = 1};
    test_pair(r->pair);
    assert_int_equal(write(r->pair[1], bytes, BYTES), BYTES);
    assert_int_equal(shutdown(r->pair[1], SHUT_WR), 0);
}

/* All receive, and some have begun anew. */
static void begin(yibu_loop *loop)
{
    for (int i = 0; i < MANY; i++)
        open_receiver(&all.receivers[i], loop);
    all.under_way = MANY;
    for (int i = 0; i < MANY; i++)
        receive(&all.receivers[i]);
    for (int turn = 0; turn < 3; turn++)
        yibu_loop_run_once(loop, 0);
}

static void wait_for_all(yibu_loop *loop)
{
    while (all.under_way > 0)
        yibu_loop_run_once(loop, YIBU_MS(100));
}

/* What is left in the socket follows what was received. */
static void expect_rest(const receiver *r)
{
    for (int next = r->received; next < BYTES; next++) {
        char byte;
        assert_int_equal(read(r->pair[0], &byte, 1), 1);
        assert_int_equal(byte, next);
    }
}

static void each_of_many_receivers_gets_all_its_bytes_in_order(void **state)
{
    begin(*state);
    wait_for_all(*state);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(all.receivers[i].end, 0);
        assert_int_equal(all.receivers[i].received, BYTES);
        test_close_pair(all.receivers[i].pair);
    }
}

static void a_cancelled_receive_takes_nothing(void **state)
{
    begin(*state);
    for (int i = 0; i < MANY; i += 2)
        (void)yibu_op_cancel(&all.receivers[i].op); /* some have ended by now, and go on */
    wait_for_all(*state);
    int cancelled = 0;
    for (int i = 0; i < MANY; i++) {
        receiver *r = &all.receivers[i];
        cancelled += r->end == -ECANCELED;
        assert_true(r->end == 0 || (r->end == -ECANCELED && i % 2 == 0));
        expect_rest(r);
        test_close_pair(r->pair);
    }
    if (strcmp(yibu_loop_backend(*state), "io_uring") == 0)
        assert_true(cancelled > 0);
}

static void a_close_ends_receives_and_no_others(void **state)
{
    begin(*state);
    for (int i = 0; i < MANY; i += 2)
        assert_int_equal(yibu_close(all.receivers[i].pair[0]), 0);
    wait_for_all(*state);
    for (int i = 0; i < MANY; i++) {
        receiver *r = &all.receivers[i];
        assert_int_equal(r->end, i % 2 == 0 ? -EBADF : 0);
        assert_true(i % 2 == 0 || r->received == BYTES);
        close(r->pair[1]);
        if (i % 2 != 0)
            close(r->pair[0]);
    }
}

static void receives_survive_that_the_loops_descriptor_is_asked_for(void **state)
{
    begin(*state);
    assert_true(yibu_loop_fd(*state) >= 0);
    wait_for_all(*state);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(all.receivers[i].received, BYTES);
        test_close_pair(all.receivers[i].pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(each_of_many_receivers_gets_all_its_bytes_in_order),
        loop_unit_test(a_cancelled_receive_takes_nothing),
        loop_unit_test(a_close_ends_receives_and_no_others),
        loop_unit_test(receives_survive_that_the_loops_descriptor_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
