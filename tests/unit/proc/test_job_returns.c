/* Jobs that come back to the line of their executor, since their worker died. */
#include "executors.h"

static intptr_t die(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    raise(SIGKILL);
    return 0;
}
YIBU_JOB(die);

static intptr_t tell_and_stay(yibu_bytes input, yibu_buffer *output)
{
    const pid_t pid = getpid();
    (void)input, (void)output;
    yibu_job_send(&pid, sizeof(pid));
    pause();
    return 0;
}
YIBU_JOB(tell_and_stay);

static const yibu_process_pool_options one = {.max_workers = 1};
static const yibu_job_options again = {.max_attempts = 2, .retry_delay_ns = YIBU_SECONDS(1000)};

static yibu_concurrent_future *submit_one_that_died(yibu_executor *executor)
{
    yibu_concurrent_future *future = submit_with(executor, &die_job, NOTHING, again);
    while (statistics_of(executor).crashed == 0)
        usleep(100);
    return future;
}

static void job_that_waits_for_its_next_attempt_is_counted_among_those_in_line(void **state)
{
    (void)state;
    yibu_executor *executor = executor_new(one);
    yibu_concurrent_future *future = submit_one_that_died(executor);
    yibu_executor_stats now = statistics_of(executor);
    assert_int_equal(now.queued, 1);
    assert_int_equal(now.running, 0);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    now = statistics_of(executor);
    assert_int_equal(now.queued + now.running, 0);
    assert_int_equal(now.cancelled, 1);
    yibu_executor_free(executor);
}

static void jobs_that_wait_for_their_next_attempt_take_room_in_the_line(void **state)
{
    yibu_concurrent_future *futures[2], *refused = NULL;
    (void)state;
    yibu_executor *executor =
        executor_new((yibu_process_pool_options){.max_workers = 1, .max_queue = 1});
    for (int i = 0; i < 2; i++)
        futures[i] = submit_with(executor, &die_job, NOTHING, again);
    while (statistics_of(executor).crashed < 2)
        usleep(100);
    assert_int_equal(yibu_executor_try_submit_job(executor, &die_job, NOTHING, NULL, &refused),
                     -EAGAIN);
    yibu_concurrent_future_cancel(futures[0]);
    assert_int_equal(result_of(futures[0]), -ECANCELED);
    assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    yibu_concurrent_future_cancel(futures[1]);
    assert_int_equal(result_of(futures[1]), -ECANCELED);
    yibu_executor_free(executor);
}

static void shutdown_that_drops_the_line_drops_those_that_wait_for_their_next_attempt(void **state)
{
    (void)state;
    yibu_executor *executor = executor_new(one);
    yibu_concurrent_future *future = submit_one_that_died(executor);
    assert_int_equal(yibu_executor_shutdown(executor, true, true, YIBU_SECONDS(60)), 0);
    assert_int_equal(result_of(future), YIBU_ESHUTDOWN);
    yibu_executor_free(executor);
}

static void note_pid(yibu_bytes message, void *arg)
{
    _Atomic(pid_t) *pid = arg;
    pid_t told;
    memcpy(&told, message.data, sizeof(told));
    *pid = told;
}

static void once_the_line_was_dropped_nothing_is_tried_again(void **state)
{
    _Atomic(pid_t) pid = 0;
    yibu_job_options options = again;
    (void)state;
    options.on_message = note_pid;
    options.message_arg = &pid;
    yibu_executor *executor = executor_new(one);
    yibu_concurrent_future *future = submit_with(executor, &tell_and_stay_job, NOTHING, options);
    while (pid == 0)
        usleep(100);
    assert_int_equal(yibu_executor_shutdown(executor, false, true, 0), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(yibu_executor_shutdown(executor, true, true, YIBU_SECONDS(60)), 0);
    assert_int_equal(result_of(future), YIBU_EWORKER);
    yibu_executor_free(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_that_waits_for_its_next_attempt_is_counted_among_those_in_line),
        cmocka_unit_test(jobs_that_wait_for_their_next_attempt_take_room_in_the_line),
        cmocka_unit_test(shutdown_that_drops_the_line_drops_those_that_wait_for_their_next_attempt),
        cmocka_unit_test(once_the_line_was_dropped_nothing_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
