/* as_completed: futures as they end. */
#include "coroutines.h"

LOOP_TEST(futures_come_in_the_order_of_their_ends)
{
    yibu_future *futures[3];
    void *item;
    for (int i = 0; i < 3; i++)
        futures[i] = yibu_create_future(NULL);
    yibu_iterator *it = yibu_as_completed(futures, 3, YIBU_FOREVER);
    static const int order[] = {1, 2, 0};
    for (int i = 0; i < 3; i++)
        yibu_future_set_result(futures[order[i]], order[i]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yibu_iterator_next(it, &item), 1);
        assert_ptr_equal(item, futures[order[i]]);
        assert_int_equal(yibu_await(item), order[i]);
    }
    assert_int_equal(yibu_iterator_next(it, &item), 0);
    assert_int_equal(yibu_iterator_next(it, &item), 0);
    assert_int_equal(yibu_iterator_close(it), 0);
    unref_all(futures, 3);
    return 0;
}

LOOP_TEST(futures_that_have_ended_come_first_in_the_order_given)
{
    yibu_future *futures[] = {yibu_create_future(NULL), ended(1), ended(-EIO)};
    void *item;
    yibu_iterator *it = yibu_as_completed(futures, 3, YIBU_FOREVER);
    yibu_future_set_result(futures[0], 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yibu_iterator_next(it, &item), 1);
        assert_ptr_equal(item, futures[(i + 1) % 3]);
    }
    (void)yibu_future_result(futures[2]);
    assert_int_equal(yibu_iterator_close(it), 0);
    unref_all(futures, 3);
    return 0;
}

static intptr_t sum_up(void *arg)
{
    yibu_future **futures = arg;
    intptr_t sum = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_future *, future, yibu_as_completed(futures, 3, YIBU_FOREVER), &r)
        sum = sum * 10 + yibu_await(future);
    return r < 0 ? r : sum;
}

LOOP_TEST(the_iteration_waits_for_the_next_end)
{
    yibu_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = yibu_create_future(NULL);
    yibu_task *task = started(sum_up, futures);
    for (int i = 2; i >= 0; i--) {
        assert_false(yibu_task_done(task));
        yibu_future_set_result(futures[i], i + 1);
        settle();
    }
    assert_int_equal(yibu_await(task), 321);
    yibu_task_unref(task);
    unref_all(futures, 3);
    return 0;
}

LOOP_TEST(tasks_come_as_they_end)
{
    enum { MANY = 300 };
    yibu_task *tasks[MANY];
    intptr_t sum = 0;
    int r;
    for (int i = 0; i < MANY; i++)
        tasks[i] = yibu_create_task(return_it, (void *)(intptr_t)i, NULL);
    YIBU_ASYNC_FOR (yibu_task *, task, yibu_as_completed(tasks, MANY, YIBU_FOREVER), &r)
        sum += yibu_task_result(task);
    assert_int_equal(r, 0);
    assert_int_equal(sum, MANY * (MANY - 1) / 2);
    unref_all(tasks, MANY);
    return 0;
}

LOOP_TEST(nothing_to_complete_is_an_empty_iteration)
{
    void *item;
    yibu_iterator *it = yibu_as_completed(NULL, 0, YIBU_FOREVER);
    assert_int_equal(yibu_iterator_next(it, &item), 0);
    assert_int_equal(yibu_iterator_close(it), 0);
    return 0;
}

LOOP_TEST(a_timeout_before_all_are_done_fails_and_cancels_nothing)
{
    yibu_future *futures[] = {ended(1), yibu_create_future(NULL)};
    void *item;
    yibu_iterator *it = yibu_as_completed(futures, 2, YIBU_MS(1));
    assert_int_equal(yibu_iterator_next(it, &item), 1);
    assert_ptr_equal(item, futures[0]);
    assert_int_equal(yibu_iterator_next(it, &item), -ETIMEDOUT);
    assert_int_equal(yibu_iterator_next(it, &item), -ETIMEDOUT);
    assert_false(yibu_future_done(futures[1]));
    assert_int_equal(yibu_iterator_close(it), 0);
    unref_all(futures, 2);
    return 0;
}

LOOP_TEST(what_ended_before_the_timeout_comes_after_it_too)
{
    yibu_future *futures[] = {yibu_create_future(NULL), ended(1)};
    void *item;
    yibu_iterator *it = yibu_as_completed(futures, 2, YIBU_US(100));
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_iterator_next(it, &item), 1);
    assert_ptr_equal(item, futures[1]);
    assert_int_equal(yibu_iterator_next(it, &item), -ETIMEDOUT);
    assert_int_equal(yibu_iterator_close(it), 0);
    unref_all(futures, 2);
    return 0;
}

LOOP_TEST(there_is_no_timeout_once_all_are_done)
{
    yibu_future *future = ended(1);
    void *item;
    yibu_iterator *it = yibu_as_completed(&future, 1, YIBU_US(100));
    assert_int_equal(yibu_iterator_next(it, &item), 1);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_iterator_next(it, &item), 0);
    assert_int_equal(yibu_iterator_close(it), 0);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(closing_early_leaves_the_futures_alone)
{
    yibu_future *futures[] = {ended(1), yibu_create_future(NULL)};
    int r, seen = 0;
    YIBU_ASYNC_FOR (yibu_future *, future, yibu_as_completed(futures, 2, YIBU_SECONDS(100)), &r) {
        seen += (int)yibu_future_result(future);
        break;
    }
    assert_int_equal(r, 0);
    assert_int_equal(seen, 1);
    yibu_future_set_result(futures[1], 2); /* nobody hears of it any more */
    unref_all(futures, 2);
    return 0;
}

LOOP_TEST(a_cancel_of_the_consumer_leaves_the_futures_alone)
{
    yibu_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = yibu_create_future(NULL);
    yibu_task *task = started(sum_up, futures);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    for (int i = 0; i < 3; i++)
        assert_false(yibu_future_done(futures[i]));
    yibu_task_unref(task);
    unref_all(futures, 3);
    return 0;
}

static intptr_t take_one(void *arg)
{
    void *item;
    return yibu_iterator_next(arg, &item);
}

LOOP_TEST(an_item_that_came_before_the_consumer_s_cancel_is_handed_out)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_iterator *it = yibu_as_completed(&future, 1, YIBU_FOREVER);
    yibu_task *task = started(take_one, it);
    yibu_future_set_result(future, 1);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 1);
    assert_int_equal(yibu_iterator_close(it), 0);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(the_iterator_refers_to_the_futures_until_it_is_closed)
{
    yibu_future *futures[2] = {ended(5), yibu_create_future(NULL)};
    void *item;
    yibu_iterator *it = yibu_as_completed(futures, 2, YIBU_FOREVER);
    unref_all(futures, 2);
    assert_int_equal(yibu_iterator_next(it, &item), 1);
    assert_int_equal(yibu_future_result(item), 5);
    assert_int_equal(yibu_iterator_close(it), 0);
    return 0;
}

LOOP_TEST(a_future_given_twice_comes_twice)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_future *futures[2] = {future, future};
    void *item;
    yibu_iterator *it = yibu_as_completed(futures, 2, YIBU_FOREVER);
    yibu_future_set_result(future, 1);
    assert_int_equal(yibu_iterator_next(it, &item), 1);
    assert_int_equal(yibu_iterator_next(it, &item), 1);
    assert_ptr_equal(item, future);
    assert_int_equal(yibu_iterator_next(it, &item), 0);
    assert_int_equal(yibu_iterator_close(it), 0);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_task_that_could_not_be_created_fails_the_iteration)
{
    yibu_future *futures[] = {ended(1), NULL};
    void *item;
    yibu_iterator *it = yibu_as_completed(futures, 2, YIBU_FOREVER);
    assert_int_equal(yibu_iterator_next(it, &item), -ENOMEM);
    assert_int_equal(yibu_iterator_close(it), 0);
    it = yibu_as_completed(NULL, 2, YIBU_FOREVER);
    assert_int_equal(yibu_iterator_next(it, &item), -EINVAL);
    assert_int_equal(yibu_iterator_close(it), 0);
    unref_all(futures, 1);
    return 0;
}

static void as_completed_needs_a_loop(void **state)
{
    (void)state;
    assert_null(yibu_as_completed(NULL, 0, YIBU_FOREVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(futures_come_in_the_order_of_their_ends),
        cmocka_unit_test(futures_that_have_ended_come_first_in_the_order_given),
        cmocka_unit_test(the_iteration_waits_for_the_next_end),
        cmocka_unit_test(tasks_come_as_they_end),
        cmocka_unit_test(nothing_to_complete_is_an_empty_iteration),
        cmocka_unit_test(a_timeout_before_all_are_done_fails_and_cancels_nothing),
        cmocka_unit_test(what_ended_before_the_timeout_comes_after_it_too),
        cmocka_unit_test(there_is_no_timeout_once_all_are_done),
        cmocka_unit_test(closing_early_leaves_the_futures_alone),
        cmocka_unit_test(a_cancel_of_the_consumer_leaves_the_futures_alone),
        cmocka_unit_test(an_item_that_came_before_the_consumer_s_cancel_is_handed_out),
        cmocka_unit_test(the_iterator_refers_to_the_futures_until_it_is_closed),
        cmocka_unit_test(a_future_given_twice_comes_twice),
        cmocka_unit_test(a_task_that_could_not_be_created_fails_the_iteration),
        cmocka_unit_test(as_completed_needs_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
