/* What would run on threads and in processes: inline, at times from the seed. */
#include <errno.h>
#include <netdb.h>
#include <signal.h>

#include "sim.h"

static int64_t now_ns(void)
{
    return yibu_loop_time(yibu_get_running_loop());
}

static intptr_t count_up(void *arg)
{
    assert_null(yibu_get_running_loop());
    assert_null(yibu_current_task());
    return ++*(int *)arg;
}

SIM_TEST(a_function_runs_once_and_its_result_comes_back, 50)
{
    int count = 0;
    int64_t begin_ns = now_ns();
    assert_int_equal(yibu_to_thread(count_up, &count), 1);
    assert_int_equal(count, 1);
    assert_true(now_ns() - begin_ns <= YIBU_MS(2) + 1000);
    return 0;
}

static intptr_t run_alone(void *arg)
{
    return yibu_to_thread(count_up, arg);
}

typedef struct order {
    int count;
    int places[3];
} order;

typedef struct place {
    order *in;
    int *place;
} place;

static intptr_t take_place(void *arg)
{
    place *p = arg;
    *p->place = p->in->count++;
    return 0;
}

static intptr_t take_place_on_a_thread(void *arg)
{
    return yibu_to_thread(take_place, arg);
}

static intptr_t compete(void *arg)
{
    order *o = arg;
    place places[3];
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++) {
        places[i] = (place){o, &o->places[i]};
        tasks[i] = yibu_create_task(take_place_on_a_thread, &places[i], NULL);
    }
    intptr_t r = yibu_gather(tasks, 3, NULL, 0);
    for (int i = 0; i < 3; i++)
        yibu_task_unref(tasks[i]);
    return r;
}

static void functions_on_threads_run_in_any_order(void **state)
{
    (void)state;
    bool first[3] = {false};
    for (uint64_t seed = 0; seed < 100; seed++) {
        order o = {0};
        assert_int_equal(yibu_sim_run(seed, compete, &o, NULL), 0);
        for (int i = 0; i < 3; i++)
            first[i] |= o.places[i] == 0;
    }
    assert_true(first[0] && first[1] && first[2]);
}

SIM_TEST_WITH(with_one_thread_functions_wait_in_line, 50, .fifo = true, .max_threads = 1)
{
    order o = {0};
    assert_int_equal(compete(&o), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(o.places[i], i);
    return 0;
}

/* Returns how often the function ran. */
static intptr_t cancel_a_function(void *arg)
{
    int count = 0;
    (void)arg;
    yibu_task *task = yibu_create_task(run_alone, &count, NULL);
    (void)yibu_sleep((int64_t)yibu_sim_random(YIBU_MS(1)));
    (void)yibu_task_cancel(task);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    assert_true((r == 1 && count == 1) || (r == -ECANCELED && count == 0));
    return count;
}

static void a_cancel_withdraws_a_function_or_waits_for_it(void **state)
{
    (void)state;
    int ran = 0;
    for (uint64_t seed = 0; seed < 200; seed++)
        ran += yibu_sim_run(seed, cancel_a_function, NULL, NULL) == 1;
    assert_true(ran > 20 && ran < 180);
}

/* Real threads and processes have no place in a simulation. */

static yibu_executor *outside;

static intptr_t use_executors(void *arg)
{
    yibu_executor *e = NULL;
    yibu_concurrent_future *future = NULL;
    yibu_loop *loop = yibu_get_running_loop();
    int count = 0;
    (void)arg;
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &e), -ENOTSUP);
    assert_int_equal(yibu_process_pool_executor_new(NULL, &e), -ENOTSUP);
    assert_int_equal(yibu_executor_submit(outside, count_up, &count, NULL, &future), -ENOTSUP);
    assert_int_equal(yibu_executor_try_submit(outside, count_up, &count, NULL, NULL), -ENOTSUP);
    assert_int_equal(yibu_run_in_executor(outside, count_up, &count, NULL), -ENOTSUP);
    assert_int_equal(yibu_loop_set_default_executor(loop, outside), -ENOTSUP);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_THREADS, &e), -ENOTSUP);
    assert_int_equal(yibu_to_thread(count_up, &count), 1);
    return 0;
}

static void executors_are_refused(void **state)
{
    (void)state;
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &outside), 0);
    assert_int_equal(yibu_sim_run(1, use_executors, NULL, NULL), 0);
    yibu_executor_free(outside);
}

static intptr_t call_the_loop(void *arg)
{
    return yibu_from_thread_call(count_up, arg);
}

SIM_TEST(a_function_cannot_call_the_loop, 10)
{
    int count = 0;
    assert_int_equal(yibu_to_thread(call_the_loop, &count), -ENOTSUP);
    assert_int_equal(count, 0);
    return 0;
}

static intptr_t simulate_again(void *arg)
{
    return yibu_sim_run(1, count_up, arg, NULL);
}

SIM_TEST(a_run_inside_a_function_on_a_thread_is_refused, 5)
{
    int count = 0;
    assert_int_equal(yibu_to_thread(simulate_again, &count), -EBUSY);
    return 0;
}

/* Jobs. */

static intptr_t reverse(yibu_bytes input, yibu_buffer *output)
{
    const char *bytes = input.data;
    for (size_t i = input.size; i > 0; i--)
        if (yibu_buffer_append(output, &bytes[i - 1], 1) < 0)
            return -ENOMEM;
    return (intptr_t)input.size;
}
YIBU_JOB(reverse);

SIM_TEST(a_job_runs_on_a_copy_of_its_input, 50)
{
    yibu_buffer output = {0};
    yibu_job_report report = {.size = sizeof(report)};
    yibu_job_options options = {.size = sizeof(options), .report = &report};
    assert_int_equal(yibu_to_process(&reverse_job, (yibu_bytes){"stressed", 8}, &output, &options),
                     8);
    assert_int_equal(output.size, 8);
    assert_memory_equal(output.data, "desserts", 8);
    assert_int_equal(report.exit_status, -1);
    assert_int_equal(report.signal, 0);
    yibu_buffer_free(&output);
    return 0;
}

SIM_TEST(a_job_is_found_by_its_name, 5)
{
    yibu_job by_name = {"reverse", NULL}, unknown = {"unheard of", NULL};
    assert_int_equal(yibu_to_process(&by_name, (yibu_bytes){"ab", 2}, NULL, NULL), 2);
    assert_int_equal(yibu_to_process(&unknown, (yibu_bytes){"ab", 2}, NULL, NULL), YIBU_ENOJOB);
    return 0;
}

static intptr_t run_job(void *arg)
{
    yibu_job_report report = {.size = sizeof(report)};
    yibu_job_options options = {.size = sizeof(options), .report = &report};
    options.timeout_ns = *(int64_t *)arg;
    intptr_t r = yibu_to_process(&reverse_job, (yibu_bytes){"ab", 2}, NULL, &options);
    if (r < 0)
        assert_int_equal(report.signal, SIGKILL);
    return r == 2 ? 0 : r;
}

static unsigned most_attempts;

static intptr_t run_job_often(void *arg)
{
    yibu_job_report report = {.size = sizeof(report)};
    yibu_job_options options = {.size = sizeof(options), .report = &report, .max_attempts = 4};
    int64_t start = yibu_loop_time(yibu_get_running_loop());
    (void)arg;
    intptr_t r = yibu_to_process(&reverse_job, (yibu_bytes){"ab", 2}, NULL, &options);
    assert_true(r == 2 || (r == YIBU_EWORKER && report.attempts == 4));
    assert_true(report.attempts >= 1 && report.attempts <= 4);
    int64_t waits = (INT64_C(1) << (report.attempts - 1)) - 1; /* 0.1 s, 0.2 s, 0.4 s */
    assert_true(yibu_loop_time(yibu_get_running_loop()) - start >= waits * YIBU_MS(100));
    most_attempts = report.attempts > most_attempts ? report.attempts : most_attempts;
    return r == 2 ? 0 : r;
}

static void a_job_whose_worker_died_is_tried_again(void **state)
{
    yibu_sim_options options = {.size = sizeof(options), .job_failure = 0.5};
    int failed = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++)
        failed += yibu_sim_run(seed, run_job_often, NULL, &options) != 0;
    assert_true(failed < 25); /* one in 16 */
    assert_int_equal(most_attempts, 4);
}

SIM_TEST(options_that_need_a_process_are_refused, 2)
{
    static const int cpu = 0;
    static const char *const none[] = {NULL};
    const yibu_job_options needy[] = {
        {.memory_bytes = 1}, {.cpus = &cpu, .cpu_count = 1},  {.env_changes = none},
        {.cwd = "/"},        {.out = YIBU_JOB_STDIO_CAPTURE}, {.err = YIBU_JOB_STDIO_DEVNULL},
    };
    for (size_t i = 0; i < sizeof(needy) / sizeof(needy[0]); i++) {
        yibu_job_options options = needy[i];
        options.size = sizeof(options);
        assert_int_equal(yibu_to_process(&reverse_job, (yibu_bytes){"ab", 2}, NULL, &options),
                         -ENOTSUP);
    }
    yibu_executor *executor = NULL;
    assert_int_equal(yibu_process_pool_executor_new(NULL, &executor), -ENOTSUP);
    return 0;
}

static int count_results(yibu_sim_options options, int64_t timeout_ns, intptr_t wanted)
{
    int count = 0;
    options.size = sizeof(options);
    for (uint64_t seed = 0; seed < 100; seed++) {
        intptr_t r = yibu_sim_run(seed, run_job, &timeout_ns, &options);
        assert_true(r == 0 || r == wanted);
        count += r == wanted;
    }
    return count;
}

static void workers_die_where_they_are_to(void **state)
{
    (void)state;
    int died = count_results((yibu_sim_options){.job_failure = 0.5}, 0, YIBU_EWORKER);
    assert_true(died > 10 && died < 90);
    assert_int_equal(count_results((yibu_sim_options){0}, 0, YIBU_EWORKER), 0);
}

static void a_job_with_a_short_limit_may_exceed_it(void **state)
{
    (void)state;
    int late = count_results((yibu_sim_options){0}, YIBU_US(500), -ETIMEDOUT);
    assert_true(late > 10 && late < 90);
    assert_int_equal(count_results((yibu_sim_options){0}, YIBU_SECONDS(1), -ETIMEDOUT), 0);
}

static intptr_t wait_for_a_job(void *arg)
{
    (void)arg;
    return yibu_to_process(&reverse_job, (yibu_bytes){"ab", 2}, NULL, NULL);
}

SIM_TEST(a_cancelled_job_ends, 50)
{
    yibu_task *task = yibu_create_task(wait_for_a_job, NULL, NULL);
    (void)yibu_sleep((int64_t)yibu_sim_random(YIBU_MS(1)));
    (void)yibu_task_cancel(task);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r == 2 || r == -ECANCELED ? 0 : r;
}

/* Names. */

static intptr_t look_up(void *arg)
{
    struct addrinfo *list;
    int r = yibu_getaddrinfo("localhost", "80", NULL, &list);
    if (r == 0)
        freeaddrinfo(list);
    (void)arg;
    return r;
}

static void looking_up_names_fails_where_it_is_to(void **state)
{
    (void)state;
    int failed = 0;
    yibu_sim_options options = {.size = sizeof(options), .lookup_failure = 0.5};
    for (uint64_t seed = 0; seed < 100; seed++) {
        intptr_t r = yibu_sim_run(seed, look_up, NULL, &options);
        assert_true(r == 0 || r == YIBU_EAI_AGAIN);
        failed += r != 0;
    }
    assert_true(failed > 10 && failed < 90);
}

SIM_TEST(a_look_up_can_be_cancelled_at_any_time, 100)
{
    yibu_task *task = yibu_create_task(look_up, NULL, NULL);
    (void)yibu_sleep((int64_t)yibu_sim_random(YIBU_MS(3)));
    (void)yibu_task_cancel(task);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r == 0 || r == -ECANCELED ? 0 : r;
}

/* The end. */

static void count_callback(yibu_op *op, ssize_t result)
{
    (void)result;
    ++*(int *)op->arg;
}

static intptr_t leave_a_function_running(void *arg)
{
    static int count;
    yibu_op *op = arg;
    return yibu_op_to_thread(yibu_get_running_loop(), op, count_up, &count);
}

static void what_is_under_way_at_the_end_is_called_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        int calls = 0;
        yibu_op op = {.callback = count_callback, .arg = &calls};
        assert_int_equal(yibu_sim_run(seed, leave_a_function_running, &op, NULL), 0);
        assert_int_equal(calls, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_runs_once_and_its_result_comes_back),
        cmocka_unit_test(functions_on_threads_run_in_any_order),
        cmocka_unit_test(with_one_thread_functions_wait_in_line),
        cmocka_unit_test(a_cancel_withdraws_a_function_or_waits_for_it),
        cmocka_unit_test(executors_are_refused),
        cmocka_unit_test(a_function_cannot_call_the_loop),
        cmocka_unit_test(a_run_inside_a_function_on_a_thread_is_refused),
        cmocka_unit_test(a_job_runs_on_a_copy_of_its_input),
        cmocka_unit_test(a_job_is_found_by_its_name),
        cmocka_unit_test(workers_die_where_they_are_to),
        cmocka_unit_test(a_job_with_a_short_limit_may_exceed_it),
        cmocka_unit_test(a_job_whose_worker_died_is_tried_again),
        cmocka_unit_test(options_that_need_a_process_are_refused),
        cmocka_unit_test(a_cancelled_job_ends),
        cmocka_unit_test(looking_up_names_fails_where_it_is_to),
        cmocka_unit_test(a_look_up_can_be_cancelled_at_any_time),
        cmocka_unit_test(what_is_under_way_at_the_end_is_called_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
