/* shield: protects a future from its waiter's cancel. */
#include "coroutines.h"

LOOP_TEST(shield_returns_the_result)
{
    yibu_task *task = yibu_create_task(return_it, (void *)4, NULL);
    assert_int_equal(yibu_shield(task), 4);
    assert_int_equal(yibu_shield(task), 4);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(cancelling_the_waiter_leaves_a_shielded_task_alone)
{
    yibu_future *go = yibu_create_future(NULL);
    yibu_task *inner = started(await_it, go), *outer = started(shield_it, inner);
    yibu_task_cancel(outer);
    assert_int_equal(yibu_await(outer), -ECANCELED);
    assert_false(yibu_task_done(inner));
    assert_int_equal(yibu_task_cancelling(inner), 0);
    yibu_future_set_result(go, 4);
    assert_int_equal(yibu_await(inner), 4);
    yibu_task_unref(inner);
    yibu_task_unref(outer);
    yibu_future_unref(go);
    return 0;
}

LOOP_TEST(a_shielded_task_that_is_cancelled_itself_cancels_the_shield)
{
    yibu_task *inner = started(sleep_for_ever, NULL), *outer = started(shield_it, inner);
    yibu_task_cancel(inner);
    assert_int_equal(yibu_await(outer), -ECANCELED);
    assert_int_equal(yibu_task_cancelling(outer), 0);
    yibu_task_unref(inner);
    yibu_task_unref(outer);
    return 0;
}

LOOP_TEST(a_shielded_task_that_fails_fails_the_shield)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *outer = started(shield_it, future);
    yibu_future_set_exception(future, -EIO);
    assert_int_equal(yibu_await(outer), -EIO);
    yibu_task_unref(outer);
    yibu_future_unref(future);
    return 0;
}

static intptr_t shield_after_a_cancel(void *arg)
{
    yibu_task_cancel(yibu_current_task());
    return yibu_shield(arg);
}

LOOP_TEST(a_shield_begun_after_the_cancel_leaves_the_future_alone)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *outer = started(shield_after_a_cancel, future);
    assert_int_equal(yibu_await(outer), -ECANCELED);
    assert_false(yibu_future_done(future));
    yibu_future_unref(future);
    yibu_task_unref(outer);
    return 0;
}

LOOP_TEST(a_result_that_came_before_the_waiter_s_cancel_is_kept)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *outer = started(shield_it, future);
    yibu_future_set_result(future, 4);
    yibu_task_cancel(outer);
    assert_int_equal(yibu_await(outer), 4);
    yibu_future_unref(future);
    yibu_task_unref(outer);
    return 0;
}

/* asyncio: wait_for(shield(task), timeout). */
LOOP_TEST(a_time_limit_around_a_shield_leaves_the_task_alone)
{
    yibu_future *go = yibu_create_future(NULL);
    yibu_task *task = started(await_it, go);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_shield(task)), -ETIMEDOUT);
    assert_false(yibu_task_done(task));
    yibu_future_set_result(go, 4);
    assert_int_equal(yibu_await(task), 4);
    yibu_task_unref(task);
    yibu_future_unref(go);
    return 0;
}

LOOP_TEST(a_shield_counts_as_somebody_who_waits)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *shielding = started(shield_it, future), *awaiter = started(await_it, future);
    yibu_task_cancel(awaiter);
    assert_int_equal(yibu_await(awaiter), -ECANCELED);
    assert_false(yibu_future_done(future));
    yibu_future_set_result(future, 4);
    assert_int_equal(yibu_await(shielding), 4);
    yibu_task_unref(shielding);
    yibu_task_unref(awaiter);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(shield_refuses_what_makes_no_sense)
{
    assert_int_equal(yibu_shield(NULL), -ENOMEM);
    assert_int_equal(yibu_shield(yibu_current_task()), -EDEADLK);
    return 0;
}

static intptr_t fail_behind_a_shield(void *arg)
{
    (void)arg;
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *outer = started(shield_it, future);
    yibu_task_cancel(outer);
    assert_int_equal(yibu_await(outer), -ECANCELED);
    yibu_future_set_exception(future, -EIO);
    yibu_future_unref(future);
    yibu_task_unref(outer);
    return 0;
}

static void a_failure_after_the_waiter_has_gone_is_reported(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(fail_behind_a_shield, &kept);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.code, -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shield_returns_the_result),
        cmocka_unit_test(cancelling_the_waiter_leaves_a_shielded_task_alone),
        cmocka_unit_test(a_shielded_task_that_is_cancelled_itself_cancels_the_shield),
        cmocka_unit_test(a_shielded_task_that_fails_fails_the_shield),
        cmocka_unit_test(a_shield_begun_after_the_cancel_leaves_the_future_alone),
        cmocka_unit_test(a_result_that_came_before_the_waiter_s_cancel_is_kept),
        cmocka_unit_test(a_time_limit_around_a_shield_leaves_the_task_alone),
        cmocka_unit_test(a_shield_counts_as_somebody_who_waits),
        cmocka_unit_test(shield_refuses_what_makes_no_sense),
        cmocka_unit_test(a_failure_after_the_waiter_has_gone_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
