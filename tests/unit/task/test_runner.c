/* Runners: the statements of asyncio's documentation about Runner and its handling of SIGINT. */
#include <errno.h>
#include <sys/types.h>

#include "process.h"
#include "test.h"

static yibu_runner *new_runner(const yibu_runner_options *options)
{
    yibu_runner *runner;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_runner_new(options, &runner), 0);
    return runner;
}

static intptr_t answer(void *arg)
{
    return (intptr_t)arg;
}

static intptr_t get_loop(void *arg)
{
    *(yibu_loop **)arg = yibu_get_running_loop();
    return yibu_sleep(1);
}

static void several_mains_run_on_one_loop(void **state)
{
    (void)state;
    yibu_runner *runner = new_runner(NULL);
    yibu_loop *first = NULL, *second = NULL;
    assert_int_equal(yibu_runner_run(runner, answer, (void *)(intptr_t)42), 42);
    assert_int_equal(yibu_runner_run(runner, answer, (void *)(intptr_t)-EIO), -EIO);
    assert_int_equal(yibu_runner_run(runner, get_loop, &first), 0);
    assert_int_equal(yibu_runner_run(runner, get_loop, &second), 0);
    assert_non_null(first);
    assert_ptr_equal(first, second);
    assert_ptr_equal(yibu_runner_get_loop(runner), first);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_null(yibu_get_running_loop());
    return;
}

static intptr_t work_on(void *arg)
{
    int *rounds = arg;
    while (yibu_sleep(YIBU_US(10)) == 0)
        ++*rounds;
    *rounds = -*rounds;
    return 0;
}

static intptr_t leave_work(void *arg)
{
    return yibu_spawn(work_on, arg);
}

static intptr_t sleep_a_while(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_MS(2));
}

static void tasks_that_a_run_leaves_go_on_in_the_next_and_end_with_the_runner(void **state)
{
    (void)state;
    int rounds = 0;
    yibu_runner *runner = new_runner(NULL);
    assert_int_equal(yibu_runner_run(runner, leave_work, &rounds), 0);
    assert_int_equal(yibu_runner_run(runner, sleep_a_while, NULL), 0);
    assert_true(rounds > 0);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_true(rounds < 0);
}

static const yibu_local context = YIBU_LOCAL_INIT(NULL);

static intptr_t set_context(void *arg)
{
    return yibu_local_set(&context, arg);
}

static intptr_t read_context(void *arg)
{
    (void)arg;
    return (intptr_t)yibu_local_get(&context);
}

static void task_locals_of_one_run_are_those_of_the_next(void **state)
{
    (void)state;
    yibu_runner *runner = new_runner(NULL);
    assert_int_equal(yibu_runner_run(runner, read_context, NULL), 0);
    assert_int_equal(yibu_runner_run(runner, set_context, (void *)(intptr_t)7), 0);
    assert_int_equal(yibu_runner_run(runner, read_context, NULL), 7);
    assert_int_equal(yibu_runner_close(runner), 0);
}

/* Errors. */

typedef struct nested {
    yibu_runner *runner, *another;
    intptr_t run, close, make, plain;
} nested;

static intptr_t nest(void *arg)
{
    nested *n = arg;
    n->run = yibu_runner_run(n->runner, answer, NULL);
    n->close = yibu_runner_close(n->runner);
    n->make = yibu_runner_new(NULL, &n->another);
    n->plain = yibu_run(answer, NULL, NULL);
    return 0;
}

static void a_runner_does_not_nest(void **state)
{
    (void)state;
    nested n = {.runner = new_runner(NULL)};
    assert_int_equal(yibu_runner_run(n.runner, nest, &n), 0);
    assert_int_equal(n.run, YIBU_EBUSY);
    assert_int_equal(n.close, YIBU_EBUSY);
    assert_int_equal(n.make, -EBUSY);
    assert_int_equal(n.plain, -EBUSY);
    assert_null(n.another);
    assert_int_equal(yibu_runner_close(n.runner), 0);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    yibu_runner *runner;
    yibu_runner_options options = {.size = 1};
    yibu_loop_options loop = {.size = sizeof(loop), .backend = "carrier pigeon"};
    assert_int_equal(yibu_runner_new(NULL, NULL), -EINVAL);
    assert_int_equal(yibu_runner_new(&options, &runner), -EINVAL);
    options = (yibu_runner_options){.size = sizeof(options), .loop = &loop};
    assert_int_equal(yibu_runner_new(&options, &runner), -EINVAL);
    assert_int_equal(yibu_runner_run(NULL, answer, NULL), -EINVAL);
    runner = new_runner(NULL);
    assert_int_equal(yibu_runner_run(runner, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_int_equal(yibu_runner_close(NULL), 0);
    assert_null(yibu_runner_get_loop(NULL));
}

/* Options. */

static void debug_turns_the_loops_debug_mode_on(void **state)
{
    (void)state;
    yibu_runner_options options = {.size = sizeof(options), .debug = true};
    yibu_runner *runner = new_runner(&options);
    assert_true(yibu_loop_get_debug(yibu_runner_get_loop(runner)));
    assert_int_equal(yibu_runner_close(runner), 0);
}

/* Closing. */

static char reported[8][512];
static int reports;

static void note_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)code;
    (void)arg;
    snprintf(reported[reports++ % 8], sizeof(reported[0]), "%s", message);
}

static intptr_t refuse_for_a_while(void *arg)
{
    (void)arg;
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    int r = yibu_sleep(YIBU_MS(20));
    yibu_shield_end(&shield);
    return r;
}

static intptr_t leave_a_mule(void *arg)
{
    (void)arg;
    yibu_task_options options = {.size = sizeof(options), .name = "mule"};
    yibu_task_unref(yibu_create_task(refuse_for_a_while, NULL, &options));
    return yibu_sleep(0);
}

static yibu_runner *new_impatient_runner(int64_t shutdown_timeout_ns)
{
    yibu_loop_options loop = {.size = sizeof(loop), .exception_handler = note_report};
    yibu_runner_options options = {
        .size = sizeof(options), .loop = &loop, .shutdown_timeout_ns = shutdown_timeout_ns};
    reports = 0;
    return new_runner(&options);
}

static void those_that_refuse_to_end_are_reported_and_waited_for(void **state)
{
    (void)state;
    yibu_runner *runner = new_impatient_runner(YIBU_MS(1));
    assert_int_equal(yibu_runner_run(runner, leave_a_mule, NULL), 0);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_int_equal(reports, 1);
    assert_non_null(strstr(reported[0], "task \"mule\", created at "));
    assert_non_null(strstr(reported[0], "test_runner.c:"));
    assert_non_null(strstr(reported[0], "waits for sleep"));
}

static void nobody_is_reported_who_ends_in_time(void **state)
{
    (void)state;
    yibu_runner *runner = new_impatient_runner(YIBU_FOREVER);
    assert_int_equal(yibu_runner_run(runner, leave_a_mule, NULL), 0);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_int_equal(reports, 0);
}

static intptr_t fail_when_cancelled(void *arg)
{
    (void)arg;
    (void)yibu_sleep(YIBU_FOREVER);
    return -ENOSPC;
}

static intptr_t leave_one_that_fails(void *arg)
{
    (void)yibu_spawn(fail_when_cancelled, arg);
    return yibu_sleep(0);
}

static void a_failure_while_closing_is_reported(void **state)
{
    (void)state;
    yibu_runner *runner = new_impatient_runner(0);
    assert_int_equal(yibu_runner_run(runner, leave_one_that_fails, NULL), 0);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_int_equal(reports, 1);
    assert_non_null(strstr(reported[0], "nobody asked for the result of task"));
}

static intptr_t help(void *arg)
{
    int r = yibu_sleep(YIBU_US(100));
    *(bool *)arg = r == 0;
    return r;
}

static intptr_t clean_up_with_help(void *arg)
{
    (void)yibu_sleep(YIBU_FOREVER);
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    yibu_task *helper = yibu_create_task(help, arg, NULL);
    yibu_await(helper);
    yibu_task_unref(helper);
    yibu_shield_end(&shield);
    return 0;
}

static intptr_t leave_one_with_clean_up(void *arg)
{
    (void)yibu_spawn(clean_up_with_help, arg);
    return yibu_sleep(0);
}

static void what_a_task_starts_to_clean_up_is_left_to_finish(void **state)
{
    (void)state;
    bool helped = false;
    yibu_runner *runner = new_runner(NULL);
    assert_int_equal(yibu_runner_run(runner, leave_one_with_clean_up, &helped), 0);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_true(helped);
}

static intptr_t beget_when_cancelled(void *arg)
{
    int *left = arg;
    (void)yibu_sleep(YIBU_FOREVER);
    return --*left > 0 ? yibu_spawn(beget_when_cancelled, left) : 0;
}

static intptr_t leave_one_that_begets(void *arg)
{
    return yibu_spawn(beget_when_cancelled, arg);
}

static void tasks_started_while_closing_are_cancelled_in_their_turn(void **state)
{
    (void)state;
    int left = 5;
    yibu_runner *runner = new_runner(NULL);
    assert_int_equal(yibu_runner_run(runner, leave_one_that_begets, &left), 0);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_int_equal(left, 0);
}

/* SIGINT. */

static bool sigint_is_default(void)
{
    struct sigaction action;
    sigaction(SIGINT, NULL, &action);
    return action.sa_handler == SIG_DFL;
}

static intptr_t raise_and_sleep(void *arg)
{
    (void)arg;
    if (sigint_is_default())
        return 1;
    raise(SIGINT);
    return yibu_sleep(YIBU_FOREVER);
}

static intptr_t raise_and_go_on(void *arg)
{
    (void)arg;
    raise(SIGINT);
    (void)yibu_sleep(YIBU_FOREVER);
    yibu_task_uncancel(yibu_current_task());
    return yibu_sleep(1) == 0 ? 5 : 2;
}

static intptr_t raise_and_be_cancelled(void *arg)
{
    (void)arg;
    yibu_task_cancel(yibu_current_task());
    raise(SIGINT);
    (void)yibu_sleep(YIBU_MS(1));
    while (yibu_task_cancelling(yibu_current_task()) < 2)
        (void)yibu_sleep(0);
    return -ECANCELED;
}

static int run_with_sigint(void *arg)
{
    (void)arg;
    signal(SIGINT, SIG_DFL);
    yibu_runner *runner = new_runner(NULL);
    assert_true(sigint_is_default());
    assert_int_equal(yibu_runner_run(runner, raise_and_sleep, NULL), -EINTR);
    assert_true(sigint_is_default());
    assert_int_equal(yibu_runner_run(runner, raise_and_sleep, NULL), -EINTR);
    assert_int_equal(yibu_runner_run(runner, raise_and_go_on, NULL), 5);
    assert_int_equal(yibu_runner_run(runner, raise_and_be_cancelled, NULL), -ECANCELED);
    assert_true(sigint_is_default());
    return yibu_runner_close(runner);
}

static void sigint_cancels_main_and_run_tells_of_it_each_time(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_with_sigint, NULL, &result);
    assert_true(test_exited(&result, 0));
}

static intptr_t raise_twice(void *arg)
{
    (void)arg;
    raise(SIGINT);
    (void)yibu_sleep(YIBU_MS(1)); /* cancelled by the first */
    raise(SIGINT);
    return 0;
}

static int run_with_two_sigints(void *arg)
{
    (void)arg;
    signal(SIGINT, SIG_DFL);
    yibu_runner *runner = new_runner(NULL);
    return (int)yibu_runner_run(runner, raise_twice, NULL);
}

static void the_second_sigint_ends_the_program(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_with_two_sigints, NULL, &result);
    assert_true(test_died_of(&result, SIGINT));
}

static intptr_t raise_last(void *arg)
{
    (void)arg;
    raise(SIGINT); /* main ends before the loop looks */
    return 0;
}

static int run_with_a_late_sigint(void *arg)
{
    (void)arg;
    signal(SIGINT, SIG_DFL);
    yibu_runner *runner = new_runner(NULL);
    return (int)yibu_runner_run(runner, raise_last, NULL);
}

static void a_sigint_that_main_did_not_hear_of_is_not_lost(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_with_a_late_sigint, NULL, &result);
    assert_true(test_died_of(&result, SIGINT));
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static intptr_t take_sigint_over(void *arg)
{
    (void)arg;
    return yibu_add_signal_handler(yibu_get_running_loop(), SIGINT, do_nothing, NULL);
}

static int run_with_a_handler(void *arg)
{
    (void)arg;
    signal(SIGINT, SIG_DFL);
    yibu_runner *runner = new_runner(NULL);
    assert_int_equal(yibu_runner_run(runner, take_sigint_over, NULL), 0);
    assert_false(sigint_is_default());
    assert_int_equal(yibu_runner_run(runner, sleep_a_while, NULL), 0);
    assert_int_equal(yibu_runner_close(runner), 0);
    return sigint_is_default() ? 0 : 1;
}

static void a_handler_that_main_added_stays_for_the_next_run(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_with_a_handler, NULL, &result);
    assert_true(test_exited(&result, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_mains_run_on_one_loop),
        cmocka_unit_test(tasks_that_a_run_leaves_go_on_in_the_next_and_end_with_the_runner),
        cmocka_unit_test(task_locals_of_one_run_are_those_of_the_next),
        cmocka_unit_test(a_runner_does_not_nest),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(debug_turns_the_loops_debug_mode_on),
        cmocka_unit_test(those_that_refuse_to_end_are_reported_and_waited_for),
        cmocka_unit_test(nobody_is_reported_who_ends_in_time),
        cmocka_unit_test(a_failure_while_closing_is_reported),
        cmocka_unit_test(what_a_task_starts_to_clean_up_is_left_to_finish),
        cmocka_unit_test(tasks_started_while_closing_are_cancelled_in_their_turn),
        cmocka_unit_test(sigint_cancels_main_and_run_tells_of_it_each_time),
        cmocka_unit_test(the_second_sigint_ends_the_program),
        cmocka_unit_test(a_sigint_that_main_did_not_hear_of_is_not_lost),
        cmocka_unit_test(a_handler_that_main_added_stays_for_the_next_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
