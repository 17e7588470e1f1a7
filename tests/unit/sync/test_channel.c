/* Channels: across tasks, loops and threads; nothing lost, nothing twice. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "loop.h"

static yibu_channel *new_channel(size_t capacity)
{
    yibu_channel *channel;
    assert_int_equal(yibu_channel_new(capacity, &channel), 0);
    return channel;
}

static void *number(intptr_t n)
{
    return (void *)n;
}

static void expect(yibu_channel *channel, intptr_t n)
{
    void *item;
    assert_int_equal(yibu_channel_receive(channel, &item), 0);
    assert_int_equal((intptr_t)item, n);
}

/* One thread. */

static void a_channel_of_no_places_is_refused(void **state)
{
    (void)state;
    yibu_channel *channel;
    assert_int_equal(yibu_channel_new(0, &channel), -EINVAL);
    assert_int_equal(yibu_channel_new(1, NULL), -EINVAL);
    assert_int_equal(yibu_channel_new(SIZE_MAX / 2, &channel), -EINVAL);
    yibu_channel_unref(NULL);
}

static void items_come_out_in_the_order_they_went_in_at_any_capacity(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity <= 9; capacity++) {
        yibu_channel *channel = new_channel(capacity);
        intptr_t sent = 0, received = 0;
        yibu_channel_stats stats;
        for (int lap = 0; lap < 20; lap++) {
            while (yibu_channel_try_send(channel, number(sent)) == 0)
                sent++;
            yibu_channel_statistics(channel, &stats);
            assert_int_equal(stats.length, capacity);
            assert_int_equal(sent - received, capacity);
            for (size_t i = 0; i <= capacity / 2; i++)
                expect(channel, received++);
            yibu_channel_statistics(channel, &stats);
            assert_int_equal(stats.length, (size_t)(sent - received));
        }
        while (received < sent)
            expect(channel, received++);
        void *item = NULL;
        assert_int_equal(yibu_channel_try_receive(channel, &item), -EAGAIN);
        assert_null(item);
        yibu_channel_unref(channel);
    }
}

static void a_closed_channel_is_drained_and_then_shut_down(void **state)
{
    (void)state;
    yibu_channel *channel = new_channel(2);
    void *item;
    assert_int_equal(yibu_channel_send(channel, number(1)), 0);
    yibu_channel_close(channel);
    yibu_channel_close(channel);
    assert_int_equal(yibu_channel_try_send(channel, number(2)), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_channel_send(channel, number(2)), YIBU_ESHUTDOWN);
    yibu_channel_stats stats;
    yibu_channel_statistics(channel, &stats);
    assert_true(stats.closed);
    assert_int_equal(stats.length, 1);
    expect(channel, 1);
    assert_int_equal(yibu_channel_try_receive(channel, &item), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_channel_receive(channel, &item), YIBU_ESHUTDOWN);
    yibu_channel_unref(channel);
}

static void a_thread_waits_no_longer_than_it_said(void **state)
{
    (void)state;
    yibu_channel *channel = new_channel(1);
    void *item;
    assert_int_equal(yibu_channel_receive_for(channel, &item, YIBU_MS(2)), -ETIMEDOUT);
    assert_int_equal(yibu_channel_receive_for(channel, &item, 0), -ETIMEDOUT);
    assert_int_equal(yibu_channel_send_for(channel, number(1), YIBU_MS(2)), 0);
    assert_int_equal(yibu_channel_send_for(channel, number(2), YIBU_MS(2)), -ETIMEDOUT);
    yibu_channel_stats stats;
    yibu_channel_statistics(channel, &stats);
    assert_int_equal(stats.waiting_senders + stats.waiting_receivers, 0);
    expect(channel, 1);
    yibu_channel_unref(channel);
}

/* Tasks of one loop. */

static intptr_t receive_one(void *channel)
{
    void *item;
    int r = yibu_channel_receive(channel, &item);
    return r < 0 ? r : (intptr_t)item;
}

static intptr_t send_seven(void *channel)
{
    return yibu_channel_send(channel, number(7));
}

static intptr_t finish(yibu_task *task)
{
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r;
}

LOOP_TEST(a_receiver_suspends_until_an_item_comes)
{
    yibu_channel *channel = new_channel(1);
    yibu_task *first = yibu_create_task(receive_one, channel, NULL);
    yibu_task *second = yibu_create_task(receive_one, channel, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_channel_stats stats;
    yibu_channel_statistics(channel, &stats);
    assert_int_equal(stats.waiting_receivers, 2);
    assert_int_equal(yibu_channel_send(channel, number(1)), 0);
    assert_int_equal(finish(first), 1);
    assert_int_equal(yibu_channel_send(channel, number(2)), 0);
    assert_int_equal(finish(second), 2);
    yibu_channel_unref(channel);
    return 0;
}

LOOP_TEST(a_sender_suspends_until_there_is_a_place)
{
    yibu_channel *channel = new_channel(1);
    assert_int_equal(yibu_channel_send(channel, number(1)), 0);
    yibu_task *sender = yibu_create_task(send_seven, channel, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(sender));
    expect(channel, 1);
    assert_int_equal(finish(sender), 0);
    expect(channel, 7);
    yibu_channel_unref(channel);
    return 0;
}

LOOP_TEST(closing_wakes_everybody_who_waits)
{
    yibu_channel *empty = new_channel(1), *full = new_channel(1);
    yibu_channel_send(full, number(1));
    yibu_task *receiver = yibu_create_task(receive_one, empty, NULL);
    yibu_task *sender = yibu_create_task(send_seven, full, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_channel_close(empty);
    yibu_channel_close(full);
    assert_int_equal(finish(receiver), YIBU_ESHUTDOWN);
    assert_int_equal(finish(sender), YIBU_ESHUTDOWN);
    expect(full, 1);
    yibu_channel_unref(empty);
    yibu_channel_unref(full);
    return 0;
}

LOOP_TEST(a_cancelled_wait_takes_and_sends_nothing)
{
    yibu_channel *channel = new_channel(1);
    yibu_task *receiver = yibu_create_task(receive_one, channel, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(receiver);
    assert_int_equal(finish(receiver), -ECANCELED);
    assert_int_equal(yibu_channel_send(channel, number(1)), 0);
    yibu_task *sender = yibu_create_task(send_seven, channel, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(sender);
    assert_int_equal(finish(sender), -ECANCELED);
    yibu_channel_stats stats;
    yibu_channel_statistics(channel, &stats);
    assert_int_equal(stats.length, 1);
    assert_int_equal(stats.waiting_senders + stats.waiting_receivers, 0);
    yibu_channel_unref(channel);
    return 0;
}

LOOP_TEST(a_receiver_cancelled_after_it_was_woken_still_gets_the_item_it_was_woken_for)
{
    yibu_channel *channel = new_channel(1);
    yibu_task *receiver = yibu_create_task(receive_one, channel, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_channel_send(channel, number(5)), 0);
    yibu_task_cancel(receiver);
    assert_int_equal(finish(receiver), 5);
    yibu_channel_unref(channel);
    return 0;
}

LOOP_TEST(a_woken_receiver_that_was_overtaken_and_cancelled_takes_nothing)
{
    yibu_channel *channel = new_channel(1);
    yibu_task *receiver = yibu_create_task(receive_one, channel, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_channel_send(channel, number(5)), 0);
    expect(channel, 5);
    yibu_task_cancel(receiver);
    assert_int_equal(finish(receiver), -ECANCELED);
    yibu_channel_unref(channel);
    return 0;
}

LOOP_TEST(a_woken_receiver_that_was_overtaken_keeps_its_place_in_line)
{
    yibu_channel *channel = new_channel(1);
    yibu_task *first = yibu_create_task(receive_one, channel, NULL);
    yibu_task *second = yibu_create_task(receive_one, channel, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_channel_send(channel, number(1)), 0);
    expect(channel, 1);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_channel_send(channel, number(2)), 0);
    assert_int_equal(finish(first), 2);
    assert_int_equal(yibu_channel_send(channel, number(3)), 0);
    assert_int_equal(finish(second), 3);
    yibu_channel_unref(channel);
    return 0;
}

LOOP_TEST(a_task_waits_no_longer_than_it_said)
{
    yibu_channel *channel = new_channel(1);
    void *item;
    assert_int_equal(yibu_channel_receive_for(channel, &item, YIBU_MS(1)), -ETIMEDOUT);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_channel_receive(channel, &item)), -ETIMEDOUT);
    yibu_channel_unref(channel);
    return 0;
}

LOOP_TEST(a_cancelled_task_does_not_even_try)
{
    yibu_channel *channel = new_channel(1);
    assert_int_equal(yibu_channel_send(channel, number(1)), 0);
    yibu_task *receiver = yibu_create_task(receive_one, channel, NULL);
    yibu_task_cancel(receiver);
    assert_int_equal(finish(receiver), -ECANCELED);
    expect(channel, 1);
    yibu_channel_unref(channel);
    return 0;
}

/* Callbacks. */

typedef struct call {
    yibu_op op;
    void *item;
    ssize_t result;
    bool done;
} call;

static void finish_call(yibu_op *op, ssize_t result)
{
    call *c = (call *)op;
    c->result = result;
    c->done = true;
}

static void callbacks_send_and_receive(void **state)
{
    yibu_loop *loop = *state;
    yibu_channel *channel = new_channel(1);
    call receive = {.op.callback = finish_call}, send = {.op.callback = finish_call};
    assert_int_equal(yibu_op_channel_receive(loop, &receive.op, channel, &receive.item), 0);
    assert_int_equal(yibu_loop_run_once(loop, 0), 1);
    assert_false(receive.done);
    assert_int_equal(yibu_loop_free(loop), YIBU_EBUSY);
    assert_int_equal(yibu_op_channel_send(loop, &send.op, channel, number(3)), 0);
    assert_false(send.done);
    test_loop_until(loop, &receive.done);
    assert_true(send.done);
    assert_int_equal(send.result, 0);
    assert_int_equal(receive.result, 0);
    assert_int_equal((intptr_t)receive.item, 3);

    receive = (call){.op.callback = finish_call};
    assert_int_equal(yibu_op_channel_receive(loop, &receive.op, channel, &receive.item), 0);
    assert_int_equal(yibu_op_cancel(&receive.op), 0);
    test_loop_until(loop, &receive.done);
    assert_int_equal(receive.result, -ECANCELED);
    yibu_channel_close(channel);
    receive.done = false;
    assert_int_equal(yibu_op_channel_receive(loop, &receive.op, channel, &receive.item), 0);
    test_loop_until(loop, &receive.done);
    assert_int_equal(receive.result, YIBU_ESHUTDOWN);
    test_loop_drain(loop);
    yibu_channel_unref(channel);
}

static void wait_in_callback(void *arg)
{
    void *item;
    assert_int_equal(yibu_channel_receive(arg, &item), YIBU_ENOTASK);
}

static void a_callback_may_not_wait(void **state)
{
    yibu_loop *loop = *state;
    yibu_channel *channel = new_channel(1);
    assert_int_equal(yibu_call_soon(loop, wait_in_callback, channel, NULL), 0);
    test_loop_drain(loop);
    yibu_channel_unref(channel);
}

/* Many threads: some have loops, some have none, some give up and come again. */

enum { ITEMS = 4000, PRODUCERS = 4, CONSUMERS = 4 };

typedef struct bazaar {
    yibu_channel *channel;
    atomic_int next; /* which producer or consumer a thread is */
    _Atomic(uint8_t) seen[PRODUCERS * ITEMS];
} bazaar;

static intptr_t produce(void *arg)
{
    bazaar *b = arg;
    intptr_t me = atomic_fetch_add(&b->next, 1);
    for (intptr_t i = 0; i < ITEMS; i++) {
        int r;
        do
            r = yibu_channel_send_for(b->channel, number(me * ITEMS + i), YIBU_US(me * 100));
        while (r == -ETIMEDOUT);
        assert_int_equal(r, 0);
    }
    return 0;
}

static intptr_t consume(void *arg)
{
    bazaar *b = arg;
    intptr_t last[PRODUCERS] = {-1, -1, -1, -1};
    for (;;) {
        void *item;
        int r = yibu_channel_receive_for(b->channel, &item, YIBU_US(300));
        if (r == -ETIMEDOUT)
            continue;
        if (r == YIBU_ESHUTDOWN)
            return 0;
        assert_int_equal(r, 0);
        intptr_t n = (intptr_t)item;
        assert_int_equal(atomic_fetch_add(&b->seen[n], 1), 0);
        assert_true(n % ITEMS > last[n / ITEMS]); /* each producer's in order */
        last[n / ITEMS] = n % ITEMS;
    }
}

static void *produce_in_thread(void *arg)
{
    return (void *)produce(arg);
}

static void *produce_in_loop(void *arg)
{
    return (void *)yibu_run(produce, arg, NULL);
}

static void *consume_in_thread(void *arg)
{
    return (void *)consume(arg);
}

static void *consume_in_loop(void *arg)
{
    return (void *)yibu_run(consume, arg, NULL);
}

static void exchange(size_t capacity)
{
    static bazaar b;
    b = (bazaar){.channel = new_channel(capacity)};
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_create(&consumers[i], NULL,
                                        i % 2 ? consume_in_loop : consume_in_thread, &b),
                         0);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&producers[i], NULL,
                                        i % 2 ? produce_in_loop : produce_in_thread, &b),
                         0);
    void *result;
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(producers[i], &result), 0);
        assert_null(result);
    }
    yibu_channel_close(b.channel);
    for (int i = 0; i < CONSUMERS; i++) {
        assert_int_equal(pthread_join(consumers[i], &result), 0);
        assert_null(result);
    }
    for (int i = 0; i < PRODUCERS * ITEMS; i++)
        assert_int_equal(b.seen[i], 1);
    yibu_channel_unref(b.channel);
}

static void every_item_of_every_thread_arrives_once_and_in_order(void **state)
{
    (void)state;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    exchange(1);
    exchange(3);
    exchange(64);
    unsetenv("CMOCKA_TEST_ABORT");
}

/* One sender and one receiver, through one place: each wakes the other, and nobody else would. */

enum { PASSES = 50000 / YB_TEST_SLOWDOWN };

static intptr_t pass_all(void *channel)
{
    for (intptr_t i = 0; i < PASSES; i++)
        assert_int_equal(yibu_channel_send(channel, number(i)), 0);
    return 0;
}

static void *pass_in_thread(void *channel)
{
    return (void *)pass_all(channel);
}

static void *pass_in_loop(void *channel)
{
    return (void *)yibu_run(pass_all, channel, NULL);
}

static void no_wake_up_is_lost_between_two(void **state)
{
    (void)state;
    void *(*const senders[])(void *) = {pass_in_thread, pass_in_loop};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    for (int kind = 0; kind < 2; kind++) {
        yibu_channel *channel = new_channel(1);
        pthread_t sender;
        void *result;
        assert_int_equal(pthread_create(&sender, NULL, senders[kind], channel), 0);
        for (intptr_t i = 0; i < PASSES; i++)
            expect(channel, i);
        assert_int_equal(pthread_join(sender, &result), 0);
        assert_null(result);
        yibu_channel_unref(channel);
    }
    unsetenv("CMOCKA_TEST_ABORT");
}

/* Tasks that are cancelled at any moment, against a thread that sends. */

typedef struct torment {
    yibu_channel *channel;
    long received;
    bool over;
} torment;

static void *send_many(void *arg)
{
    torment *t = arg;
    for (intptr_t i = 0; i < ITEMS; i++)
        assert_int_equal(yibu_channel_send(t->channel, number(i)), 0);
    yibu_channel_close(t->channel);
    return NULL;
}

static intptr_t receive_some(void *arg)
{
    torment *t = arg;
    void *item;
    int r = yibu_channel_receive(t->channel, &item);
    if (r == 0)
        t->received++;
    else if (r == YIBU_ESHUTDOWN)
        t->over = true;
    return 0;
}

LOOP_TEST(no_item_is_lost_whatever_is_cancelled)
{
    torment t = {.channel = new_channel(2)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_many, &t), 0);
    for (unsigned i = 0; !t.over; i++) {
        yibu_task *task = yibu_create_task(receive_some, &t, NULL);
        for (unsigned turns = i % 4; turns > 0; turns--)
            assert_int_equal(turns % 2 ? yibu_yield() : yibu_sleep(0), 0);
        if (i % 3 == 0)
            yibu_task_cancel(task);
        assert_int_equal(finish(task), 0);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(t.received, ITEMS);
    yibu_channel_unref(t.channel);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_of_no_places_is_refused),
        cmocka_unit_test(items_come_out_in_the_order_they_went_in_at_any_capacity),
        cmocka_unit_test(a_closed_channel_is_drained_and_then_shut_down),
        cmocka_unit_test(a_thread_waits_no_longer_than_it_said),
        cmocka_unit_test(a_receiver_suspends_until_an_item_comes),
        cmocka_unit_test(a_sender_suspends_until_there_is_a_place),
        cmocka_unit_test(closing_wakes_everybody_who_waits),
        cmocka_unit_test(a_cancelled_wait_takes_and_sends_nothing),
        cmocka_unit_test(
            a_receiver_cancelled_after_it_was_woken_still_gets_the_item_it_was_woken_for),
        cmocka_unit_test(a_woken_receiver_that_was_overtaken_and_cancelled_takes_nothing),
        cmocka_unit_test(a_woken_receiver_that_was_overtaken_keeps_its_place_in_line),
        cmocka_unit_test(a_task_waits_no_longer_than_it_said),
        cmocka_unit_test(a_cancelled_task_does_not_even_try),
        loop_unit_test(callbacks_send_and_receive),
        loop_unit_test(a_callback_may_not_wait),
        cmocka_unit_test(every_item_of_every_thread_arrives_once_and_in_order),
        cmocka_unit_test(no_wake_up_is_lost_between_two),
        cmocka_unit_test(no_item_is_lost_whatever_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
