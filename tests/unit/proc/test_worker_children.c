/* Processes that jobs leave behind, where what they write could be taken for another job's. */
#include "executors.h"

#include <sys/wait.h>

static intptr_t leave_a_child(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    pid_t child = fork();
    if (child == 0)
        _exit(pause());
    return child;
}
YIBU_JOB(leave_a_child);

static intptr_t have_a_child(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    int status;
    return waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7 ? 0 : -EIO;
}
YIBU_JOB(have_a_child);

static const yibu_process_pool_options one = {.max_workers = 1};
static const yibu_job_options captured = {.err = YIBU_JOB_STDIO_CAPTURE}, passed = {0};

/* Its worker, and its result. */
static pid_t run_with(yibu_executor *executor, const yibu_job *job, yibu_job_options options,
                      intptr_t *ret_result)
{
    yibu_job_report report = {.size = sizeof(report)};
    options.report = &report;
    *ret_result = result_of(submit_with(executor, job, NOTHING, options));
    return report.worker;
}

static void who_is_left_by_a_job_with_captured_text_ends_with_it(void **state)
{
    intptr_t child, result;
    (void)state;
    yibu_executor *executor = executor_new(one);
    pid_t first = run_with(executor, &leave_a_child_job, captured, &child);
    assert_true(child > 0);
    expect_gone((pid_t)child);
    pid_t second = run_with(executor, &have_a_child_job, captured, &result);
    assert_true(second != first);
    assert_int_equal(result, 0);
    yibu_executor_free(executor);
}

static void a_job_with_captured_text_may_have_had_children(void **state)
{
    intptr_t result;
    (void)state;
    yibu_executor *executor = executor_new(one);
    pid_t first = run_with(executor, &have_a_child_job, captured, &result);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_with(executor, &have_a_child_job, captured, &result), first);
    yibu_executor_free(executor);
}

static void who_is_left_by_other_jobs_stays(void **state)
{
    intptr_t child, result;
    (void)state;
    yibu_executor *executor = executor_new(one);
    pid_t first = run_with(executor, &leave_a_child_job, passed, &child);
    assert_int_equal(run_with(executor, &have_a_child_job, passed, &result), first);
    assert_true(process_alive((pid_t)child));
    yibu_executor_free(executor);
    expect_gone((pid_t)child);
}

static void who_is_left_by_the_initializer_stays(void **state)
{
    intptr_t result;
    yibu_process_pool_options options = one;
    (void)state;
    options.initializer = &leave_a_child_job;
    yibu_executor *executor = executor_new(options);
    pid_t first = run_with(executor, &have_a_child_job, captured, &result);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_with(executor, &have_a_child_job, captured, &result), first);
    yibu_executor_free(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_left_by_a_job_with_captured_text_ends_with_it),
        cmocka_unit_test(a_job_with_captured_text_may_have_had_children),
        cmocka_unit_test(who_is_left_by_other_jobs_stays),
        cmocka_unit_test(who_is_left_by_the_initializer_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
