/* Workers that do not take their job: somebody has stopped them while they had nothing to do; or
 * they have yet to begin. */
#include "executors.h"

static const char SLOW[] = "YIBU_TEST_SLOW";

__attribute__((constructor)) static void start_slowly(void)
{
    if (getenv(SLOW))
        usleep(2500000);
}

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

static void await_stopped(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (state != 'T') {
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
        usleep(100);
    }
}

/* More than one job: those that are queued behind the first in its lane go elsewhere as well. */
static void a_worker_that_takes_no_job_is_replaced_where_that_has_a_time_limit(void **state)
{
    enum { COUNT = 3 };
    const yibu_job_options limit = {.timeout_ns = YIBU_SECONDS(100)};
    yibu_executor *executor = executor_new((yibu_process_pool_options){.max_workers = 1});
    yibu_concurrent_future *futures[COUNT];
    (void)state;
    pid_t stopped = (pid_t)run_job(executor, &tell_pid_job, NOTHING);
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    await_stopped(stopped);
    for (int i = 0; i < COUNT; i++)
        futures[i] =
            submit_with(executor, &tell_pid_job, NOTHING, i == 0 ? limit : (yibu_job_options){0});
    for (int i = 0; i < COUNT; i++) {
        yibu_job_report report = {.size = sizeof(report)};
        intptr_t pid = yibu_concurrent_future_result(futures[i], YIBU_SECONDS(60));
        assert_true(pid > 0 && pid != stopped);
        assert_int_equal(yibu_concurrent_future_report(futures[i], &report), 0);
        assert_int_equal(report.attempts, 1);
        yibu_concurrent_future_unref(futures[i]);
    }
    expect_gone(stopped);
    assert_int_equal(statistics_of(executor).crashed, 1);
    yibu_executor_free(executor);
}

static void a_worker_that_takes_long_to_start_is_waited_for(void **state)
{
    const yibu_job_options limit = {.timeout_ns = YIBU_SECONDS(100)};
    (void)state;
    setenv(SLOW, "1", 1);
    yibu_executor *executor = executor_new(
        (yibu_process_pool_options){.max_workers = 1, .start_method = YIBU_START_SPAWN});
    yibu_concurrent_future *future = submit_with(executor, &tell_pid_job, NOTHING, limit);
    assert_true(yibu_concurrent_future_result(future, YIBU_SECONDS(60)) > 0);
    yibu_concurrent_future_unref(future);
    assert_int_equal(statistics_of(executor).crashed, 0);
    yibu_executor_free(executor);
    unsetenv(SLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_takes_no_job_is_replaced_where_that_has_a_time_limit),
        cmocka_unit_test(a_worker_that_takes_long_to_start_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
