/* Cancel scopes, and how scopes of all kinds nest. */
#include <errno.h>

#include "process.h"
#include "test.h"

LOOP_TEST(a_cancelled_scope_cancels_its_checkpoints_until_its_end)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    assert_int_equal(yibu_cancel_scope_begin(&scope), 0);
    assert_int_equal(yibu_sleep(1), 0);
    assert_true(yibu_cancel_scope_cancel(&scope));
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    assert_int_equal(yibu_check_cancelled(), -ECANCELED);
    assert_int_equal(yibu_task_cancelling(yibu_current_task()), 0);
    assert_int_equal(yibu_cancel_scope_end(&scope, -ECANCELED), 0);
    assert_true(yibu_cancel_scope_cancelled(&scope));
    assert_int_equal(yibu_sleep(1), 0);
    return 0;
}

LOOP_TEST(a_scope_passes_results_that_are_not_its_own_cancel)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&scope);
    assert_int_equal(yibu_cancel_scope_end(&scope, 4), 4);
    yibu_cancel_scope_begin(&scope);
    assert_int_equal(yibu_cancel_scope_end(&scope, -ECANCELED), -ECANCELED);
    assert_false(yibu_cancel_scope_cancelled(&scope));
    yibu_cancel_scope_begin(&scope);
    yibu_cancel_scope_cancel(&scope);
    assert_int_equal(yibu_cancel_scope_end(&scope, 4), 4);
    yibu_cancel_scope_begin(&scope);
    yibu_cancel_scope_cancel(&scope);
    assert_int_equal(yibu_cancel_scope_end(&scope, -EIO), -EIO);
    return 0;
}

LOOP_TEST(a_scope_cancelled_before_it_begins_begins_cancelled)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    assert_true(yibu_cancel_scope_cancel(&scope));
    assert_true(yibu_cancel_scope_cancelled(&scope));
    assert_int_equal(yibu_sleep(1), 0);
    yibu_cancel_scope_begin(&scope);
    assert_int_equal(yibu_cancel_scope_end(&scope, yibu_sleep(1)), 0);
    return 0;
}

LOOP_TEST(cancelling_a_scope_after_its_end_does_nothing)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&scope);
    yibu_cancel_scope_end(&scope, 0);
    assert_false(yibu_cancel_scope_cancel(&scope));
    assert_false(yibu_cancel_scope_cancelled(&scope));
    assert_int_equal(yibu_sleep(1), 0);
    yibu_cancel_scope_begin(&scope); /* anew, and not cancelled */
    assert_int_equal(yibu_sleep(1), 0);
    assert_int_equal(yibu_cancel_scope_end(&scope, 0), 0);
    return 0;
}

static void cancel_scope(void *arg)
{
    yibu_cancel_scope_cancel(arg);
}

LOOP_TEST(a_callback_can_cancel_a_scope)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&scope);
    yibu_call_soon(yibu_get_running_loop(), cancel_scope, &scope, NULL);
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_cancel_scope_end(&scope, r), 0);
    return 0;
}

static intptr_t cancel_scope_as_a_task(void *arg)
{
    yibu_cancel_scope_cancel(arg);
    return 0;
}

LOOP_TEST(another_task_can_cancel_a_scope)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&scope);
    yibu_spawn(cancel_scope_as_a_task, &scope);
    assert_int_equal(yibu_cancel_scope_end(&scope, yibu_sleep(YIBU_FOREVER)), 0);
    return 0;
}

LOOP_TEST(the_cancel_of_an_outer_scope_is_not_taken_for_the_inner_ones)
{
    yibu_cancel_scope out = YIBU_CANCEL_SCOPE_INIT, in = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&out);
    yibu_cancel_scope_begin(&in);
    yibu_cancel_scope_cancel(&out);
    yibu_cancel_scope_cancel(&in);
    intptr_t r = yibu_cancel_scope_end(&in, yibu_sleep(1));
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_cancel_scope_end(&out, r), 0);
    return 0;
}

LOOP_TEST(the_cancel_of_an_inner_scope_leaves_the_outer_one_alone)
{
    yibu_cancel_scope out = YIBU_CANCEL_SCOPE_INIT, in = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&out);
    yibu_cancel_scope_begin(&in);
    yibu_cancel_scope_cancel(&in);
    assert_int_equal(yibu_cancel_scope_end(&in, yibu_sleep(1)), 0);
    assert_int_equal(yibu_sleep(1), 0);
    assert_int_equal(yibu_cancel_scope_end(&out, 0), 0);
    return 0;
}

static intptr_t scope_in_a_cancelled_task(void *arg)
{
    (void)arg;
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&scope);
    yibu_cancel_scope_cancel(&scope);
    yibu_task_cancel(yibu_current_task());
    return yibu_cancel_scope_end(&scope, yibu_sleep(1));
}

LOOP_TEST(a_cancel_from_outside_beats_that_of_a_scope)
{
    yibu_task *task = yibu_create_task(scope_in_a_cancelled_task, NULL, NULL);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_shield_keeps_the_cancel_of_an_outer_scope_off)
{
    yibu_cancel_scope out = YIBU_CANCEL_SCOPE_INIT, in = YIBU_CANCEL_SCOPE_INIT;
    yibu_timeout shield;
    yibu_cancel_scope_begin(&out);
    yibu_cancel_scope_cancel(&out);
    yibu_shield_begin(&shield, YIBU_FOREVER);
    assert_int_equal(yibu_sleep(1), 0);
    yibu_cancel_scope_begin(&in);
    yibu_cancel_scope_cancel(&in); /* but not of one within it */
    assert_int_equal(yibu_cancel_scope_end(&in, yibu_sleep(1)), 0);
    assert_int_equal(yibu_sleep(1), 0);
    yibu_shield_end(&shield);
    assert_int_equal(yibu_cancel_scope_end(&out, yibu_sleep(1)), 0);
    return 0;
}

LOOP_TEST(a_cancel_that_comes_while_a_shield_is_open_waits_for_its_end)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_timeout shield;
    yibu_cancel_scope_begin(&scope);
    yibu_shield_begin(&shield, YIBU_FOREVER);
    yibu_call_soon(yibu_get_running_loop(), cancel_scope, &scope, NULL);
    assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    assert_true(yibu_cancel_scope_cancelled(&scope));
    yibu_shield_end(&shield);
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    assert_int_equal(yibu_cancel_scope_end(&scope, -ECANCELED), 0);
    return 0;
}

static intptr_t sleep_for_ever(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_FOREVER);
}

LOOP_TEST(a_task_awaited_in_a_cancelled_scope_is_cancelled_with_it)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_task *task = yibu_create_task(sleep_for_ever, NULL, NULL);
    yibu_cancel_scope_begin(&scope);
    yibu_call_soon(yibu_get_running_loop(), cancel_scope, &scope, NULL);
    assert_int_equal(yibu_cancel_scope_end(&scope, yibu_await(task)), 0);
    assert_int_equal(yibu_task_result(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_scope_that_is_open_cannot_begin_again)
{
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    assert_int_equal(yibu_cancel_scope_begin(&scope), 0);
    assert_int_equal(yibu_cancel_scope_begin(&scope), -EBUSY);
    assert_int_equal(yibu_cancel_scope_end(&scope, 0), 0);
    return 0;
}

LOOP_TEST(many_scopes_nest)
{
    enum { DEPTH = 200 };
    static yibu_cancel_scope scopes[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        scopes[i] = (yibu_cancel_scope)YIBU_CANCEL_SCOPE_INIT;
        yibu_cancel_scope_begin(&scopes[i]);
    }
    yibu_cancel_scope_cancel(&scopes[DEPTH / 2]);
    intptr_t r = yibu_sleep(1);
    for (int i = DEPTH - 1; i >= 0; i--) {
        r = yibu_cancel_scope_end(&scopes[i], r);
        assert_int_equal(r, i > DEPTH / 2 ? -ECANCELED : 0);
    }
    return 0;
}

static void scopes_are_refused_outside_a_task(void **state)
{
    (void)state;
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    assert_int_equal(yibu_cancel_scope_begin(&scope), YIBU_ENOTASK);
    assert_int_equal(yibu_cancel_scope_end(&scope, -ECANCELED), -ECANCELED);
}

/* Mistakes. */

static intptr_t end_outer_first(void *arg)
{
    (void)arg;
    yibu_cancel_scope out = YIBU_CANCEL_SCOPE_INIT, in = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&out);
    yibu_cancel_scope_begin(&in);
    return yibu_cancel_scope_end(&out, 0);
}

static intptr_t end_anothers(void *arg)
{
    return yibu_cancel_scope_end(arg, 0);
}

static intptr_t let_another_end_it(void *arg)
{
    (void)arg;
    yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    yibu_cancel_scope_begin(&scope);
    yibu_spawn(end_anothers, &scope);
    return yibu_sleep(1);
}

static intptr_t leave_it_open(void *arg)
{
    (void)arg;
    static yibu_cancel_scope scope = YIBU_CANCEL_SCOPE_INIT;
    return yibu_cancel_scope_begin(&scope);
}

typedef struct mistake {
    yibu_coroutine *make;
    const char *said;
} mistake;

static int run_mistake(void *arg)
{
    const mistake *m = arg;
    return (int)yibu_run(m->make, NULL, NULL);
}

static void wrong_nesting_aborts_and_names_the_place(void **state)
{
    (void)state;
    mistake mistakes[] = {
        {end_outer_first, "ends before the one that began in it at"},
        {let_another_end_it, "is ended by task-"},
        {leave_it_open, "ended inside the scope that began at"},
    };
    for (int i = 0; i < 3; i++) {
        test_result result;
        test_in_process(run_mistake, &mistakes[i], &result);
        assert_true(test_died_of(&result, SIGABRT));
        assert_non_null(strstr(result.said, "test_scope.c:"));
        assert_non_null(strstr(result.said, mistakes[i].said));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_scope_cancels_its_checkpoints_until_its_end),
        cmocka_unit_test(a_scope_passes_results_that_are_not_its_own_cancel),
        cmocka_unit_test(a_scope_cancelled_before_it_begins_begins_cancelled),
        cmocka_unit_test(cancelling_a_scope_after_its_end_does_nothing),
        cmocka_unit_test(a_callback_can_cancel_a_scope),
        cmocka_unit_test(another_task_can_cancel_a_scope),
        cmocka_unit_test(the_cancel_of_an_outer_scope_is_not_taken_for_the_inner_ones),
        cmocka_unit_test(the_cancel_of_an_inner_scope_leaves_the_outer_one_alone),
        cmocka_unit_test(a_cancel_from_outside_beats_that_of_a_scope),
        cmocka_unit_test(a_shield_keeps_the_cancel_of_an_outer_scope_off),
        cmocka_unit_test(a_cancel_that_comes_while_a_shield_is_open_waits_for_its_end),
        cmocka_unit_test(a_task_awaited_in_a_cancelled_scope_is_cancelled_with_it),
        cmocka_unit_test(a_scope_that_is_open_cannot_begin_again),
        cmocka_unit_test(many_scopes_nest),
        cmocka_unit_test(scopes_are_refused_outside_a_task),
        cmocka_unit_test(wrong_nesting_aborts_and_names_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
