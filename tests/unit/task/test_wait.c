/* wait: three modes, the time limit, and a cancel that leaves the futures alone. */
#include "coroutines.h"

typedef struct waiting {
    yibu_future *futures[3];
    size_t n;
    int64_t timeout_ns;
    unsigned return_when;
} waiting;

static intptr_t wait_in_task(void *arg)
{
    waiting *w = arg;
    return yibu_wait(w->futures, w->n, w->timeout_ns, w->return_when);
}

static yibu_task *wait_for_futures(waiting *w, unsigned return_when)
{
    *w = (waiting){.n = 3, .timeout_ns = YIBU_FOREVER, .return_when = return_when};
    for (size_t i = 0; i < w->n; i++)
        w->futures[i] = yibu_create_future(NULL);
    return started(wait_in_task, w);
}

static void end_wait(waiting *w, yibu_task *task)
{
    assert_true(yibu_task_done(task));
    yibu_task_unref(task);
    unref_all(w->futures, w->n);
}

LOOP_TEST(first_completed_returns_when_any_future_finishes)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_FIRST_COMPLETED);
    yibu_future_set_result(w.futures[1], 5);
    assert_int_equal(yibu_await(task), 1);
    assert_true(yibu_future_done(w.futures[1]));
    assert_false(yibu_future_done(w.futures[0]));
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(first_completed_returns_when_any_future_is_cancelled)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_FIRST_COMPLETED);
    yibu_future_cancel(w.futures[2]);
    assert_int_equal(yibu_await(task), 1);
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(first_completed_counts_all_that_ended_by_the_time_it_returns)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_FIRST_COMPLETED);
    yibu_future_set_result(w.futures[1], 5);
    yibu_future_set_result(w.futures[0], 5);
    assert_int_equal(yibu_await(task), 2);
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(first_exception_returns_when_any_future_fails)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_FIRST_EXCEPTION);
    yibu_future_set_result(w.futures[0], 5);
    settle();
    assert_false(yibu_task_done(task));
    yibu_future_set_exception(w.futures[1], -EIO);
    assert_int_equal(yibu_await(task), 2);
    (void)yibu_future_result(w.futures[1]);
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(first_exception_is_all_completed_where_none_fails)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_FIRST_EXCEPTION);
    yibu_future_set_result(w.futures[0], 5);
    yibu_future_cancel(w.futures[1]);
    settle();
    assert_false(yibu_task_done(task));
    yibu_future_set_result(w.futures[2], 5);
    assert_int_equal(yibu_await(task), 3);
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(all_completed_returns_when_all_have_finished_or_are_cancelled)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_ALL_COMPLETED);
    yibu_future_set_exception(w.futures[0], -EIO);
    yibu_future_cancel(w.futures[1]);
    settle();
    assert_false(yibu_task_done(task));
    yibu_future_set_result(w.futures[2], 5);
    assert_int_equal(yibu_await(task), 3);
    (void)yibu_future_result(w.futures[0]);
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(what_is_done_already_counts)
{
    yibu_future *futures[] = {yibu_create_future(NULL), ended(-ECANCELED), ended(-EIO)};
    assert_int_equal(yibu_wait(futures, 3, YIBU_FOREVER, YIBU_FIRST_COMPLETED), 2);
    assert_int_equal(yibu_wait(futures, 3, YIBU_FOREVER, YIBU_FIRST_EXCEPTION), 2);
    assert_int_equal(yibu_wait(&futures[1], 2, YIBU_FOREVER, YIBU_ALL_COMPLETED), 2);
    (void)yibu_future_result(futures[2]);
    unref_all(futures, 3);
    return 0;
}

LOOP_TEST(a_time_limit_is_no_failure_and_cancels_nothing)
{
    yibu_future *futures[] = {yibu_create_future(NULL), ended(1)};
    assert_int_equal(yibu_wait(futures, 2, YIBU_MS(1), YIBU_ALL_COMPLETED), 1);
    assert_int_equal(yibu_wait(futures, 1, YIBU_MS(1), YIBU_ALL_COMPLETED), 0);
    assert_false(yibu_future_done(futures[0]));
    assert_int_equal(yibu_sleep(0), 0);
    unref_all(futures, 2);
    return 0;
}

LOOP_TEST(a_wait_that_ended_leaves_no_time_limit_behind)
{
    yibu_task *task = yibu_create_task(return_it, (void *)1, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_wait(&task, 1, YIBU_MS(1), YIBU_ALL_COMPLETED), 1);
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(without_time_it_looks_once_after_what_is_ready_has_run)
{
    yibu_task *task = yibu_create_task(return_it, (void *)1, NULL);
    assert_int_equal(yibu_wait(&task, 1, 0, YIBU_ALL_COMPLETED), 1);
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_wait(&future, 1, 0, YIBU_ALL_COMPLETED), 0);
    assert_int_equal(yibu_wait(&future, 1, -1, YIBU_ALL_COMPLETED), 0);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

static intptr_t sleep_a_moment(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_US(50));
}

LOOP_TEST(polling_does_not_stop_the_others)
{
    yibu_task *task = yibu_create_task(sleep_a_moment, NULL, NULL);
    while (yibu_wait(&task, 1, 0, YIBU_ALL_COMPLETED) == 0)
        ;
    assert_int_equal(yibu_task_result(task), 0);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_cancel_of_the_waiter_leaves_the_futures_alone)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_ALL_COMPLETED);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    for (size_t i = 0; i < w.n; i++)
        assert_false(yibu_future_done(w.futures[i]));
    yibu_future_set_result(w.futures[0], 1); /* nobody hears of it any more */
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(a_wait_that_was_over_when_the_cancel_came_has_succeeded)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_FIRST_COMPLETED);
    yibu_future_set_result(w.futures[0], 1);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 1);
    end_wait(&w, task);
    return 0;
}

static intptr_t wait_after_a_cancel(void *arg)
{
    yibu_task_cancel(yibu_current_task());
    return wait_in_task(arg);
}

LOOP_TEST(a_cancel_is_noticed_on_entry)
{
    waiting w = {.futures = {ended(1)}, .n = 1, .timeout_ns = YIBU_FOREVER};
    yibu_task *task = started(wait_after_a_cancel, &w);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    unref_all(w.futures, 1);
    return 0;
}

LOOP_TEST(a_future_that_somebody_waits_for_is_not_cancelled_with_its_awaiter)
{
    waiting w;
    yibu_task *task = wait_for_futures(&w, YIBU_FIRST_COMPLETED);
    yibu_task *awaiter = started(await_it, w.futures[0]);
    yibu_task_cancel(awaiter);
    assert_int_equal(yibu_await(awaiter), -ECANCELED);
    assert_false(yibu_future_done(w.futures[0]));
    yibu_future_set_result(w.futures[0], 0);
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(awaiter);
    end_wait(&w, task);
    return 0;
}

LOOP_TEST(tasks_whose_references_are_dropped_count_too)
{
    yibu_future *go = yibu_create_future(NULL);
    waiting w = {.n = 2, .timeout_ns = YIBU_FOREVER, .return_when = YIBU_ALL_COMPLETED};
    for (int i = 0; i < 2; i++)
        w.futures[i] = started(await_it, go);
    yibu_task *task = started(wait_in_task, &w);
    unref_all(w.futures, 2);
    yibu_future_set_result(go, 1);
    assert_int_equal(yibu_await(task), 2);
    yibu_task_unref(task);
    yibu_future_unref(go);
    return 0;
}

LOOP_TEST(wait_refuses_what_makes_no_sense)
{
    yibu_future *futures[] = {yibu_create_future(NULL), yibu_current_task()};
    assert_int_equal(yibu_wait(futures, 0, YIBU_FOREVER, YIBU_ALL_COMPLETED), -EINVAL);
    assert_int_equal(yibu_wait(NULL, 1, YIBU_FOREVER, YIBU_ALL_COMPLETED), -EINVAL);
    assert_int_equal(yibu_wait(futures, 1, YIBU_FOREVER, 3), -EINVAL);
    assert_int_equal(yibu_wait(futures, 2, YIBU_FOREVER, YIBU_ALL_COMPLETED), -EDEADLK);
    unref_all(futures, 1);
    return 0;
}

LOOP_TEST(a_task_that_could_not_be_created_is_done)
{
    yibu_future *futures[] = {yibu_create_future(NULL), NULL};
    assert_int_equal(yibu_wait(futures, 2, YIBU_FOREVER, YIBU_FIRST_EXCEPTION), 1);
    unref_all(futures, 1);
    return 0;
}

static void wait_needs_a_task(void **state)
{
    (void)state;
    assert_int_equal(yibu_wait(NULL, 0, 0, YIBU_ALL_COMPLETED), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_completed_returns_when_any_future_finishes),
        cmocka_unit_test(first_completed_returns_when_any_future_is_cancelled),
        cmocka_unit_test(first_completed_counts_all_that_ended_by_the_time_it_returns),
        cmocka_unit_test(first_exception_returns_when_any_future_fails),
        cmocka_unit_test(first_exception_is_all_completed_where_none_fails),
        cmocka_unit_test(all_completed_returns_when_all_have_finished_or_are_cancelled),
        cmocka_unit_test(what_is_done_already_counts),
        cmocka_unit_test(a_time_limit_is_no_failure_and_cancels_nothing),
        cmocka_unit_test(a_wait_that_ended_leaves_no_time_limit_behind),
        cmocka_unit_test(without_time_it_looks_once_after_what_is_ready_has_run),
        cmocka_unit_test(polling_does_not_stop_the_others),
        cmocka_unit_test(a_cancel_of_the_waiter_leaves_the_futures_alone),
        cmocka_unit_test(a_wait_that_was_over_when_the_cancel_came_has_succeeded),
        cmocka_unit_test(a_cancel_is_noticed_on_entry),
        cmocka_unit_test(a_future_that_somebody_waits_for_is_not_cancelled_with_its_awaiter),
        cmocka_unit_test(tasks_whose_references_are_dropped_count_too),
        cmocka_unit_test(wait_refuses_what_makes_no_sense),
        cmocka_unit_test(a_task_that_could_not_be_created_is_done),
        cmocka_unit_test(wait_needs_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
