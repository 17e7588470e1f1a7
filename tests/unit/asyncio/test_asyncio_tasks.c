/* What asyncio's documentation says of coroutines and tasks, as far as no other test says it. */
#include <errno.h>

#include "../task/coroutines.h"

/* Coroutines and tasks. */

static intptr_t sleep_for(void *arg)
{
    return yibu_sleep((intptr_t)arg);
}

static int64_t now(void)
{
    return yibu_loop_time(yibu_get_running_loop());
}

LOOP_TEST(coroutines_called_one_after_the_other_take_the_sum_of_their_times)
{
    int64_t start = now();
    assert_int_equal(sleep_for((void *)(intptr_t)YIBU_MS(2)), 0);
    assert_int_equal(sleep_for((void *)(intptr_t)YIBU_MS(3)), 0);
    assert_true(now() - start >= YIBU_MS(5));
    return 0;
}

typedef struct span {
    yibu_event *go;
    bool began, ended;
} span;

static intptr_t wait_within(void *arg)
{
    span *s = arg;
    s->began = true;
    int r = yibu_event_wait(s->go);
    s->ended = true;
    return r;
}

LOOP_TEST(tasks_run_concurrently)
{
    yibu_event go = YIBU_EVENT_INIT;
    span first = {.go = &go}, second = {.go = &go};
    yibu_task *tasks[] = {yibu_create_task(wait_within, &first, NULL),
                          yibu_create_task(wait_within, &second, NULL)};
    assert_false(first.began || second.began); /* creating starts neither */
    yibu_sleep(0);
    assert_true(first.began && second.began && !first.ended && !second.ended);
    yibu_event_set(&go);
    assert_int_equal(yibu_gather(tasks, 2, NULL, 0), 0);
    assert_true(first.ended && second.ended);
    unref_all(tasks, 2);
    return 0;
}

LOOP_TEST(a_task_whose_handle_was_dropped_runs_to_its_end)
{
    yibu_event go = YIBU_EVENT_INIT;
    span kept = {.go = &go};
    yibu_task_unref(yibu_create_task(wait_within, &kept, NULL));
    settle();
    yibu_event_set(&go);
    settle();
    assert_true(kept.ended);
    return 0;
}

static void create_task_needs_a_loop(void **state)
{
    (void)state;
    assert_null(yibu_create_task(return_it, NULL, NULL));
    assert_int_equal(yibu_spawn(return_it, NULL), YIBU_ENOTASK);
}

static intptr_t count_to(void *arg)
{
    ++*(int *)arg;
    return 0;
}

LOOP_TEST(sleep_always_suspends)
{
    static const int64_t delays[] = {-1, 0, 1, YIBU_US(10)};
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        int ran = 0;
        assert_int_equal(yibu_spawn(count_to, &ran), 0);
        assert_int_equal(yibu_sleep(delays[i]), 0);
        assert_int_equal(ran, 1);
    }
    return 0;
}

/* Which task runs. */

static void note_current(void *arg)
{
    *(yibu_task **)arg = yibu_current_task();
}

static intptr_t return_current(void *arg)
{
    (void)arg;
    return (intptr_t)yibu_current_task();
}

LOOP_TEST(current_task_is_the_one_that_runs_and_none_in_a_callback)
{
    yibu_task *seen = yibu_current_task(), *task = yibu_create_task(return_current, NULL, NULL);
    assert_non_null(seen);
    assert_ptr_equal((void *)yibu_await(task), task);
    assert_int_equal(yibu_call_soon(yibu_get_running_loop(), note_current, &seen, NULL), 0);
    settle();
    assert_null(seen);
    yibu_task_unref(task);
    return 0;
}

/* Cancels. */

static intptr_t check(void *arg)
{
    (void)arg;
    return yibu_check_cancelled();
}

LOOP_TEST(a_cancel_taken_back_before_it_was_noticed_never_happened)
{
    yibu_task *task = yibu_create_task(check, NULL, NULL);
    assert_true(yibu_task_cancel(task));
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_task_uncancel(task), 1);
    assert_int_equal(yibu_task_uncancel(task), 0);
    assert_int_equal(yibu_await(task), 0);
    assert_false(yibu_task_cancelled(task));
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_task_that_is_being_cancelled_is_not_cancelled_yet)
{
    yibu_task *task = started(sleep_for_ever, NULL);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_task_cancelling(task), 1);
    assert_false(yibu_task_cancelled(task));
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_true(yibu_task_cancelled(task));
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(taking_a_cancel_back_after_the_end_changes_nothing)
{
    yibu_task *task = started(sleep_for_ever, NULL);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_true(yibu_task_uncancel(task) >= 0);
    assert_true(yibu_task_cancelled(task));
    assert_int_equal(yibu_task_result(task), -ECANCELED);
    assert_false(yibu_task_cancel(task));
    yibu_task_unref(task);
    return 0;
}

static intptr_t deny(void *arg)
{
    int *answer = arg;
    *answer = yibu_sleep(YIBU_FOREVER);
    if (yibu_task_uncancel(yibu_current_task()) != 0)
        return -EPROTO;
    int r = yibu_sleep(0);
    return r < 0 ? r : 7;
}

LOOP_TEST(a_task_may_deny_its_cancel_and_go_on)
{
    int answer = 0;
    yibu_task *task = started(deny, &answer);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 7);
    assert_int_equal(answer, -ECANCELED);
    assert_false(yibu_task_cancelled(task));
    yibu_task_unref(task);
    return 0;
}

static intptr_t ignore_the_cancel_of_a_shield(void *arg)
{
    intptr_t r = yibu_shield(arg);
    if (r == -ECANCELED)
        yibu_task_uncancel(yibu_current_task());
    int slept = yibu_sleep(0);
    return slept < 0 ? slept : r;
}

LOOP_TEST(a_waiter_of_a_shield_may_ignore_its_cancel)
{
    yibu_future *inner = yibu_create_future(NULL);
    yibu_task *outer = started(ignore_the_cancel_of_a_shield, inner);
    yibu_task_cancel(outer);
    assert_int_equal(yibu_await(outer), -ECANCELED); /* what it returned, having gone on */
    assert_int_equal(yibu_task_cancelling(outer), 0);
    assert_false(yibu_future_done(inner));
    yibu_task_unref(outer);
    yibu_future_unref(inner);
    return 0;
}

LOOP_TEST(code_after_a_time_limit_is_not_affected_by_it)
{
    yibu_timeout limit;
    assert_int_equal(yibu_timeout_begin(&limit, YIBU_US(10)), 0);
    assert_int_equal(yibu_timeout_end(&limit, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    assert_int_equal(yibu_sleep(YIBU_US(10)), 0);
    assert_int_equal(yibu_task_cancelling(yibu_current_task()), 0);
    return 0;
}

/* Groups. */

LOOP_TEST(the_results_of_children_can_be_asked_for_after_their_group)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_task *tasks[2];
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    assert_int_equal(yibu_group_create_task(&group, return_it, (void *)3, NULL, &tasks[0]), 0);
    assert_int_equal(yibu_group_create_task(&group, return_it, (void *)4, NULL, &tasks[1]), 0);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(yibu_task_result(tasks[0]), 3);
    assert_int_equal(yibu_task_result(tasks[1]), 4);
    unref_all(tasks, 2);
    return 0;
}

/* Threads. */

static yibu_local colour = YIBU_LOCAL_INIT(NULL);

static intptr_t read_colour(void *arg)
{
    (void)arg;
    return (intptr_t)yibu_local_get(&colour);
}

LOOP_TEST(a_function_on_a_thread_has_the_task_locals)
{
    assert_int_equal(yibu_local_set(&colour, (void *)5), 0);
    assert_int_equal(read_colour(NULL), 5);
    assert_int_equal(yibu_to_thread(read_colour, NULL), 5);
    return 0;
}

/* In a thread: submits a coroutine to the loop and waits for it. */
static intptr_t submit_failing(void *arg)
{
    yibu_concurrent_future *future;
    int r = yibu_run_coroutine_threadsafe(arg, return_it, (void *)(intptr_t)-EPIPE, &future);
    if (r < 0)
        return r;
    intptr_t result = yibu_concurrent_future_result(future, YIBU_SECONDS(30));
    yibu_concurrent_future_unref(future);
    return result;
}

LOOP_TEST(a_thread_hears_of_the_failure_of_the_coroutine_that_it_submitted)
{
    assert_int_equal(yibu_to_thread(submit_failing, yibu_get_running_loop()), -EPIPE);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coroutines_called_one_after_the_other_take_the_sum_of_their_times),
        cmocka_unit_test(tasks_run_concurrently),
        cmocka_unit_test(a_task_whose_handle_was_dropped_runs_to_its_end),
        cmocka_unit_test(create_task_needs_a_loop),
        cmocka_unit_test(sleep_always_suspends),
        cmocka_unit_test(current_task_is_the_one_that_runs_and_none_in_a_callback),
        cmocka_unit_test(a_cancel_taken_back_before_it_was_noticed_never_happened),
        cmocka_unit_test(a_task_that_is_being_cancelled_is_not_cancelled_yet),
        cmocka_unit_test(taking_a_cancel_back_after_the_end_changes_nothing),
        cmocka_unit_test(a_task_may_deny_its_cancel_and_go_on),
        cmocka_unit_test(a_waiter_of_a_shield_may_ignore_its_cancel),
        cmocka_unit_test(code_after_a_time_limit_is_not_affected_by_it),
        cmocka_unit_test(the_results_of_children_can_be_asked_for_after_their_group),
        cmocka_unit_test(a_function_on_a_thread_has_the_task_locals),
        cmocka_unit_test(a_thread_hears_of_the_failure_of_the_coroutine_that_it_submitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
