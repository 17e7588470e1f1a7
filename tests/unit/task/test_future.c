/* Futures: what asyncio's chapter "Futures" says, and what C adds. */
#include "process.h"

#include <pthread.h>

#include "coroutines.h"

LOOP_TEST(a_future_is_done_once_a_result_was_set)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_false(yibu_future_done(future));
    assert_int_equal(yibu_future_set_result(future, 42), 0);
    assert_true(yibu_future_done(future));
    assert_false(yibu_future_cancelled(future));
    assert_int_equal(yibu_future_result(future), 42);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_future_is_done_once_an_exception_was_set)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_future_set_exception(future, -EIO), 0);
    assert_true(yibu_future_done(future));
    assert_false(yibu_future_cancelled(future));
    assert_int_equal(yibu_future_result(future), -EIO);
    assert_int_equal(yibu_future_exception(future), -EIO);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_future_is_done_once_it_was_cancelled)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_true(yibu_future_cancel(future));
    assert_true(yibu_future_done(future));
    assert_true(yibu_future_cancelled(future));
    assert_int_equal(yibu_future_result(future), -ECANCELED);
    assert_int_equal(yibu_future_exception(future), -ECANCELED);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(result_and_exception_say_that_there_is_none_yet)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_future_result(future), -EINPROGRESS);
    assert_int_equal(yibu_future_exception(future), -EINPROGRESS);
    assert_false(yibu_future_cancelled(future));
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(exception_is_none_after_a_result)
{
    yibu_future *future = ended(7);
    assert_int_equal(yibu_future_exception(future), 0);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_result_may_be_any_value_and_a_failure_is_an_exception)
{
    const intptr_t values[] = {0, -1, INTPTR_MAX, INTPTR_MIN, -65536, (intptr_t)&values};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        yibu_future *future = ended(values[i]);
        assert_int_equal(yibu_await(future), values[i]);
        assert_int_equal(yibu_future_exception(future), values[i] == -1 ? -1 : 0);
        yibu_future_unref(future);
    }
    return 0;
}

LOOP_TEST(a_result_is_set_once)
{
    yibu_future *set = ended(1), *cancelled = yibu_create_future(NULL);
    yibu_future_cancel(cancelled);
    assert_int_equal(yibu_future_set_result(set, 2), -EALREADY);
    assert_int_equal(yibu_future_set_exception(set, -EIO), -EALREADY);
    assert_int_equal(yibu_future_result(set), 1);
    assert_int_equal(yibu_future_set_result(cancelled, 2), -EALREADY);
    assert_int_equal(yibu_future_set_exception(cancelled, -EIO), -EALREADY);
    assert_true(yibu_future_cancelled(cancelled));
    yibu_future_unref(set);
    yibu_future_unref(cancelled);
    return 0;
}

LOOP_TEST(cancel_of_a_done_or_cancelled_future_is_false)
{
    yibu_future *done = ended(1), *cancelled = yibu_create_future(NULL);
    assert_false(yibu_future_cancel(done));
    assert_int_equal(yibu_future_result(done), 1);
    assert_true(yibu_future_cancel(cancelled));
    assert_false(yibu_future_cancel(cancelled));
    yibu_future_unref(done);
    yibu_future_unref(cancelled);
    return 0;
}

LOOP_TEST(an_exception_is_a_failure_s_code)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_future_set_exception(future, 0), -EINVAL);
    assert_int_equal(yibu_future_set_exception(future, 5), -EINVAL);
    assert_int_equal(yibu_future_set_exception(future, -65536), -EINVAL);
    assert_false(yibu_future_done(future));
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_future_belongs_to_the_loop_it_was_created_on)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_future *future = yibu_create_future(NULL), *same = yibu_create_future(loop);
    assert_ptr_equal(yibu_future_get_loop(future), loop);
    assert_ptr_equal(yibu_future_get_loop(same), loop);
    assert_ptr_equal(yibu_future_get_loop(yibu_current_task()), loop);
    yibu_future_unref(future);
    yibu_future_unref(same);
    return 0;
}

LOOP_TEST(await_of_a_future_waits_for_its_result)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *task = started(await_it, future);
    assert_false(yibu_task_done(task));
    yibu_future_set_result(future, 42);
    assert_int_equal(yibu_await(task), 42);
    assert_int_equal(yibu_await(future), 42);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(await_of_a_future_fails_with_its_exception_or_its_cancel)
{
    yibu_future *futures[2] = {yibu_create_future(NULL), yibu_create_future(NULL)};
    yibu_task *failing = started(await_it, futures[0]);
    yibu_task *cancelled = started(await_it, futures[1]);
    yibu_future_set_exception(futures[0], -EIO);
    yibu_future_cancel(futures[1]);
    assert_int_equal(yibu_await(failing), -EIO);
    assert_int_equal(yibu_await(cancelled), -ECANCELED);
    yibu_task_unref(failing);
    yibu_task_unref(cancelled);
    unref_all(futures, 2);
    return 0;
}

LOOP_TEST(many_tasks_may_await_one_future)
{
    enum { MANY = 100 };
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *tasks[MANY];
    for (int i = 0; i < MANY; i++)
        tasks[i] = yibu_create_task(await_it, future, NULL);
    settle();
    yibu_future_set_result(future, 9);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(yibu_await(tasks[i]), 9);
    unref_all(tasks, MANY);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_future_that_is_awaited_is_cancelled_with_its_only_awaiter)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *task = started(await_it, future);
    assert_true(yibu_task_cancel(task));
    assert_true(yibu_future_cancelled(future));
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_future_that_two_await_is_not_cancelled_with_one_of_them)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *first = started(await_it, future), *second = started(await_it, future);
    yibu_task_cancel(first);
    assert_int_equal(yibu_await(first), -ECANCELED);
    assert_false(yibu_future_done(future));
    yibu_future_set_result(future, 3);
    assert_int_equal(yibu_await(second), 3);
    yibu_task_unref(first);
    yibu_task_unref(second);
    yibu_future_unref(future);
    return 0;
}

static void ignore(yibu_future *future, void *arg)
{
    (void)future;
    (void)arg;
}

LOOP_TEST(a_done_callback_is_no_awaiter)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, ignore, NULL);
    yibu_task *task = started(await_it, future);
    yibu_future_add_done_callback(future, ignore, future);
    yibu_task_cancel(task);
    assert_true(yibu_future_cancelled(future));
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_result_that_came_before_the_awaiter_s_cancel_is_kept_and_so_is_the_cancel)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *task = started(await_it, future);
    yibu_future_set_result(future, 5);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 5);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

/* A chain of tasks, each awaiting the one before it. */
LOOP_TEST(a_cancel_goes_down_a_chain_of_three_thousand_awaits)
{
    enum { LENGTH = 3000 };
    static yibu_task *chain[LENGTH];
    yibu_future *future = yibu_create_future(NULL);
    for (int i = 0; i < LENGTH; i++)
        chain[i] = yibu_create_task(await_it, i > 0 ? chain[i - 1] : future, NULL);
    for (int i = 0; i < LENGTH / 32; i++)
        settle();
    yibu_task_cancel(chain[LENGTH - 1]);
    assert_true(yibu_future_cancelled(future));
    assert_int_equal(yibu_await(chain[LENGTH - 1]), -ECANCELED);
    for (int i = 0; i < LENGTH; i++)
        assert_true(yibu_task_cancelled(chain[i]));
    unref_all(chain, LENGTH);
    yibu_future_unref(future);
    return 0;
}

typedef struct pair {
    yibu_task *other;
    intptr_t result;
} pair;

static intptr_t await_the_other(void *arg)
{
    pair *p = arg;
    return p->result = yibu_await(p->other);
}

static intptr_t gather_the_other(void *arg)
{
    pair *p = arg;
    return p->result = yibu_gather(&p->other, 1, NULL, 0);
}

LOOP_TEST(tasks_that_await_each_other_end_when_one_is_cancelled)
{
    yibu_coroutine *const ways[] = {await_the_other, gather_the_other};
    for (int way = 0; way < 2; way++) {
        pair first = {NULL, 0}, second = {NULL, 0};
        second.other = yibu_create_task(ways[way], &first, NULL);
        first.other = yibu_create_task(await_the_other, &second, NULL);
        settle();
        yibu_task_cancel(first.other);
        settle();
        assert_int_equal(first.result, -ECANCELED);
        assert_int_equal(second.result, -ECANCELED);
        yibu_task_unref(first.other);
        yibu_task_unref(second.other);
    }
    return 0;
}

LOOP_TEST(no_future_is_one_that_failed_for_want_of_memory)
{
    assert_true(yibu_future_done(NULL));
    assert_false(yibu_future_cancelled(NULL));
    assert_int_equal(yibu_future_result(NULL), -ENOMEM);
    assert_int_equal(yibu_future_exception(NULL), -ENOMEM);
    assert_int_equal(yibu_await(NULL), -ENOMEM);
    assert_int_equal(yibu_shield(NULL), -ENOMEM);
    assert_false(yibu_future_cancel(NULL));
    assert_int_equal(yibu_future_set_result(NULL, 1), -EINVAL);
    assert_int_equal(yibu_future_set_exception(NULL, -EIO), -EINVAL);
    assert_null(yibu_future_get_loop(NULL));
    assert_null(yibu_future_ref(NULL));
    yibu_future_unref(NULL);
    return 0;
}

LOOP_TEST(a_task_has_all_of_a_future_s_calls_but_those_that_set_its_result)
{
    yibu_task *task = yibu_create_task(return_it, (void *)3, NULL);
    assert_int_equal(yibu_future_set_result(task, 1), -EINVAL);
    assert_int_equal(yibu_future_set_exception(task, -EIO), -EINVAL);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_task_exception(task), -EINPROGRESS);
    assert_int_equal(yibu_await(task), 3);
    assert_true(yibu_task_done(task));
    assert_false(yibu_task_cancelled(task));
    assert_int_equal(yibu_task_result(task), 3);
    assert_int_equal(yibu_task_exception(task), 0);
    yibu_task_unref(yibu_task_ref(task));
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_task_is_cancelled_where_it_let_the_cancel_through)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *through = started(sleep_for_ever, NULL), *refusing = started(refuse_until, future);
    yibu_task_cancel(through);
    yibu_task_cancel(refusing);
    yibu_future_set_result(future, 1);
    assert_int_equal(yibu_await(through), -ECANCELED);
    assert_int_equal(yibu_await(refusing), 1);
    assert_true(yibu_task_cancelled(through));
    assert_false(yibu_task_cancelled(refusing));
    yibu_task_unref(through);
    yibu_task_unref(refusing);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(calls_for_tasks_refuse_a_plain_future)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_task_uncancel(future), -EINVAL);
    assert_int_equal(yibu_task_cancelling(future), -EINVAL);
    assert_int_equal(yibu_task_set_name(future, "name"), -EINVAL);
    assert_string_equal(yibu_task_get_name(future), "future");
    assert_true(yibu_task_cancel(future));
    assert_true(yibu_future_cancelled(future));
    yibu_future_unref(future);
    return 0;
}

static void futures_need_a_loop_of_this_thread(void **state)
{
    (void)state;
    assert_null(yibu_create_future(NULL));
}

static intptr_t keep_futures(void *arg)
{
    yibu_future **kept = arg;
    kept[0] = ended(4);
    kept[1] = yibu_create_future(NULL);
    return 0;
}

static void a_future_may_outlive_its_loop(void **state)
{
    (void)state;
    yibu_future *kept[2];
    assert_int_equal(yibu_run(keep_futures, kept, NULL), 0);
    assert_int_equal(yibu_future_result(kept[0]), 4);
    assert_int_equal(yibu_await(kept[0]), 4);
    assert_false(yibu_future_done(kept[1]));
    unref_all(kept, 2);
}

/* Failures that nobody retrieves. */

static intptr_t fail_unseen(void *arg)
{
    reports *kept = arg;
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_set_exception(future, -EIO);
    assert_int_equal(kept->count, 0);
    yibu_future_unref(future);
    return 0;
}

static void a_failure_never_retrieved_is_reported_once_with_the_place_of_creation(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(fail_unseen, &kept);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.code, -EIO);
    assert_non_null(strstr(kept.message, "test_future.c:"));
}

static intptr_t retrieve_in_every_way(void *arg)
{
    (void)arg;
    yibu_future *futures[4];
    for (int i = 0; i < 4; i++)
        futures[i] = yibu_create_future(NULL);
    yibu_task *task = started(await_it, futures[0]);
    for (int i = 0; i < 4; i++)
        yibu_future_set_exception(futures[i], -EIO);
    assert_int_equal(yibu_await(task), -EIO);
    assert_int_equal(yibu_future_result(futures[1]), -EIO);
    assert_int_equal(yibu_future_exception(futures[2]), -EIO);
    assert_int_equal(yibu_shield(futures[3]), -EIO);
    yibu_task_unref(task);
    unref_all(futures, 4);
    return 0;
}

static void a_failure_that_was_retrieved_is_not_reported(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(retrieve_in_every_way, &kept);
    assert_int_equal(kept.count, 0);
}

static intptr_t drop_what_is_no_failure(void *arg)
{
    (void)arg;
    yibu_future *cancelled = yibu_create_future(NULL);
    yibu_future_cancel(cancelled);
    yibu_future_unref(cancelled);
    yibu_future_unref(ended(1));
    yibu_future_unref(yibu_create_future(NULL));
    return 0;
}

static void cancels_results_and_pending_futures_are_not_reported(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(drop_what_is_no_failure, &kept);
    assert_int_equal(kept.count, 0);
}

static intptr_t only_look_on(void *arg)
{
    (void)arg;
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, ignore, NULL);
    yibu_future_set_exception(future, -EIO);
    assert_int_equal(yibu_wait(&future, 1, YIBU_FOREVER, YIBU_ALL_COMPLETED), 1);
    settle();
    yibu_future_unref(future);
    return 0;
}

static void a_callback_and_a_wait_do_not_retrieve(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(only_look_on, &kept);
    assert_int_equal(kept.count, 1);
}

/* Broken lifetimes and wrong threads. */

static intptr_t free_while_awaited(void *arg)
{
    (void)arg;
    yibu_future *future = yibu_create_future(NULL);
    (void)started(await_it, future);
    yibu_future_unref(future);
    return 0;
}

static int run_in_process(void *arg)
{
    yibu_coroutine *body = *(yibu_coroutine **)arg;
    return (int)yibu_run(body, NULL, NULL);
}

/* What the coroutine says before it aborts. */
static void assert_aborts_saying(yibu_coroutine *body, const char *text)
{
    test_result result;
    test_in_process(run_in_process, &body, &result);
    assert_true(test_died_of(&result, SIGABRT));
    if (!strstr(result.said, text))
        fail_msg("it said: %s", result.said);
    assert_non_null(strstr(result.said, "test_future.c:"));
}

static void freeing_a_future_that_somebody_waits_for_aborts_and_names_it(void **state)
{
    (void)state;
    assert_aborts_saying(free_while_awaited, "was freed while somebody waits for it");
}

static void *set_result(void *arg)
{
    yibu_future_set_result(arg, 1);
    return NULL;
}

static void *cancel_it(void *arg)
{
    yibu_future_cancel(arg);
    return NULL;
}

static void *add_callback(void *arg)
{
    yibu_future_add_done_callback(arg, ignore, NULL);
    return NULL;
}

static intptr_t use_from_a_thread(void *(*use)(void *))
{
    pthread_t thread;
    yibu_future *future = yibu_create_future(NULL);
    pthread_create(&thread, NULL, use, future);
    pthread_join(thread, NULL);
    return 0;
}

static intptr_t set_result_from_a_thread(void *arg)
{
    (void)arg;
    return use_from_a_thread(set_result);
}

static intptr_t cancel_from_a_thread(void *arg)
{
    (void)arg;
    return use_from_a_thread(cancel_it);
}

static intptr_t add_callback_from_a_thread(void *arg)
{
    (void)arg;
    return use_from_a_thread(add_callback);
}

static void using_a_future_from_another_thread_aborts_and_names_it(void **state)
{
    (void)state;
    assert_aborts_saying(set_result_from_a_thread, "its result was set from another thread");
    assert_aborts_saying(cancel_from_a_thread, "a cancel was requested from another thread");
    assert_aborts_saying(add_callback_from_a_thread, "a done callback was added");
}

static int set_a_result_after_the_loop(void *arg)
{
    (void)arg;
    yibu_future *kept[2];
    if (yibu_run(keep_futures, kept, NULL) == 0)
        yibu_future_set_result(kept[1], 1);
    return 0;
}

static void setting_a_result_after_the_loop_was_freed_aborts_and_says_so(void **state)
{
    (void)state;
    test_result result;
    test_in_process(set_a_result_after_the_loop, NULL, &result);
    assert_true(test_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "after its loop was freed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_future_is_done_once_a_result_was_set),
        cmocka_unit_test(a_future_is_done_once_an_exception_was_set),
        cmocka_unit_test(a_future_is_done_once_it_was_cancelled),
        cmocka_unit_test(result_and_exception_say_that_there_is_none_yet),
        cmocka_unit_test(exception_is_none_after_a_result),
        cmocka_unit_test(a_result_may_be_any_value_and_a_failure_is_an_exception),
        cmocka_unit_test(a_result_is_set_once),
        cmocka_unit_test(cancel_of_a_done_or_cancelled_future_is_false),
        cmocka_unit_test(an_exception_is_a_failure_s_code),
        cmocka_unit_test(a_future_belongs_to_the_loop_it_was_created_on),
        cmocka_unit_test(await_of_a_future_waits_for_its_result),
        cmocka_unit_test(await_of_a_future_fails_with_its_exception_or_its_cancel),
        cmocka_unit_test(many_tasks_may_await_one_future),
        cmocka_unit_test(a_future_that_is_awaited_is_cancelled_with_its_only_awaiter),
        cmocka_unit_test(a_future_that_two_await_is_not_cancelled_with_one_of_them),
        cmocka_unit_test(a_done_callback_is_no_awaiter),
        cmocka_unit_test(
            a_result_that_came_before_the_awaiter_s_cancel_is_kept_and_so_is_the_cancel),
        cmocka_unit_test(a_cancel_goes_down_a_chain_of_three_thousand_awaits),
        cmocka_unit_test(tasks_that_await_each_other_end_when_one_is_cancelled),
        cmocka_unit_test(no_future_is_one_that_failed_for_want_of_memory),
        cmocka_unit_test(a_task_has_all_of_a_future_s_calls_but_those_that_set_its_result),
        cmocka_unit_test(a_task_is_cancelled_where_it_let_the_cancel_through),
        cmocka_unit_test(calls_for_tasks_refuse_a_plain_future),
        cmocka_unit_test(futures_need_a_loop_of_this_thread),
        cmocka_unit_test(a_future_may_outlive_its_loop),
        cmocka_unit_test(a_failure_never_retrieved_is_reported_once_with_the_place_of_creation),
        cmocka_unit_test(a_failure_that_was_retrieved_is_not_reported),
        cmocka_unit_test(cancels_results_and_pending_futures_are_not_reported),
        cmocka_unit_test(a_callback_and_a_wait_do_not_retrieve),
        cmocka_unit_test(freeing_a_future_that_somebody_waits_for_aborts_and_names_it),
        cmocka_unit_test(using_a_future_from_another_thread_aborts_and_names_it),
        cmocka_unit_test(setting_a_result_after_the_loop_was_freed_aborts_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
