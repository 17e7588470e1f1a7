/* Jobs on executors: of processes, of threads, and as the defaults of a loop. */
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"
#include "little_engine.h"
#include "result.h"

#include <yibu/payload.h>

static intptr_t upper(yibu_bytes input, yibu_buffer *output)
{
    const char *text = input.data;
    for (size_t i = 0; i < input.size; i++) {
        char c = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
        if (yibu_buffer_append(output, &c, 1) < 0)
            return -ENOMEM;
    }
    return (intptr_t)input.size;
}
YIBU_JOB(upper);

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

static intptr_t nap(yibu_bytes input, yibu_buffer *output)
{
    const struct timespec a_while = {.tv_nsec = 50000000};
    (void)input;
    (void)output;
    nanosleep(&a_while, NULL);
    return 7;
}
YIBU_JOB(nap);

static intptr_t tell_environment(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    const char *value = getenv("JOB_VALUE");
    return value ? yibu_buffer_append(output, value, strlen(value)) : -ENOENT;
}
YIBU_JOB(tell_environment);

static const yibu_bytes nothing = {NULL, 0};

static yibu_executor *new_processes(void)
{
    const yibu_process_pool_options options = {.size = sizeof(options), .max_workers = 1};
    yibu_executor *e = NULL;
    assert_int_equal(yibu_process_pool_executor_new(&options, &e), 0);
    return e;
}

static yibu_executor *new_threads(void)
{
    const yibu_thread_pool_options options = {.size = sizeof(options), .max_workers = 2};
    yibu_executor *e = NULL;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &e), 0);
    return e;
}

static void expect_upper(yibu_executor *e)
{
    char *text = strdup("loud");
    yibu_bytes output = nothing;
    yibu_concurrent_future *future;
    yibu_job_report report = {.size = sizeof(report)};
    assert_int_equal(yibu_executor_submit_job(e, &upper_job, (yibu_bytes){text, 4}, NULL, &future),
                     0);
    memset(text, 'x', 4);
    free(text);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 4);
    assert_int_equal(yibu_concurrent_future_output(future, &output), 0);
    assert_int_equal(output.size, 4);
    assert_memory_equal(output.data, "LOUD", 4);
    assert_int_equal(yibu_concurrent_future_report(future, &report), 0);
    assert_true(report.worker > 0);
    assert_int_equal(report.attempts, 1);
    yibu_concurrent_future_unref(future);
}

static void a_plain_thread_submits_jobs(void **state)
{
    (void)state;
    yibu_executor *e = new_processes();
    expect_upper(e);
    yibu_executor_free(e);
    e = new_threads();
    expect_upper(e);
    yibu_executor_free(e);
}

LOOP_TEST(a_task_submits_jobs)
{
    yibu_executor *e = new_processes();
    expect_upper(e);
    yibu_executor_free(e);
    e = new_threads();
    expect_upper(e);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(one_call_runs_a_job_and_appends_its_output)
{
    yibu_executor *executors[] = {new_processes(), new_threads(), NULL};
    for (int i = 0; i < 3; i++) {
        yibu_buffer output = {0};
        for (int round = 0; round < 2; round++)
            assert_int_equal(yibu_run_job_in_executor(executors[i], &upper_job,
                                                      (yibu_bytes){"ab", 2}, &output, NULL),
                             2);
        assert_int_equal(output.size, 4);
        assert_memory_equal(output.data, "ABAB", 4);
        assert_int_equal(yibu_run_job_in_executor(executors[i], &upper_job, nothing, NULL, NULL),
                         0);
        yibu_buffer_free(&output);
        yibu_executor_free(executors[i]);
    }
    return 0;
}

LOOP_TEST(jobs_run_in_processes_and_on_threads_as_the_executor_has_them)
{
    yibu_executor *processes = new_processes(), *threads = new_threads();
    assert_true(yibu_run_job_in_executor(processes, &tell_pid_job, nothing, NULL, NULL) !=
                getpid());
    assert_int_equal(yibu_run_job_in_executor(threads, &tell_pid_job, nothing, NULL, NULL),
                     getpid());
    yibu_executor_free(processes);
    yibu_executor_free(threads);
    return 0;
}

static void functions_are_not_for_processes(void **state)
{
    (void)state;
    yibu_executor *e = new_processes();
    assert_int_equal(yibu_executor_submit(e, return_argument, NULL, NULL, NULL), -ENOTSUP);
    assert_int_equal(yibu_executor_try_submit(e, return_argument, NULL, NULL, NULL), -ENOTSUP);
    yibu_executor_free(e);
}

static void threads_refuse_what_only_a_process_can_give(void **state)
{
    (void)state;
    yibu_executor *e = new_threads();
    const char *changes[] = {"A=b", NULL};
    const int cpus[] = {0};
    const yibu_job unknown = {"unknown", NULL};
    const yibu_job_options options[] = {
        {.size = sizeof(options[0]), .timeout_ns = 1},
        {.size = sizeof(options[0]), .grace_ns = 1},
        {.size = sizeof(options[0]), .max_attempts = 2},
        {.size = sizeof(options[0]), .priority = 1},
        {.size = sizeof(options[0]), .memory_bytes = 1},
        {.size = sizeof(options[0]), .cpus = cpus, .cpu_count = 1},
        {.size = sizeof(options[0]), .env_changes = changes},
        {.size = sizeof(options[0]), .cwd = "/"},
        {.size = sizeof(options[0]), .out = YIBU_JOB_STDIO_CAPTURE},
        {.size = sizeof(options[0]), .err = YIBU_JOB_STDIO_DEVNULL},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        assert_int_equal(yibu_executor_submit_job(e, &upper_job, nothing, &options[i], NULL),
                         -ENOTSUP);
    assert_int_equal(yibu_executor_submit_job(e, &unknown, nothing, NULL, NULL), YIBU_ENOJOB);
    yibu_executor_free(e);
}

static void wrong_calls_are_refused(void **state)
{
    (void)state;
    yibu_executor *e = new_threads();
    yibu_bytes output, missing = {NULL, 5};
    yibu_concurrent_future *future;
    yibu_job_report report = {0};
    char name[300];
    memset(name, 'n', sizeof(name));
    name[299] = '\0';
    const yibu_job named = {name, upper}, nameless = {NULL, upper};
    assert_int_equal(yibu_executor_submit_job(e, NULL, nothing, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_executor_submit_job(e, &nameless, nothing, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_executor_submit_job(e, &named, nothing, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_executor_submit_job(e, &upper_job, missing, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_executor_submit(e, return_argument, NULL, NULL, &future), 0);
    assert_int_equal(yibu_concurrent_future_output(future, &output), -EINVAL);
    assert_int_equal(yibu_concurrent_future_report(future, &report), -EINVAL);
    assert_int_equal(result_of(future), 0);
    yibu_executor_free(e);
}

static void what_options_point_to_is_copied(void **state)
{
    (void)state;
    yibu_executor *e = new_processes();
    yibu_concurrent_future *future;
    yibu_bytes output;
    yibu_job_report report = {.size = sizeof(report)};
    char change[] = "JOB_VALUE=copied", name[] = "tell_environment";
    const char *changes[] = {change, NULL};
    yibu_job job = {name, NULL};
    yibu_job_options options = {.size = sizeof(options), .env_changes = changes, .report = &report};
    assert_int_equal(yibu_executor_submit_job(e, &job, nothing, &options, &future), 0);
    memset(change, 'x', sizeof(change) - 1);
    memset(name, 'x', sizeof(name) - 1);
    memset(&options, 0xff, sizeof(options));
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 0);
    assert_int_equal(yibu_concurrent_future_output(future, &output), 0);
    assert_int_equal(output.size, 6);
    assert_memory_equal(output.data, "copied", 6);
    assert_int_equal(report.attempts, 1);
    yibu_concurrent_future_unref(future);
    yibu_executor_free(e);
}

/* Cancels, on an engine where they can be followed. */

static gate held;

static intptr_t pass_held(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    (void)output;
    return pass_gate(&held);
}
YIBU_JOB(pass_held);

static void a_cancel_withdraws_a_job_in_line_and_asks_for_the_end_of_one_that_runs(void **state)
{
    (void)state;
    yibu_executor *e = little_new(&little_jobs, 1, 0);
    yibu_concurrent_future *runs, *waits;
    yibu_bytes output;
    gate_open(&held);
    assert_int_equal(yibu_executor_submit_job(e, &pass_held_job, nothing, NULL, &runs), 0);
    assert_int_equal(yibu_executor_submit_job(e, &pass_held_job, nothing, NULL, &waits), 0);
    wait_on(&held.started);
    assert_int_equal(yibu_concurrent_future_output(runs, &output), -EINPROGRESS);
    assert_true(yibu_concurrent_future_cancel(waits));
    assert_int_equal(yibu_concurrent_future_result(waits, 0), -ECANCELED);
    assert_true(yibu_concurrent_future_cancel(runs));
    assert_true(yibu_concurrent_future_cancel(runs));
    assert_int_equal(little_of(e)->job_cancels, 2);
    sem_post(&held.go);
    assert_int_equal(result_of(runs), 0);
    yibu_concurrent_future_unref(waits);
    yibu_executor_free(e);
    gate_close(&held);
}

/* The line is bounded for jobs, too. */
static void a_full_line_takes_no_job(void **state)
{
    (void)state;
    yibu_executor *e = little_new(&little_jobs, 1, 1);
    gate_open(&held);
    assert_int_equal(yibu_executor_submit_job(e, &pass_held_job, nothing, NULL, NULL), 0);
    wait_on(&held.started);
    assert_int_equal(yibu_executor_try_submit_job(e, &upper_job, nothing, NULL, NULL), 0);
    assert_int_equal(yibu_executor_try_submit_job(e, &upper_job, nothing, NULL, NULL), -EAGAIN);
    sem_post(&held.go);
    yibu_executor_free(e);
    gate_close(&held);
}

static void a_refused_job_leaves_nothing(void **state)
{
    (void)state;
    yibu_executor *e = little_new(&little_jobs, 1, 1);
    little_of(e)->refuses = -ENOMEM;
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_executor_submit_job(e, &upper_job, nothing, NULL, NULL), -ENOMEM);
    yibu_executor_free(e);
}

/* Defaults. */

static uint64_t jobs_of(yibu_executor *e)
{
    yibu_executor_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_executor_statistics(e, &stats), 0);
    return stats.done;
}

LOOP_TEST(to_process_uses_the_executor_that_was_set)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = new_processes(), *got = NULL;
    yibu_buffer output = {0};
    assert_int_equal(yibu_loop_set_default_executor(loop, e), 0);
    assert_int_equal(yibu_to_process(&upper_job, (yibu_bytes){"x", 1}, &output, NULL), 1);
    assert_memory_equal(output.data, "X", 1);
    assert_int_equal(yibu_run_job_in_executor(NULL, &upper_job, nothing, NULL, NULL), 0);
    assert_int_equal(jobs_of(e), 2);
    assert_int_equal(yibu_to_thread(return_argument, (void *)3), 3);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_PROCESSES, &got), 0);
    assert_ptr_equal(got, e);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_FOREVER), 0);
    assert_int_equal(yibu_to_process(&upper_job, nothing, NULL, NULL), YIBU_ESHUTDOWN);
    yibu_buffer_free(&output);
    yibu_executor_free(e);
    return 0;
}

static void note_result(yibu_op *op, ssize_t result)
{
    *(ssize_t *)op->arg = result;
}

LOOP_TEST(the_callback_form_uses_it_too)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = new_processes();
    yibu_buffer output = {0};
    ssize_t result = -EINPROGRESS;
    yibu_op op = {.callback = note_result, .arg = &result};
    assert_int_equal(yibu_loop_set_default_executor(loop, e), 0);
    assert_int_equal(
        yibu_op_to_process(loop, &op, &upper_job, (yibu_bytes){"yes", 3}, &output, NULL), 0);
    while (result == -EINPROGRESS)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    assert_int_equal(result, 3);
    assert_memory_equal(output.data, "YES", 3);
    assert_int_equal(jobs_of(e), 1);
    yibu_buffer_free(&output);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(a_default_executor_of_processes_is_made_and_is_the_loops)
{
    yibu_executor *e = NULL;
    assert_int_equal(yibu_to_process(&upper_job, nothing, NULL, NULL), 0);
    assert_int_equal(
        yibu_loop_get_default_executor(yibu_get_running_loop(), YIBU_EXECUTOR_PROCESSES, &e), 0);
    assert_int_equal(yibu_to_process(&upper_job, nothing, NULL, NULL), 0);
    assert_int_equal(jobs_of(e), 1);
    return 0;
}

/* Its workers, too: there is one pool, whoever asks for it. */
LOOP_TEST(the_default_executor_of_processes_is_what_to_process_used_before)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = NULL;
    intptr_t worker = yibu_to_process(&tell_pid_job, nothing, NULL, NULL);
    assert_true(worker > 0);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_PROCESSES, &e), 0);
    assert_int_equal(yibu_run_job_in_executor(e, &tell_pid_job, nothing, NULL, NULL), worker);
    assert_int_equal(yibu_to_process(&tell_pid_job, nothing, NULL, NULL), worker);
    assert_int_equal(jobs_of(e), 2);
    yibu_executor_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_executor_statistics(e, &stats), 0);
    assert_int_equal(stats.workers, 1);
    return 0;
}

static intptr_t sleep_in_a_process(void *arg)
{
    (void)arg;
    return yibu_to_process(&nap_job, nothing, NULL, NULL);
}

LOOP_TEST(jobs_under_way_go_on_when_their_pool_becomes_the_default_executor)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = NULL;
    ssize_t result = -EINPROGRESS;
    yibu_op op = {.callback = note_result, .arg = &result};
    yibu_task *task = yibu_create_task(sleep_in_a_process, NULL, NULL);
    assert_int_equal(yibu_op_to_process(loop, &op, &nap_job, nothing, NULL, NULL), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_PROCESSES, &e), 0);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_FOREVER), 0);
    assert_int_equal(result, 7);
    assert_int_equal(yibu_await(task), 7);
    yibu_task_unref(task);
    return 0;
}

/* Payloads go where yibu_to_process does. */

static intptr_t shout_payload(yibu_payload **ret_output)
{
    yibu_payload *payload = NULL;
    assert_int_equal(yibu_payload_new(NULL, 3, &payload), 0);
    memcpy(yibu_payload_data(payload), "abc", 3);
    return yibu_to_process_payload(&upper_job, payload, ret_output, NULL);
}

LOOP_TEST(payloads_use_the_executor_that_was_set)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = new_processes();
    yibu_payload *output = NULL, *none = NULL;
    assert_int_equal(yibu_loop_set_default_executor(loop, e), 0);
    assert_int_equal(shout_payload(&output), 3);
    assert_memory_equal(yibu_payload_data(output), "ABC", 3);
    assert_int_equal(yibu_to_process_payload(&upper_job, output, NULL, NULL), 3);
    assert_int_equal(yibu_to_process_payload(&upper_job, NULL, &none, NULL), 0);
    assert_null(none);
    assert_int_equal(jobs_of(e), 3);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_FOREVER), 0);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(the_callback_form_of_payloads_uses_it_too)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = new_processes();
    yibu_payload *payload = NULL, *output = NULL;
    ssize_t result = -EINPROGRESS;
    yibu_op op = {.callback = note_result, .arg = &result};
    assert_int_equal(yibu_loop_set_default_executor(loop, e), 0);
    assert_int_equal(yibu_payload_new(NULL, 2, &payload), 0);
    memcpy(yibu_payload_data(payload), "no", 2);
    assert_int_equal(yibu_op_to_process_payload(loop, &op, &upper_job, payload, &output, NULL), 0);
    while (result == -EINPROGRESS)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    assert_int_equal(result, 2);
    assert_memory_equal(yibu_payload_data(output), "NO", 2);
    assert_int_equal(jobs_of(e), 1);
    yibu_payload_free(output);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(shutting_down_ends_the_loops_own_pool)
{
    yibu_loop *loop = yibu_get_running_loop();
    assert_int_equal(yibu_to_process(&upper_job, nothing, NULL, NULL), 0);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_FOREVER), 0);
    assert_int_equal(yibu_to_process(&upper_job, nothing, NULL, NULL), YIBU_ESHUTDOWN);
    return 0;
}

/* Maps. */

LOOP_TEST(jobs_are_mapped_over_processes)
{
    enum { COUNT = 200 };
    yibu_executor *e = new_processes();
    yibu_bytes inputs[COUNT];
    void *pointers[COUNT];
    char texts[COUNT][8];
    int count = 0, r;
    for (int i = 0; i < COUNT; i++) {
        int length = snprintf(texts[i], sizeof(texts[i]), "n%d", i);
        inputs[i] = (yibu_bytes){texts[i], (size_t)length};
        pointers[i] = &inputs[i];
    }
    YIBU_ASYNC_FOR (
        yibu_map_item *, item,
        yibu_executor_map_jobs(e, &upper_job, yibu_iterate_array(pointers, COUNT), NULL), &r) {
        char expected[8];
        int length = snprintf(expected, sizeof(expected), "N%d", count++);
        assert_int_equal(item->result, length);
        assert_memory_equal(item->output.data, expected, item->output.size);
    }
    assert_int_equal(r, 0);
    assert_int_equal(count, COUNT);
    yibu_executor_free(e);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_thread_submits_jobs),
        cmocka_unit_test(a_task_submits_jobs),
        cmocka_unit_test(one_call_runs_a_job_and_appends_its_output),
        cmocka_unit_test(jobs_run_in_processes_and_on_threads_as_the_executor_has_them),
        cmocka_unit_test(functions_are_not_for_processes),
        cmocka_unit_test(threads_refuse_what_only_a_process_can_give),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(what_options_point_to_is_copied),
        cmocka_unit_test(a_cancel_withdraws_a_job_in_line_and_asks_for_the_end_of_one_that_runs),
        cmocka_unit_test(a_full_line_takes_no_job),
        cmocka_unit_test(a_refused_job_leaves_nothing),
        cmocka_unit_test(to_process_uses_the_executor_that_was_set),
        cmocka_unit_test(the_callback_form_uses_it_too),
        cmocka_unit_test(a_default_executor_of_processes_is_made_and_is_the_loops),
        cmocka_unit_test(the_default_executor_of_processes_is_what_to_process_used_before),
        cmocka_unit_test(jobs_under_way_go_on_when_their_pool_becomes_the_default_executor),
        cmocka_unit_test(payloads_use_the_executor_that_was_set),
        cmocka_unit_test(the_callback_form_of_payloads_uses_it_too),
        cmocka_unit_test(shutting_down_ends_the_loops_own_pool),
        cmocka_unit_test(jobs_are_mapped_over_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
