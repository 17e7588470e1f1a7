/* Tasks: results, references, order, names, cancels. */
#include "test.h"

#include <errno.h>

static intptr_t add_one(void *arg)
{
    return (intptr_t)arg + 1;
}

static intptr_t fail_with_io_error(void *arg)
{
    (void)arg;
    return -EIO;
}

static intptr_t sleep_for_ever(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_FOREVER);
}

static void run_returns_what_main_returns(void **test)
{
    (void)test;
    assert_int_equal(yibu_run(add_one, (void *)41, NULL), 42);
    assert_int_equal(yibu_run(fail_with_io_error, NULL, NULL), -EIO);
    assert_null(yibu_get_running_loop());
}

LOOP_TEST(await_returns_the_result_of_the_task)
{
    yibu_task *task = yibu_create_task(add_one, (void *)1, NULL);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_task_result(task), -EINPROGRESS);
    assert_int_equal(yibu_await(task), 2);
    assert_true(yibu_task_done(task));
    assert_int_equal(yibu_await(task), 2);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(await_of_no_task_is_out_of_memory_and_of_oneself_a_deadlock)
{
    assert_int_equal(yibu_await(NULL), -ENOMEM);
    assert_int_equal(yibu_await(yibu_current_task()), -EDEADLK);
    return 0;
}

static char order[64];

static intptr_t note(void *arg)
{
    strcat(order, arg);
    yibu_yield();
    strcat(order, arg);
    return 0;
}

LOOP_TEST(tasks_run_in_the_order_they_became_ready)
{
    order[0] = '\0';
    yibu_task *a = yibu_create_task(note, "a", NULL);
    yibu_task *b = yibu_create_task(note, "b", NULL);
    assert_string_equal(order, "");
    assert_int_equal(yibu_await(a), 0);
    assert_int_equal(yibu_await(b), 0);
    assert_string_equal(order, "abab");
    yibu_task_unref(a);
    yibu_task_unref(b);
    return 0;
}

static intptr_t count(void *arg)
{
    ++*(int *)arg;
    return 0;
}

LOOP_TEST(a_hundred_thousand_spawned_tasks_all_run)
{
    enum { COUNT = 100000 / YB_TEST_SLOWDOWN };
    int counter = 0;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(yibu_spawn(count, &counter), 0);
    while (counter < COUNT)
        assert_int_equal(yibu_yield(), 0);
    return 0;
}

static intptr_t note_the_cancel(void *arg)
{
    intptr_t result = yibu_sleep(YIBU_FOREVER);
    *(intptr_t *)arg = result;
    return result;
}

static intptr_t leave_a_task_behind(void *arg)
{
    yibu_task_unref(yibu_create_task(note_the_cancel, arg, NULL));
    return yibu_sleep(0);
}

static void tasks_that_main_leaves_behind_are_cancelled_and_waited_for(void **test)
{
    (void)test;
    intptr_t seen = 0;
    assert_int_equal(yibu_run(leave_a_task_behind, &seen, NULL), 0);
    assert_int_equal(seen, -ECANCELED);
}

LOOP_TEST(names_are_given_copied_and_changed)
{
    char name[] = "first";
    yibu_task_options options = {.size = sizeof(options), .name = name};
    yibu_task *task = yibu_create_task(add_one, NULL, &options);
    name[0] = 'x';
    assert_string_equal(yibu_task_get_name(task), "first");
    assert_int_equal(yibu_task_set_name(task, "second"), 0);
    assert_string_equal(yibu_task_get_name(task), "second");
    yibu_await(task);
    yibu_task_unref(task);
    task = yibu_create_task(add_one, NULL, NULL);
    assert_memory_equal(yibu_task_get_name(task), "task-", 5);
    yibu_await(task);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(names_may_be_of_any_length_and_are_the_tasks_alone)
{
    char name[5000];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    yibu_task *task = yibu_create_task(add_one, NULL, NULL);
    assert_int_equal(yibu_task_set_name(task, name), 0);
    assert_string_equal(yibu_task_get_name(task), name);
    assert_int_equal(yibu_task_set_name(task, ""), 0);
    assert_string_equal(yibu_task_get_name(task), "");
    assert_int_equal(yibu_task_set_name(task, NULL), -EINVAL);
    assert_int_equal(yibu_task_set_name(NULL, "x"), -EINVAL);
    assert_string_equal(yibu_task_get_name(NULL), "");
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_task_set_name(future, "x"), -EINVAL);
    yibu_future_unref(future);
    yibu_await(task);
    assert_string_equal(yibu_task_get_name(task), ""); /* also when it has ended */
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_task_says_what_it_runs_and_where_it_was_created)
{
    char here[256];
    yibu_task *task = yibu_create_task(add_one, NULL, NULL);
    snprintf(here, sizeof(here), "%s:%d", __FILE__, __LINE__ - 1);
    assert_string_equal(yibu_task_get_place(task), here);
    assert_ptr_equal(yibu_task_get_coro(task), add_one);
    assert_string_equal(yibu_task_get_place(yibu_current_task()), "yibu_run");
    yibu_await(task);
    yibu_task_unref(task);
    yibu_future *future = yibu_create_future(NULL);
    assert_null(yibu_task_get_coro(future));
    assert_null(yibu_task_get_place(future));
    assert_null(yibu_task_get_coro(NULL));
    assert_null(yibu_task_get_place(NULL));
    yibu_future_unref(future);
    return 0;
}

/* asyncio: "Return a set of not yet finished Task objects run by the loop." */
LOOP_TEST(all_tasks_are_those_that_have_not_ended)
{
    yibu_task *all[4] = {NULL};
    assert_int_equal(yibu_all_tasks(NULL, all, 4), 1);
    assert_ptr_equal(all[0], yibu_current_task());
    yibu_task *first = yibu_create_task(add_one, NULL, NULL);
    yibu_task *second = yibu_create_task(sleep_for_ever, NULL, NULL);
    assert_int_equal(yibu_all_tasks(yibu_get_running_loop(), all, 4), 3);
    assert_ptr_equal(all[1], first);
    assert_ptr_equal(all[2], second);
    assert_null(all[3]);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_all_tasks(NULL, all, 4), 2);
    assert_ptr_equal(all[1], second);
    assert_int_equal(yibu_all_tasks(NULL, NULL, 0), 2); /* only how many */
    all[0] = NULL;
    assert_int_equal(yibu_all_tasks(NULL, all, 1), 2);
    assert_ptr_equal(all[0], yibu_current_task());
    yibu_task_cancel(second);
    assert_int_equal(yibu_await(second), -ECANCELED);
    assert_int_equal(yibu_all_tasks(NULL, all, 4), 1);
    yibu_task_unref(first);
    yibu_task_unref(second);
    return 0;
}

static void all_tasks_needs_a_loop(void **test)
{
    (void)test;
    yibu_task *task;
    assert_int_equal(yibu_all_tasks(NULL, &task, 1), -EINVAL);
}

/* asyncio: cancel(msg=…). */
LOOP_TEST(a_cancel_may_say_why)
{
    yibu_task *task = yibu_create_task(sleep_for_ever, NULL, NULL);
    assert_null(yibu_task_cancel_message(task));
    char why[] = "the user left";
    assert_true(yibu_task_cancel_with(task, why));
    why[0] = 'x';
    assert_string_equal(yibu_task_cancel_message(task), "the user left");
    assert_int_equal(yibu_task_cancelling(task), 1);
    assert_true(yibu_task_cancel(task)); /* says nothing, and takes nothing back */
    assert_string_equal(yibu_task_cancel_message(task), "the user left");
    assert_true(yibu_task_cancel_with(task, NULL));
    assert_null(yibu_task_cancel_message(task));
    assert_true(yibu_task_cancel_with(task, "the last word"));
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_string_equal(yibu_task_cancel_message(task), "the last word");
    assert_false(yibu_task_cancel_with(task, "too late"));
    assert_string_equal(yibu_task_cancel_message(task), "the last word");
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(taking_every_request_back_takes_the_message_back)
{
    yibu_task *self = yibu_current_task();
    yibu_task_cancel_with(self, "why");
    yibu_task_cancel(self);
    assert_int_equal(yibu_task_uncancel(self), 1);
    assert_string_equal(yibu_task_cancel_message(self), "why");
    assert_int_equal(yibu_task_uncancel(self), 0);
    assert_null(yibu_task_cancel_message(self));
    return 0;
}

static intptr_t await_arg(void *arg)
{
    return yibu_await(arg);
}

LOOP_TEST(the_message_goes_along_where_a_cancel_is_passed_on)
{
    yibu_task *inner = yibu_create_task(sleep_for_ever, NULL, NULL);
    yibu_task *outer = yibu_create_task(await_arg, inner, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_true(yibu_task_cancel_with(outer, "why"));
    assert_string_equal(yibu_task_cancel_message(inner), "why");
    assert_int_equal(yibu_await(outer), -ECANCELED);
    yibu_task_unref(outer);
    yibu_task_unref(inner);
    return 0;
}

LOOP_TEST(only_tasks_have_cancel_messages)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_true(yibu_task_cancel_with(future, "why"));
    assert_true(yibu_future_cancelled(future));
    assert_null(yibu_task_cancel_message(future));
    assert_null(yibu_task_cancel_message(NULL));
    assert_false(yibu_task_cancel_with(NULL, "why"));
    yibu_future_unref(future);
    return 0;
}

static intptr_t own_errno(void *arg)
{
    errno = (int)(intptr_t)arg;
    for (int i = 0; i < 3; i++) {
        yibu_yield();
        if (errno != (int)(intptr_t)arg)
            return -EILSEQ;
    }
    return 0;
}

LOOP_TEST(errno_belongs_to_the_task)
{
    yibu_task *a = yibu_create_task(own_errno, (void *)EPERM, NULL);
    yibu_task *b = yibu_create_task(own_errno, (void *)ENOENT, NULL);
    assert_int_equal(yibu_await(a), 0);
    assert_int_equal(yibu_await(b), 0);
    yibu_task_unref(a);
    yibu_task_unref(b);
    return 0;
}

LOOP_TEST(cancel_ends_a_sleep)
{
    yibu_task *task = yibu_create_task(sleep_for_ever, NULL, NULL);
    yibu_sleep(0);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_task_cancelling(task), 1);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_false(yibu_task_cancel(task));
    yibu_task_unref(task);
    return 0;
}

static intptr_t ignore_cancels(void *arg)
{
    int *refusals = arg;
    while (*refusals < 5)
        if (yibu_sleep(YIBU_SECONDS(100)) == -ECANCELED)
            ++*refusals;
    if (yibu_task_uncancel(yibu_current_task()) != 0)
        return -EILSEQ;
    return yibu_sleep(YIBU_US(1));
}

LOOP_TEST(a_cancel_is_delivered_to_every_checkpoint_until_it_is_taken_back)
{
    int refusals = 0;
    yibu_task *task = yibu_create_task(ignore_cancels, &refusals, NULL);
    yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(refusals, 5);
    yibu_task_unref(task);
    return 0;
}

static intptr_t spin_on_a_cancel(void *arg)
{
    while (!*(bool *)arg)
        if (yibu_sleep(YIBU_SECONDS(1)) == 0)
            return -EILSEQ;
    return 0;
}

LOOP_TEST(a_task_that_retries_a_cancelled_call_leaves_the_others_their_turns)
{
    bool stop = false;
    yibu_task *task = yibu_create_task(spin_on_a_cancel, &stop, NULL);
    yibu_task_cancel(task);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    stop = true;
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    return 0;
}

static intptr_t await_it(void *arg)
{
    return yibu_await(arg);
}

LOOP_TEST(cancelling_the_only_awaiter_cancels_what_it_awaits_and_waits_for_its_end)
{
    int refusals = 0;
    yibu_task *inner = yibu_create_task(ignore_cancels, &refusals, NULL);
    yibu_task *outer = yibu_create_task(await_it, inner, NULL);
    yibu_sleep(0);
    yibu_task_cancel(outer);
    assert_int_equal(yibu_await(outer), 0); /* inner's result is kept */
    assert_int_equal(refusals, 5);
    yibu_task_unref(inner);
    yibu_task_unref(outer);
    return 0;
}

LOOP_TEST(cancelling_one_awaiter_of_two_only_detaches_it)
{
    yibu_task *inner = yibu_create_task(sleep_for_ever, NULL, NULL);
    yibu_task *first = yibu_create_task(await_it, inner, NULL);
    yibu_task *second = yibu_create_task(await_it, inner, NULL);
    yibu_sleep(0);
    yibu_task_cancel(first);
    assert_int_equal(yibu_await(first), -ECANCELED);
    assert_false(yibu_task_done(inner));
    yibu_task_cancel(second);
    assert_int_equal(yibu_await(second), -ECANCELED);
    assert_true(yibu_task_done(inner));
    yibu_task_unref(inner);
    yibu_task_unref(first);
    yibu_task_unref(second);
    return 0;
}

static intptr_t await_after_a_cancel(void *arg)
{
    yibu_task_cancel(yibu_current_task());
    return yibu_await(arg);
}

LOOP_TEST(an_await_begun_after_the_cancel_passes_it_on_too)
{
    yibu_task *inner = yibu_create_task(sleep_for_ever, NULL, NULL);
    yibu_sleep(0);
    yibu_task *outer = yibu_create_task(await_after_a_cancel, inner, NULL);
    assert_int_equal(yibu_await(outer), -ECANCELED);
    assert_true(yibu_task_done(inner));
    yibu_task_unref(inner);
    yibu_task_unref(outer);
    return 0;
}

static intptr_t note_that_it_ran(void *arg)
{
    *(bool *)arg = true;
    return yibu_check_cancelled();
}

LOOP_TEST(a_task_cancelled_before_its_first_turn_still_runs_to_its_first_checkpoint)
{
    bool ran = false;
    yibu_task *task = yibu_create_task(note_that_it_ran, &ran, NULL);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_true(ran);
    yibu_task_unref(task);
    return 0;
}

static int reports;
static intptr_t reported_code;

static void count_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)arg;
    reports++;
    reported_code = code;
}

static intptr_t fail_unseen(void *arg)
{
    (void)arg;
    yibu_spawn(fail_with_io_error, NULL);
    yibu_task *seen = yibu_create_task(fail_with_io_error, NULL, NULL);
    yibu_await(seen);
    yibu_task_unref(seen);
    return 0;
}

static void a_failure_nobody_asked_for_is_reported_once(void **test)
{
    (void)test;
    yibu_loop_options options = {.size = sizeof(options), .exception_handler = count_report};
    reports = 0;
    assert_int_equal(yibu_run(fail_unseen, NULL, &options), 0);
    assert_int_equal(reports, 1);
    assert_int_equal(reported_code, -EIO);
}

static intptr_t hog(void *arg)
{
    bool *stop = arg;
    while (!*stop)
        yibu_yield();
    return 0;
}

LOOP_TEST(timers_fire_while_tasks_never_stop_being_ready)
{
    bool stop = false;
    yibu_task *a = yibu_create_task(hog, &stop, NULL);
    yibu_task *b = yibu_create_task(hog, &stop, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    stop = true;
    yibu_await(a);
    yibu_await(b);
    yibu_task_unref(a);
    yibu_task_unref(b);
    return 0;
}

LOOP_TEST(sleep_lasts_at_least_as_long_as_asked)
{
    yibu_loop *loop = yibu_get_running_loop();
    for (int us = 1; us < 3000; us = us * 3 + 1) {
        int64_t before = yibu_loop_time(loop);
        assert_int_equal(yibu_sleep(YIBU_US(us)), 0);
        assert_true(yibu_loop_time(loop) - before >= YIBU_US(us));
    }
    return 0;
}

static intptr_t large_frame(void *arg)
{
    volatile char frame[600000];
    for (size_t i = 0; i < sizeof(frame); i += 4096)
        frame[i] = (char)i;
    return (intptr_t)arg + frame[0];
}

LOOP_TEST(a_task_can_ask_for_a_large_stack)
{
    yibu_task_options options = {.size = sizeof(options), .stack_bytes = 700000};
    yibu_task *task = yibu_create_task(large_frame, (void *)7, &options);
    assert_int_equal(yibu_await(task), 7);
    yibu_task_unref(task);
    options.stack_bytes = SIZE_MAX / 2;
    assert_null(yibu_create_task(large_frame, (void *)7, &options));
    return 0;
}

static void calls_that_suspend_say_so_outside_a_task(void **test)
{
    (void)test;
    assert_int_equal(yibu_sleep(1), YIBU_ENOTASK);
    assert_int_equal(yibu_yield(), YIBU_ENOTASK);
    assert_int_equal(yibu_check_cancelled(), YIBU_ENOTASK);
    assert_null(yibu_create_task(add_one, NULL, NULL));
    assert_int_equal(yibu_spawn(add_one, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_spawn(NULL, NULL), -EINVAL);
}

static intptr_t keep_task(void *arg)
{
    yibu_task **kept = arg;
    *kept = yibu_create_task(add_one, (void *)1, NULL);
    return yibu_await(*kept);
}

static void a_handle_may_outlive_the_loop(void **test)
{
    (void)test;
    yibu_task *kept = NULL;
    assert_int_equal(yibu_run(keep_task, &kept, NULL), 2);
    assert_int_equal(yibu_task_result(kept), 2);
    yibu_task_unref(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_returns_what_main_returns),
        cmocka_unit_test(await_returns_the_result_of_the_task),
        cmocka_unit_test(await_of_no_task_is_out_of_memory_and_of_oneself_a_deadlock),
        cmocka_unit_test(tasks_run_in_the_order_they_became_ready),
        cmocka_unit_test(a_hundred_thousand_spawned_tasks_all_run),
        cmocka_unit_test(tasks_that_main_leaves_behind_are_cancelled_and_waited_for),
        cmocka_unit_test(names_are_given_copied_and_changed),
        cmocka_unit_test(names_may_be_of_any_length_and_are_the_tasks_alone),
        cmocka_unit_test(a_task_says_what_it_runs_and_where_it_was_created),
        cmocka_unit_test(all_tasks_are_those_that_have_not_ended),
        cmocka_unit_test(all_tasks_needs_a_loop),
        cmocka_unit_test(a_cancel_may_say_why),
        cmocka_unit_test(taking_every_request_back_takes_the_message_back),
        cmocka_unit_test(the_message_goes_along_where_a_cancel_is_passed_on),
        cmocka_unit_test(only_tasks_have_cancel_messages),
        cmocka_unit_test(errno_belongs_to_the_task),
        cmocka_unit_test(cancel_ends_a_sleep),
        cmocka_unit_test(a_cancel_is_delivered_to_every_checkpoint_until_it_is_taken_back),
        cmocka_unit_test(a_task_that_retries_a_cancelled_call_leaves_the_others_their_turns),
        cmocka_unit_test(cancelling_the_only_awaiter_cancels_what_it_awaits_and_waits_for_its_end),
        cmocka_unit_test(cancelling_one_awaiter_of_two_only_detaches_it),
        cmocka_unit_test(an_await_begun_after_the_cancel_passes_it_on_too),
        cmocka_unit_test(a_task_cancelled_before_its_first_turn_still_runs_to_its_first_checkpoint),
        cmocka_unit_test(a_failure_nobody_asked_for_is_reported_once),
        cmocka_unit_test(timers_fire_while_tasks_never_stop_being_ready),
        cmocka_unit_test(sleep_lasts_at_least_as_long_as_asked),
        cmocka_unit_test(a_task_can_ask_for_a_large_stack),
        cmocka_unit_test(calls_that_suspend_say_so_outside_a_task),
        cmocka_unit_test(a_handle_may_outlive_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
