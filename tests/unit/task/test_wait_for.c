/* wait_for: time limits, cancels, and the races between them and the result, in each of which some
 * implementation has lost the one or the other. */
#include "coroutines.h"

typedef struct waiting {
    yibu_future *future;
    int64_t delay_ns;
    int after; /* what a checkpoint after it answered */
} waiting;

static intptr_t wait_in_task(void *arg)
{
    waiting *w = arg;
    intptr_t result = yibu_wait_for(w->future, w->delay_ns);
    w->after = yibu_check_cancelled();
    return result;
}

/* Waits without giving the loop a turn. */
static void pass_time(int64_t ns)
{
    int64_t end = yibu_loop_time(yibu_get_running_loop()) + ns;
    while (yibu_loop_time(yibu_get_running_loop()) < end)
        ;
}

/* Fills a turn of the loop: whatever becomes ready now has to wait for the one after it, which
 * looks at the clock first. */
static void fill_the_turn(void)
{
    for (int i = 0; i < 200; i++)
        assert_int_equal(yibu_spawn(return_it, NULL), 0);
}

LOOP_TEST(wait_for_returns_the_result_in_time)
{
    yibu_task *task = yibu_create_task(return_it, (void *)42, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_SECONDS(100)), 42);
    yibu_task_unref(task);
    task = yibu_create_task(return_it, (void *)(intptr_t)-EIO, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_SECONDS(100)), -EIO);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(wait_for_ever_blocks_until_the_future_completes)
{
    waiting w = {yibu_create_future(NULL), YIBU_FOREVER, 0};
    yibu_task *task = started(wait_in_task, &w);
    assert_false(yibu_task_done(task));
    yibu_future_set_result(w.future, 3);
    assert_int_equal(yibu_await(task), 3);
    yibu_task_unref(task);
    yibu_future_unref(w.future);
    return 0;
}

LOOP_TEST(a_timeout_cancels_the_future_and_fails_with_it)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_wait_for(future, YIBU_MS(1)), -ETIMEDOUT);
    assert_true(yibu_future_cancelled(future));
    assert_int_equal(yibu_check_cancelled(), 0);
    yibu_future_unref(future);
    return 0;
}

static intptr_t clean_up_slowly(void *arg)
{
    int *cleaned = arg;
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    *cleaned = yibu_sleep(YIBU_MS(1)) == 0;
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_timeout_waits_until_the_future_is_actually_cancelled)
{
    int cleaned = 0;
    yibu_task *task = yibu_create_task(clean_up_slowly, &cleaned, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_US(100)), -ETIMEDOUT);
    assert_int_equal(cleaned, 1);
    yibu_task_unref(task);
    return 0;
}

static intptr_t fail_when_cancelled(void *arg)
{
    (void)arg;
    (void)yibu_sleep(YIBU_FOREVER);
    return -EIO;
}

LOOP_TEST(an_exception_during_the_cancellation_is_propagated)
{
    yibu_task *task = yibu_create_task(fail_when_cancelled, NULL, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_US(100)), -EIO);
    yibu_task_unref(task);
    return 0;
}

static intptr_t finish_when_cancelled(void *arg)
{
    (void)yibu_sleep(YIBU_FOREVER);
    return (intptr_t)arg;
}

LOOP_TEST(a_future_that_refuses_its_cancel_keeps_its_result)
{
    yibu_task *task = yibu_create_task(finish_when_cancelled, (void *)42, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_US(100)), 42);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(cancelling_the_wait_cancels_the_future)
{
    waiting w = {yibu_create_future(NULL), YIBU_SECONDS(100), 0};
    yibu_task *task = started(wait_in_task, &w);
    yibu_task_cancel(task);
    assert_true(yibu_future_cancelled(w.future));
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(w.future);
    return 0;
}

LOOP_TEST(cancelling_the_wait_leaves_a_future_to_others_that_await_it)
{
    waiting w = {yibu_create_future(NULL), YIBU_SECONDS(100), 0};
    yibu_task *other = started(await_it, w.future), *task = started(wait_in_task, &w);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_future_set_result(w.future, 8);
    assert_int_equal(yibu_await(other), 8);
    yibu_task_unref(task);
    yibu_task_unref(other);
    yibu_future_unref(w.future);
    return 0;
}

LOOP_TEST(a_timeout_cancels_the_future_although_others_await_it)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *other = started(await_it, future);
    assert_int_equal(yibu_wait_for(future, YIBU_US(100)), -ETIMEDOUT);
    assert_int_equal(yibu_await(other), -ECANCELED);
    yibu_task_unref(other);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_future_that_somebody_else_cancels_has_not_timed_out)
{
    waiting w = {yibu_create_future(NULL), YIBU_SECONDS(100), 0};
    yibu_task *task = started(wait_in_task, &w);
    yibu_future_cancel(w.future);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(w.after, 0);
    yibu_task_unref(task);
    yibu_future_unref(w.future);
    return 0;
}

/* No time. */

LOOP_TEST(without_time_a_done_future_gives_its_result)
{
    yibu_future *future = ended(6);
    assert_int_equal(yibu_wait_for(future, 0), 6);
    assert_int_equal(yibu_wait_for(future, -1), 6);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(without_time_a_future_is_cancelled_at_once)
{
    for (int64_t delay_ns = 0; delay_ns >= -1; delay_ns--) {
        yibu_future *future = yibu_create_future(NULL);
        assert_int_equal(yibu_wait_for(future, delay_ns), -ETIMEDOUT);
        assert_true(yibu_future_cancelled(future));
        yibu_future_unref(future);
    }
    return 0;
}

static intptr_t look_for_a_cancel(void *arg)
{
    (void)arg;
    return yibu_check_cancelled();
}

LOOP_TEST(without_time_a_task_that_has_not_run_yet_is_cancelled_before_it_does)
{
    yibu_task *task = yibu_create_task(look_for_a_cancel, NULL, NULL);
    assert_int_equal(yibu_wait_for(task, 0), -ETIMEDOUT);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(without_time_a_task_gets_its_cancel_and_is_waited_for)
{
    yibu_task *task = yibu_create_task(sleep_for_ever, NULL, NULL);
    assert_int_equal(yibu_wait_for(task, 0), -ETIMEDOUT);
    assert_true(yibu_task_cancelled(task));
    yibu_task_unref(task);
    task = started(finish_when_cancelled, (void *)42);
    assert_int_equal(yibu_wait_for(task, YIBU_SECONDS(-1)), 42);
    yibu_task_unref(task);
    return 0;
}

static intptr_t cancel_oneself_and_wait(void *arg)
{
    yibu_task_cancel(yibu_current_task());
    return wait_in_task(arg);
}

LOOP_TEST(without_time_the_waiter_s_own_cancel_beats_the_limit)
{
    yibu_future *go = yibu_create_future(NULL);
    waiting w = {started(refuse_until, go), 0, 0};
    yibu_task *task = started(cancel_oneself_and_wait, &w);
    assert_false(yibu_task_done(task));
    yibu_future_set_exception(go, -ECANCELED);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(w.after, -ECANCELED);
    yibu_task_unref(task);
    yibu_task_unref(w.future);
    yibu_future_unref(go);
    return 0;
}

/* Races. */

LOOP_TEST(a_result_in_the_same_turn_as_the_expiry_is_kept)
{
    waiting w = {yibu_create_future(NULL), YIBU_MS(5), 0};
    yibu_task *task = yibu_create_task(wait_in_task, &w, NULL);
    yibu_yield();
    pass_time(YIBU_MS(6));
    fill_the_turn();
    yibu_future_set_result(w.future, 42); /* before the loop looks at the clock */
    assert_int_equal(yibu_await(task), 42);
    assert_int_equal(w.after, 0);
    yibu_task_unref(task);
    yibu_future_unref(w.future);
    return 0;
}

LOOP_TEST(a_cancel_of_the_future_in_the_same_turn_as_the_expiry_is_no_timeout)
{
    waiting w = {yibu_create_future(NULL), YIBU_MS(5), 0};
    yibu_task *task = yibu_create_task(wait_in_task, &w, NULL);
    yibu_yield();
    pass_time(YIBU_MS(6));
    fill_the_turn();
    yibu_future_cancel(w.future);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(w.future);
    return 0;
}

LOOP_TEST(a_cancel_in_the_same_turn_as_the_result_loses_neither)
{
    waiting w = {yibu_create_future(NULL), YIBU_SECONDS(100), 0};
    yibu_task *task = started(wait_in_task, &w);
    yibu_future_set_result(w.future, 42);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 42);
    assert_int_equal(w.after, -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(w.future);
    return 0;
}

LOOP_TEST(a_cancel_after_the_expiry_is_not_lost)
{
    yibu_future *go = yibu_create_future(NULL);
    waiting w = {started(refuse_until, go), YIBU_US(100), 0};
    yibu_task *task = started(wait_in_task, &w);
    while (yibu_task_cancelling(w.future) == 0)
        yibu_sleep(YIBU_US(50));
    yibu_task_cancel(task);
    yibu_future_set_exception(go, -ECANCELED);
    assert_int_equal(yibu_await(task), -ECANCELED); /* an outside cancel beats the limit */
    assert_int_equal(w.after, -ECANCELED);
    yibu_task_unref(task);
    yibu_task_unref(w.future);
    yibu_future_unref(go);
    return 0;
}

LOOP_TEST(a_cancel_before_the_expiry_is_no_timeout)
{
    yibu_future *go = yibu_create_future(NULL);
    waiting w = {started(refuse_until, go), YIBU_MS(1), 0};
    yibu_task *task = started(wait_in_task, &w);
    yibu_task_cancel(task);
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_task_cancelling(w.future), 1);
    yibu_future_set_exception(go, -ECANCELED);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_task_unref(w.future);
    yibu_future_unref(go);
    return 0;
}

LOOP_TEST(an_outer_limit_is_not_taken_for_the_wait_s_own)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_timeout outer;
    yibu_timeout_begin(&outer, YIBU_MS(1));
    intptr_t r = yibu_wait_for(future, YIBU_SECONDS(100));
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_timeout_end(&outer, r), -ETIMEDOUT);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(wait_for_refuses_what_makes_no_sense)
{
    assert_int_equal(yibu_wait_for(NULL, YIBU_SECONDS(1)), -ENOMEM);
    assert_int_equal(yibu_wait_for(yibu_current_task(), YIBU_SECONDS(1)), -EDEADLK);
    assert_int_equal(yibu_wait_for(yibu_current_task(), 0), -EDEADLK);
    assert_int_equal(yibu_check_cancelled(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_for_returns_the_result_in_time),
        cmocka_unit_test(wait_for_ever_blocks_until_the_future_completes),
        cmocka_unit_test(a_timeout_cancels_the_future_and_fails_with_it),
        cmocka_unit_test(a_timeout_waits_until_the_future_is_actually_cancelled),
        cmocka_unit_test(an_exception_during_the_cancellation_is_propagated),
        cmocka_unit_test(a_future_that_refuses_its_cancel_keeps_its_result),
        cmocka_unit_test(cancelling_the_wait_cancels_the_future),
        cmocka_unit_test(cancelling_the_wait_leaves_a_future_to_others_that_await_it),
        cmocka_unit_test(a_timeout_cancels_the_future_although_others_await_it),
        cmocka_unit_test(a_future_that_somebody_else_cancels_has_not_timed_out),
        cmocka_unit_test(without_time_a_done_future_gives_its_result),
        cmocka_unit_test(without_time_a_future_is_cancelled_at_once),
        cmocka_unit_test(without_time_a_task_that_has_not_run_yet_is_cancelled_before_it_does),
        cmocka_unit_test(without_time_a_task_gets_its_cancel_and_is_waited_for),
        cmocka_unit_test(without_time_the_waiter_s_own_cancel_beats_the_limit),
        cmocka_unit_test(a_result_in_the_same_turn_as_the_expiry_is_kept),
        cmocka_unit_test(a_cancel_of_the_future_in_the_same_turn_as_the_expiry_is_no_timeout),
        cmocka_unit_test(a_cancel_in_the_same_turn_as_the_result_loses_neither),
        cmocka_unit_test(a_cancel_after_the_expiry_is_not_lost),
        cmocka_unit_test(a_cancel_before_the_expiry_is_no_timeout),
        cmocka_unit_test(an_outer_limit_is_not_taken_for_the_wait_s_own),
        cmocka_unit_test(wait_for_refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
