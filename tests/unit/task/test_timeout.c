/* Time limits and shields. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

LOOP_TEST(an_expired_limit_turns_its_own_cancel_into_a_timeout)
{
    yibu_timeout t;
    yibu_timeout_begin(&t, YIBU_MS(1));
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    assert_int_equal(r, -ECANCELED);
    assert_true(yibu_timeout_expired(&t));
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    assert_int_equal(yibu_timeout_end(&t, r), -ETIMEDOUT);
    assert_int_equal(yibu_sleep(1), 0);
    return 0;
}

LOOP_TEST(a_body_that_succeeded_has_succeeded)
{
    yibu_timeout t;
    yibu_timeout_begin(&t, YIBU_MS(1));
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    assert_int_equal(yibu_timeout_end(&t, 5), 5);
    yibu_timeout_begin(&t, YIBU_SECONDS(100));
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(1)), 0);
    return 0;
}

LOOP_TEST(an_inner_limit_leaves_the_outer_one_alone)
{
    yibu_timeout outer, inner;
    yibu_timeout_begin(&outer, YIBU_SECONDS(100));
    yibu_timeout_begin(&inner, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&inner, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    assert_int_equal(yibu_timeout_end(&outer, yibu_sleep(1)), 0);
    return 0;
}

LOOP_TEST(an_outer_limit_is_not_taken_for_the_inner_one)
{
    yibu_timeout outer, inner;
    yibu_timeout_begin(&outer, YIBU_MS(1));
    yibu_timeout_begin(&inner, YIBU_SECONDS(100));
    intptr_t r = yibu_timeout_end(&inner, yibu_sleep(YIBU_FOREVER));
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_timeout_end(&outer, r), -ETIMEDOUT);
    return 0;
}

static intptr_t time_out_while_cancelled(void *arg)
{
    (void)arg;
    yibu_timeout t;
    yibu_timeout_begin(&t, YIBU_MS(1));
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    yibu_task_cancel(yibu_current_task());
    return yibu_timeout_end(&t, r);
}

LOOP_TEST(an_outside_cancel_beats_an_inner_limit)
{
    yibu_task *task = yibu_create_task(time_out_while_cancelled, NULL, NULL);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_limit_can_be_rescheduled_until_it_has_expired)
{
    yibu_timeout t;
    yibu_timeout_begin(&t, YIBU_FOREVER);
    assert_int_equal(yibu_timeout_reschedule(&t, YIBU_SECONDS(100)), 0);
    assert_int_equal(yibu_timeout_reschedule(&t, YIBU_MS(1)), 0);
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    assert_int_equal(yibu_timeout_reschedule(&t, YIBU_SECONDS(1)), -ETIMEDOUT);
    assert_int_equal(yibu_timeout_end(&t, -ECANCELED), -ETIMEDOUT);
    return 0;
}

LOOP_TEST(the_time_limit_can_be_a_time_of_the_loops_clock)
{
    yibu_timeout t;
    int64_t when = yibu_loop_time(yibu_get_running_loop()) + YIBU_MS(1);
    assert_int_equal(yibu_timeout_at_begin(&t, when), 0);
    assert_int_equal(yibu_timeout_when(&t), when);
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    assert_true(yibu_loop_time(yibu_get_running_loop()) >= when);
    assert_int_equal(yibu_timeout_when(&t), when);
    return 0;
}

LOOP_TEST(a_deadline_that_has_passed_expires_at_the_next_turn_of_the_loop)
{
    yibu_timeout t;
    yibu_timeout_at_begin(&t, yibu_loop_time(yibu_get_running_loop()) - YIBU_SECONDS(1));
    assert_false(yibu_timeout_expired(&t));
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    yibu_timeout_at_begin(&t, -5);
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    yibu_timeout_begin(&t, 0);
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    yibu_timeout_begin(&t, 0); /* a body that does not wait is not late */
    assert_int_equal(yibu_timeout_end(&t, 8), 8);
    return 0;
}

LOOP_TEST(without_a_limit_when_says_for_ever)
{
    yibu_timeout t;
    yibu_timeout_begin(&t, YIBU_FOREVER);
    assert_int_equal(yibu_timeout_when(&t), YIBU_FOREVER);
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(1)), 0);
    return 0;
}

LOOP_TEST(a_limit_can_be_rescheduled_to_earlier_later_now_and_never)
{
    yibu_timeout t;
    int64_t now = yibu_loop_time(yibu_get_running_loop());
    yibu_timeout_begin(&t, YIBU_US(200));
    assert_int_equal(yibu_timeout_reschedule_at(&t, now + YIBU_SECONDS(100)), 0);
    assert_int_equal(yibu_timeout_when(&t), now + YIBU_SECONDS(100));
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_timeout_reschedule(&t, YIBU_FOREVER), 0);
    assert_int_equal(yibu_timeout_when(&t), YIBU_FOREVER);
    assert_int_equal(yibu_sleep(1), 0);
    assert_int_equal(yibu_timeout_reschedule_at(&t, now), 0); /* that was before */
    assert_false(yibu_timeout_expired(&t));
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    assert_int_equal(yibu_timeout_reschedule(&t, 1), -EINVAL); /* not open */
    return 0;
}

LOOP_TEST(whether_it_expired_can_be_asked_after_the_end)
{
    yibu_timeout t;
    yibu_timeout_begin(&t, 1);
    assert_int_equal(yibu_timeout_end(&t, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    assert_true(yibu_timeout_expired(&t));
    yibu_timeout_begin(&t, YIBU_SECONDS(100));
    assert_int_equal(yibu_timeout_end(&t, 0), 0);
    assert_false(yibu_timeout_expired(&t));
    return 0;
}

static void hold_the_loop_until(void *arg)
{
    const int64_t *when = arg;
    while (yibu_loop_time(yibu_get_running_loop()) < *when)
        ;
}

LOOP_TEST(a_limit_that_expires_in_the_turn_of_completion_leaves_the_result)
{
    yibu_timeout t;
    int64_t when = yibu_loop_time(yibu_get_running_loop()) + YIBU_MS(50) * YB_TEST_SLOWDOWN;
    yibu_call_soon(yibu_get_running_loop(), hold_the_loop_until, &when, NULL);
    yibu_timeout_at_begin(&t, when);
    int slept = yibu_sleep(YIBU_US(10)); /* both are due when the loop next looks at its clock */
    assert_int_equal(slept, 0);
    assert_true(yibu_timeout_expired(&t));
    assert_int_equal(yibu_timeout_end(&t, slept), 0);
    assert_int_equal(yibu_sleep(1), 0);
    return 0;
}

static intptr_t work_for_a_while(void *arg)
{
    intptr_t r = yibu_sleep(YIBU_US(100));
    return r < 0 ? r : (intptr_t)arg;
}

LOOP_TEST(many_limits_of_many_tasks_do_not_get_mixed_up)
{
    enum { COUNT = 100 };
    yibu_task *tasks[COUNT];
    for (intptr_t i = 0; i < COUNT; i++)
        tasks[i] = yibu_create_task(work_for_a_while, (void *)i, NULL);
    for (intptr_t i = 0; i < COUNT; i++) {
        yibu_timeout t;
        yibu_timeout_begin(&t, YIBU_SECONDS(100));
        assert_int_equal(yibu_timeout_end(&t, yibu_await(tasks[i])), i);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

static intptr_t return_from_a_block(void)
{
    YIBU_TIMEOUT(limit, YIBU_SECONDS(100));
    return yibu_sleep(1);
}

LOOP_TEST(the_block_form_ends_on_every_way_out)
{
    assert_int_equal(return_from_a_block(), 0);
    return 0;
}

static intptr_t sleep_for_ever(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_FOREVER);
}

static intptr_t answer(void *arg)
{
    (void)arg;
    return 42;
}

LOOP_TEST(wait_for_cancels_a_late_task_and_waits_for_its_end)
{
    yibu_task *task = yibu_create_task(sleep_for_ever, NULL, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_MS(1)), -ETIMEDOUT);
    assert_true(yibu_task_done(task));
    yibu_task_unref(task);
    task = yibu_create_task(answer, NULL, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_SECONDS(100)), 42);
    yibu_task_unref(task);
    return 0;
}

static intptr_t finish_although_cancelled(void *arg)
{
    (void)arg;
    yibu_sleep(YIBU_FOREVER);
    return 42;
}

LOOP_TEST(wait_for_keeps_the_result_of_a_task_that_finished_although_late)
{
    yibu_task *task = yibu_create_task(finish_although_cancelled, NULL, NULL);
    assert_int_equal(yibu_wait_for(task, YIBU_MS(1)), 42);
    yibu_task_unref(task);
    return 0;
}

static intptr_t clean_up_in_a_shield(void *arg)
{
    int *cleaned = arg;
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_SECONDS(100));
    if (yibu_sleep(YIBU_US(100)) == 0)
        *cleaned = 1;
    yibu_shield_end(&shield);
    if (yibu_sleep(1) != -ECANCELED)
        return -EILSEQ;
    return r;
}

LOOP_TEST(a_shield_lets_clean_up_suspend_and_ends_with_the_cancel_still_there)
{
    int cleaned = 0;
    yibu_task *task = yibu_create_task(clean_up_in_a_shield, &cleaned, NULL);
    yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(cleaned, 1);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_shield_holds_outer_limits_off_but_has_a_deadline_of_its_own)
{
    yibu_timeout outer, shield;
    yibu_timeout_begin(&outer, YIBU_US(1));
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    yibu_shield_begin(&shield, YIBU_MS(2));
    assert_int_equal(yibu_sleep(YIBU_US(10)), 0);
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    yibu_shield_end(&shield);
    assert_int_equal(yibu_timeout_end(&outer, -ECANCELED), -ETIMEDOUT);
    return 0;
}

static intptr_t end_inside_a_scope(void *arg)
{
    (void)arg;
    static yibu_timeout t;
    return yibu_timeout_begin(&t, YIBU_SECONDS(1));
}

static void a_task_that_ends_inside_a_scope_aborts_and_names_the_place(void **test)
{
    (void)test;
    int errors[2];
    assert_int_equal(pipe(errors), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(errors[1], STDERR_FILENO);
        yibu_run(end_inside_a_scope, NULL, NULL);
        _exit(0);
    }
    close(errors[1]);
    char text[512] = "";
    ssize_t n = read(errors[0], text, sizeof(text) - 1);
    close(errors[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(n > 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "test_timeout.c:"));
    assert_non_null(strstr(text, "main"));
}

static void limits_are_refused_outside_a_task(void **test)
{
    (void)test;
    yibu_timeout t;
    assert_int_equal(yibu_timeout_begin(&t, 1), YIBU_ENOTASK);
    assert_int_equal(yibu_timeout_end(&t, -ECANCELED), -ECANCELED);
    assert_int_equal(yibu_shield_begin(&t, 1), YIBU_ENOTASK);
    yibu_shield_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expired_limit_turns_its_own_cancel_into_a_timeout),
        cmocka_unit_test(a_body_that_succeeded_has_succeeded),
        cmocka_unit_test(an_inner_limit_leaves_the_outer_one_alone),
        cmocka_unit_test(an_outer_limit_is_not_taken_for_the_inner_one),
        cmocka_unit_test(an_outside_cancel_beats_an_inner_limit),
        cmocka_unit_test(a_limit_can_be_rescheduled_until_it_has_expired),
        cmocka_unit_test(the_time_limit_can_be_a_time_of_the_loops_clock),
        cmocka_unit_test(a_deadline_that_has_passed_expires_at_the_next_turn_of_the_loop),
        cmocka_unit_test(without_a_limit_when_says_for_ever),
        cmocka_unit_test(a_limit_can_be_rescheduled_to_earlier_later_now_and_never),
        cmocka_unit_test(whether_it_expired_can_be_asked_after_the_end),
        cmocka_unit_test(a_limit_that_expires_in_the_turn_of_completion_leaves_the_result),
        cmocka_unit_test(many_limits_of_many_tasks_do_not_get_mixed_up),
        cmocka_unit_test(the_block_form_ends_on_every_way_out),
        cmocka_unit_test(wait_for_cancels_a_late_task_and_waits_for_its_end),
        cmocka_unit_test(wait_for_keeps_the_result_of_a_task_that_finished_although_late),
        cmocka_unit_test(a_shield_lets_clean_up_suspend_and_ends_with_the_cancel_still_there),
        cmocka_unit_test(a_shield_holds_outer_limits_off_but_has_a_deadline_of_its_own),
        cmocka_unit_test(a_task_that_ends_inside_a_scope_aborts_and_names_the_place),
        cmocka_unit_test(limits_are_refused_outside_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
