/* Queues, first in, first out, and what every queue does. */
#include "queue_callers.h"

/* What asyncio's documentation says. */

LOOP_TEST(items_come_out_first_in_first_out)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 1000);
    for (int i = 1; i <= 1000; i++)
        assert_next(&queue, i);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(without_a_maxsize_put_never_waits)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 10000);
    assert_int_equal(yibu_queue_qsize(&queue), 10000);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(put_waits_when_the_queue_reaches_maxsize_until_get_removes_an_item)
{
    yibu_queue queue = YIBU_QUEUE_INIT(2);
    caller third;
    put_items(&queue, 1, 2);
    start_put(&third, &queue, 3);
    assert_waits(&third);
    assert_next(&queue, 1);
    assert_returns(&third, 0);
    assert_next(&queue, 2);
    assert_next(&queue, 3);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(the_size_is_always_known)
{
    yibu_queue queue = YIBU_QUEUE_INIT(3);
    for (int i = 0; i <= 3; i++) {
        assert_int_equal(yibu_queue_qsize(&queue), i);
        assert_int_equal(yibu_queue_empty(&queue), i == 0);
        assert_int_equal(yibu_queue_full(&queue), i == 3);
        if (i < 3)
            put_items(&queue, i, i);
    }
    assert_int_equal(yibu_queue_maxsize(&queue), 3);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_queue_without_maxsize_is_never_full)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    assert_false(yibu_queue_full(&queue));
    put_items(&queue, 1, 100);
    assert_false(yibu_queue_full(&queue));
    assert_int_equal(yibu_queue_maxsize(&queue), 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(get_waits_until_an_item_is_available)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller getter;
    start_get(&getter, &queue);
    assert_waits(&getter);
    put_items(&queue, 7, 7);
    assert_int_equal(yibu_queue_qsize(&queue), 0);
    assert_gets(&getter, 7);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(try_get_returns_an_item_where_one_is_there_else_eagain)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    assert_no_item(&queue, -EAGAIN);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(5)), 0);
    assert_try_next(&queue, 5);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(try_put_returns_eagain_where_no_slot_is_free)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(1)), 0);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(2)), -EAGAIN);
    assert_try_next(&queue, 1);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(join_waits_until_every_item_was_received_and_processed)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller joiner;
    put_items(&queue, 1, 2);
    start_join(&joiner, &queue);
    assert_next(&queue, 1);
    assert_next(&queue, 2);
    let_run();
    assert_waits(&joiner);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    let_run();
    assert_waits(&joiner);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    assert_returns(&joiner, 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(join_returns_at_once_where_nothing_is_unfinished)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    assert_int_equal(yibu_queue_join(&queue), 0);
    put_items(&queue, 1, 1);
    assert_next(&queue, 1);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    assert_int_equal(yibu_queue_join(&queue), 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(every_joiner_is_woken)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller joiners[3];
    put_items(&queue, 1, 1);
    for (int i = 0; i < 3; i++)
        start_join(&joiners[i], &queue);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    for (int i = 0; i < 3; i++)
        assert_returns(&joiners[i], 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(an_item_handed_straight_to_a_getter_is_unfinished_too)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller getter, joiner;
    start_get(&getter, &queue);
    put_items(&queue, 1, 1);
    start_join(&joiner, &queue);
    assert_gets(&getter, 1);
    assert_waits(&joiner);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    assert_returns(&joiner, 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(an_item_that_waits_to_be_put_is_not_unfinished_yet)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller putter;
    yibu_queue_stats stats;
    put_items(&queue, 1, 1);
    start_put(&putter, &queue, 2);
    yibu_queue_statistics(&queue, &stats);
    assert_int_equal(stats.unfinished, 1);
    assert_next(&queue, 1);
    yibu_queue_statistics(&queue, &stats);
    assert_int_equal(stats.unfinished, 2);
    assert_returns(&putter, 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(task_done_called_more_often_than_there_were_items_is_einval)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    assert_int_equal(yibu_queue_task_done(&queue), -EINVAL);
    put_items(&queue, 1, 1);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    assert_int_equal(yibu_queue_task_done(&queue), -EINVAL);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(queue_operations_have_a_time_limit_through_a_scope)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    yibu_timeout limit;
    void *item = NO_ITEM;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_queue_get(&queue, &item)), -ETIMEDOUT);
    assert_ptr_equal(item, NO_ITEM);
    put_items(&queue, 1, 1);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_queue_put(&queue, ITEM(2))), -ETIMEDOUT);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_queue_join(&queue)), -ETIMEDOUT);
    assert_next(&queue, 1);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

/* First come, first served. */

LOOP_TEST(getters_are_served_in_the_order_they_came)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller getters[4];
    for (int i = 0; i < 4; i++)
        start_get(&getters[i], &queue);
    for (int i = 0; i < 4; i++) {
        put_items(&queue, i, i);
        let_run();
        for (int j = 0; j < 4; j++)
            assert_int_equal(yibu_task_done(getters[j].task), j <= i);
    }
    for (int i = 0; i < 4; i++)
        assert_gets(&getters[i], i);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(putters_are_served_in_the_order_they_came)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller putters[4];
    put_items(&queue, 0, 0);
    for (int i = 0; i < 4; i++)
        start_put(&putters[i], &queue, i + 1);
    for (int i = 0; i < 4; i++) {
        assert_next(&queue, i);
        let_run();
        for (int j = 0; j < 4; j++)
            assert_int_equal(yibu_task_done(putters[j].task), j <= i);
    }
    for (int i = 0; i < 4; i++)
        assert_returns(&putters[i], 0);
    assert_next(&queue, 4);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(nobody_overtakes_the_getter_that_an_item_was_handed_to)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller first, second;
    start_get(&first, &queue);
    put_items(&queue, 1, 1);
    assert_no_item(&queue, -EAGAIN);
    start_call(&second, call_get, &queue, NO_ITEM);
    assert_gets(&first, 1);
    let_run();
    assert_waits(&second);
    put_items(&queue, 2, 2);
    assert_gets(&second, 2);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(nobody_overtakes_the_putter_that_room_was_made_for)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller first;
    put_items(&queue, 1, 1);
    start_put(&first, &queue, 2);
    assert_try_next(&queue, 1);
    assert_true(yibu_queue_full(&queue));
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(3)), -EAGAIN);
    assert_returns(&first, 0);
    assert_next(&queue, 2);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Cancels. */

LOOP_TEST(a_cancelled_getter_takes_no_item)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller first, second;
    start_get(&first, &queue);
    start_get(&second, &queue);
    yibu_task_cancel(first.task);
    put_items(&queue, 1, 1);
    assert_returns(&first, -ECANCELED);
    assert_ptr_equal(first.item, NO_ITEM);
    assert_gets(&second, 1);
    yibu_queue_destroy(&queue);
    return 0;
}

/* A bug of asyncio once, and of tornado: the item was dropped. */
LOOP_TEST(a_get_keeps_the_item_it_was_handed_when_cancelled_before_it_runs)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller first, second;
    start_get(&first, &queue);
    start_get(&second, &queue);
    put_items(&queue, 1, 1);
    yibu_task_cancel(first.task);
    put_items(&queue, 2, 2);
    assert_gets(&first, 1);
    assert_gets(&second, 2);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_put_whose_item_was_taken_in_has_succeeded_when_cancelled_before_it_runs)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller putter;
    put_items(&queue, 1, 1);
    start_put(&putter, &queue, 2);
    assert_next(&queue, 1);
    yibu_task_cancel(putter.task);
    assert_returns(&putter, 0);
    assert_next(&queue, 2);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(the_item_of_a_cancelled_put_is_not_in_the_queue)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller first, second;
    put_items(&queue, 1, 1);
    start_put(&first, &queue, 2);
    start_put(&second, &queue, 3);
    yibu_task_cancel(first.task);
    assert_returns(&first, -ECANCELED);
    assert_next(&queue, 1);
    assert_next(&queue, 3);
    assert_returns(&second, 0);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_cancelled_task_neither_puts_nor_gets_nor_joins)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller calls[3];
    put_items(&queue, 1, 1);
    start_call(&calls[0], call_put, &queue, ITEM(2));
    start_call(&calls[1], call_get, &queue, NO_ITEM);
    start_call(&calls[2], call_join, &queue, NO_ITEM);
    for (int i = 0; i < 3; i++)
        yibu_task_cancel(calls[i].task);
    for (int i = 0; i < 3; i++)
        assert_returns(&calls[i], -ECANCELED);
    assert_int_equal(yibu_queue_qsize(&queue), 1);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_cancelled_joiner_leaves_and_the_others_stay)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller joiners[2];
    put_items(&queue, 1, 1);
    start_join(&joiners[0], &queue);
    start_join(&joiners[1], &queue);
    yibu_task_cancel(joiners[0].task);
    assert_returns(&joiners[0], -ECANCELED);
    assert_waits(&joiners[1]);
    yibu_queue_task_done(&queue);
    assert_returns(&joiners[1], 0);
    yibu_queue_destroy(&queue);
    return 0;
}

/* A bug of asyncio once: a consumer with a time limit lost items. */

enum { PRODUCED = 300 };

static intptr_t produce_with_pauses(void *arg)
{
    for (int i = 0; i < PRODUCED; i++) {
        assert_int_equal(yibu_queue_put(arg, ITEM(i)), 0);
        if (i % 3 == 0)
            assert_int_equal(yibu_sleep(YIBU_US(i % 90)), 0);
    }
    return 0;
}

LOOP_TEST(a_consumer_with_a_time_limit_loses_no_item)
{
    yibu_queue queue = YIBU_QUEUE_INIT(2);
    yibu_task *producer = yibu_create_task(produce_with_pauses, &queue, NULL);
    for (int i = 0; i < PRODUCED;) {
        void *item = NO_ITEM;
        yibu_timeout limit;
        yibu_timeout_begin(&limit, YIBU_US(20));
        intptr_t r = yibu_timeout_end(&limit, yibu_queue_get(&queue, &item));
        if (r == -ETIMEDOUT)
            continue;
        assert_int_equal(r, 0);
        assert_ptr_equal(item, ITEM(i++));
    }
    assert_int_equal(yibu_await(producer), 0);
    yibu_task_unref(producer);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Memory. */

LOOP_TEST(items_keep_their_order_while_a_ring_that_went_round_grows_and_shrinks)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    int in = 0, out = 0;
    for (int round = 0; round < 12; round++) {
        put_items(&queue, in, in + (37 << round) - 1);
        in += 37 << round;
        for (int i = 0; i < 23 << round; i++)
            assert_next(&queue, out++);
    }
    while (out < in)
        assert_next(&queue, out++);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_destroyed_queue_drops_its_items_and_is_as_new)
{
    yibu_queue queue = YIBU_QUEUE_INIT(2);
    put_items(&queue, 1, 2);
    yibu_queue_shutdown(&queue, false);
    yibu_queue_destroy(&queue);
    assert_true(yibu_queue_empty(&queue));
    assert_int_equal(yibu_queue_join(&queue), 0);
    put_items(&queue, 3, 4);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(5)), -EAGAIN);
    assert_next(&queue, 3);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_queue_may_be_destroyed_before_those_who_were_served_run)
{
    yibu_queue *queue = malloc(sizeof(*queue));
    caller getter, joiner;
    *queue = (yibu_queue)YIBU_QUEUE_INIT(1);
    start_get(&getter, queue);
    put_items(queue, 1, 1);
    start_join(&joiner, queue);
    assert_int_equal(yibu_queue_task_done(queue), 0);
    yibu_queue_destroy(queue);
    free(queue);
    assert_gets(&getter, 1);
    assert_returns(&joiner, 0);
    return 0;
}

LOOP_TEST(null_is_an_item_like_any_other)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller getter;
    put_items(&queue, 0, 0);
    assert_next(&queue, 0);
    start_get(&getter, &queue);
    put_items(&queue, 0, 0);
    assert_gets(&getter, 0);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Who may call. */

LOOP_TEST(statistics_tell_size_waiters_and_unfinished_tasks)
{
    yibu_queue queue = YIBU_QUEUE_INIT(2);
    yibu_queue_stats stats;
    caller putters[3], joiner, getters[2];
    put_items(&queue, 1, 2);
    for (int i = 0; i < 3; i++)
        start_put(&putters[i], &queue, 3 + i);
    start_join(&joiner, &queue);
    yibu_queue_statistics(&queue, &stats);
    assert_int_equal(stats.qsize, 2);
    assert_int_equal(stats.maxsize, 2);
    assert_int_equal(stats.putters, 3);
    assert_int_equal(stats.getters, 0);
    assert_int_equal(stats.joiners, 1);
    assert_int_equal(stats.unfinished, 2);
    assert_false(stats.shut_down);
    for (int i = 1; i <= 5; i++) {
        assert_next(&queue, i);
        yibu_queue_task_done(&queue);
    }
    for (int i = 0; i < 3; i++)
        assert_returns(&putters[i], 0);
    assert_returns(&joiner, 0);
    start_get(&getters[0], &queue);
    start_get(&getters[1], &queue);
    yibu_queue_statistics(&queue, &stats);
    assert_int_equal(stats.getters, 2);
    assert_int_equal(stats.qsize + stats.putters + stats.joiners + stats.unfinished, 0);
    yibu_queue_shutdown(&queue, false);
    yibu_queue_statistics(&queue, &stats);
    assert_true(stats.shut_down);
    assert_returns(&getters[0], YIBU_ESHUTDOWN);
    assert_returns(&getters[1], YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

static yibu_queue file_scope = YIBU_QUEUE_INIT(1);

static void put_into_file_scope(void *item)
{
    assert_int_equal(yibu_queue_try_put(&file_scope, item), 0);
}

LOOP_TEST(a_callback_may_put_and_a_queue_at_file_scope_serves_one_loop_after_another)
{
    assert_int_equal(yibu_call_soon(yibu_get_running_loop(), put_into_file_scope, ITEM(9), NULL),
                     0);
    assert_next(&file_scope, 9);
    yibu_queue_destroy(&file_scope);
    return 0;
}

static void only_tasks_wait_but_anybody_may_try(void **state)
{
    (void)state;
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    void *item = NO_ITEM;
    assert_int_equal(yibu_queue_put(&queue, ITEM(1)), YIBU_ENOTASK);
    assert_int_equal(yibu_queue_get(&queue, &item), YIBU_ENOTASK);
    assert_int_equal(yibu_queue_join(&queue), YIBU_ENOTASK);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(2)), 0);
    assert_try_next(&queue, 2);
    yibu_queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_first_in_first_out),
        cmocka_unit_test(without_a_maxsize_put_never_waits),
        cmocka_unit_test(put_waits_when_the_queue_reaches_maxsize_until_get_removes_an_item),
        cmocka_unit_test(the_size_is_always_known),
        cmocka_unit_test(a_queue_without_maxsize_is_never_full),
        cmocka_unit_test(get_waits_until_an_item_is_available),
        cmocka_unit_test(try_get_returns_an_item_where_one_is_there_else_eagain),
        cmocka_unit_test(try_put_returns_eagain_where_no_slot_is_free),
        cmocka_unit_test(join_waits_until_every_item_was_received_and_processed),
        cmocka_unit_test(join_returns_at_once_where_nothing_is_unfinished),
        cmocka_unit_test(every_joiner_is_woken),
        cmocka_unit_test(an_item_handed_straight_to_a_getter_is_unfinished_too),
        cmocka_unit_test(an_item_that_waits_to_be_put_is_not_unfinished_yet),
        cmocka_unit_test(task_done_called_more_often_than_there_were_items_is_einval),
        cmocka_unit_test(queue_operations_have_a_time_limit_through_a_scope),
        cmocka_unit_test(getters_are_served_in_the_order_they_came),
        cmocka_unit_test(putters_are_served_in_the_order_they_came),
        cmocka_unit_test(nobody_overtakes_the_getter_that_an_item_was_handed_to),
        cmocka_unit_test(nobody_overtakes_the_putter_that_room_was_made_for),
        cmocka_unit_test(a_cancelled_getter_takes_no_item),
        cmocka_unit_test(a_get_keeps_the_item_it_was_handed_when_cancelled_before_it_runs),
        cmocka_unit_test(a_put_whose_item_was_taken_in_has_succeeded_when_cancelled_before_it_runs),
        cmocka_unit_test(the_item_of_a_cancelled_put_is_not_in_the_queue),
        cmocka_unit_test(a_cancelled_task_neither_puts_nor_gets_nor_joins),
        cmocka_unit_test(a_cancelled_joiner_leaves_and_the_others_stay),
        cmocka_unit_test(a_consumer_with_a_time_limit_loses_no_item),
        cmocka_unit_test(items_keep_their_order_while_a_ring_that_went_round_grows_and_shrinks),
        cmocka_unit_test(a_destroyed_queue_drops_its_items_and_is_as_new),
        cmocka_unit_test(a_queue_may_be_destroyed_before_those_who_were_served_run),
        cmocka_unit_test(null_is_an_item_like_any_other),
        cmocka_unit_test(statistics_tell_size_waiters_and_unfinished_tasks),
        cmocka_unit_test(
            a_callback_may_put_and_a_queue_at_file_scope_serves_one_loop_after_another),
        cmocka_unit_test(
            a_callback_may_put_and_a_queue_at_file_scope_serves_one_loop_after_another),
        cmocka_unit_test(only_tasks_wait_but_anybody_may_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
