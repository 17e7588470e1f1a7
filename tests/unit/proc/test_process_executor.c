/* Executors of processes: at home on a loop or on a thread of their own, used from anywhere. */
#include "executors.h"
#include "hush.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/time.h>

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

static intptr_t echo(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size) < 0 ? -ENOMEM : 11;
}
YIBU_JOB(echo);

static intptr_t die(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    raise(SIGKILL);
    return 0;
}
YIBU_JOB(die);

static intptr_t nap(yibu_bytes input, yibu_buffer *output)
{
    int64_t ns;
    (void)output;
    memcpy(&ns, input.data, sizeof(ns));
    usleep((useconds_t)(ns / 1000));
    return getpid();
}
YIBU_JOB(nap);

static const yibu_process_pool_options one = {.max_workers = 1}, two = {.max_workers = 2};

/* Where it is used. */

static void expect_echo(yibu_executor *executor, const char *text)
{
    yibu_bytes input = {text, strlen(text)}, output;
    yibu_concurrent_future *future = submit(executor, &echo_job, input);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 11);
    assert_int_equal(yibu_concurrent_future_output(future, &output), 0);
    assert_int_equal(output.size, input.size);
    assert_memory_equal(output.data, input.data, input.size);
    yibu_job_report report = {.size = sizeof(report)};
    assert_int_equal(yibu_concurrent_future_report(future, &report), 0);
    assert_true(report.worker > 0 && report.worker != getpid());
    assert_int_equal(report.attempts, 1);
    yibu_concurrent_future_unref(future);
}

LOOP_TEST(task_awaits_jobs_of_an_executor_at_home_on_its_loop)
{
    yibu_executor *executor = executor_new(two);
    expect_echo(executor, "within");
    expect_echo(executor, "within again");
    yibu_executor_free(executor);
    return 0;
}

static void thread_without_a_loop_waits_for_jobs(void **state)
{
    (void)state;
    yibu_executor *executor = executor_new(two);
    expect_echo(executor, "without");
    assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    expect_echo(executor, "without again");
    yibu_executor_free(executor);
}

LOOP_TEST(executor_may_have_a_thread_of_its_own_beside_a_loop)
{
    yibu_executor *executor = executor_new((yibu_process_pool_options){.own_thread = true});
    expect_echo(executor, "beside");
    yibu_executor_free(executor);
    return 0;
}

enum { USERS = 3, EACH = 200 };

typedef struct user {
    yibu_executor *executor;
    bool has_loop;
    pthread_t thread;
    unsigned done;
} user;

static intptr_t use_in_task(void *arg)
{
    user *u = arg;
    yibu_concurrent_future *futures[EACH];
    for (int i = 0; i < EACH; i++)
        futures[i] = submit(u->executor, &echo_job, VALUE(i));
    for (int i = 0; i < EACH; i++) {
        yibu_bytes output;
        assert_int_equal(yibu_concurrent_future_result(futures[i], YIBU_FOREVER), 11);
        assert_int_equal(yibu_concurrent_future_output(futures[i], &output), 0);
        assert_memory_equal(output.data, &i, sizeof(i));
        yibu_concurrent_future_unref(futures[i]);
        u->done++;
    }
    return 0;
}

static void *use(void *arg)
{
    user *u = arg;
    if (u->has_loop)
        assert_int_equal(yibu_run(use_in_task, u, NULL), 0);
    else
        (void)use_in_task(u);
    return NULL;
}

static void start_users(user *users, yibu_executor *executor)
{
    for (int i = 0; i < USERS; i++) {
        users[i] = (user){.executor = executor, .has_loop = i != 0};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
    }
}

static void join_users(user *users)
{
    for (int i = 0; i < USERS; i++) {
        pthread_join(users[i].thread, NULL);
        assert_int_equal(users[i].done, EACH);
    }
}

static void loops_and_plain_threads_share_an_executor(void **state)
{
    user users[USERS];
    (void)state;
    yibu_executor *executor = executor_new(two);
    start_users(users, executor);
    join_users(users);
    assert_int_equal(statistics_of(executor).done, USERS * EACH);
    yibu_executor_free(executor);
}

static void *join_in_thread(void *arg)
{
    join_users(arg);
    return NULL;
}

static intptr_t wait_for_thread(void *arg)
{
    pthread_join(*(pthread_t *)arg, NULL);
    return 0;
}

LOOP_TEST(others_use_an_executor_that_is_at_home_on_this_loop)
{
    user users[USERS];
    pthread_t joiner;
    yibu_executor *executor = executor_new(two);
    start_users(users, executor);
    assert_int_equal(pthread_create(&joiner, NULL, join_in_thread, users), 0);
    assert_int_equal(use_in_task(&(user){.executor = executor}), 0);
    assert_int_equal(yibu_to_thread(wait_for_thread, &joiner), 0);
    yibu_executor_free(executor);
    return 0;
}

/* One user brings many jobs at once, another a single one. */

enum { CROWD = 200 };

typedef struct crowd {
    yibu_executor *executor;
    atomic_int ended;
    atomic_bool submitted;
} crowd;

static void count_end(yibu_concurrent_future *future, void *arg)
{
    (void)future;
    atomic_fetch_add((atomic_int *)arg, 1);
}

static intptr_t bring_many(void *arg)
{
    crowd *c = arg;
    yibu_concurrent_future *futures[CROWD];
    int64_t hold_ns = YIBU_MS(2);
    for (int i = 0; i < CROWD; i++) {
        futures[i] = submit(c->executor, &nap_job, VALUE(hold_ns));
        assert_int_equal(yibu_concurrent_future_add_done_callback(futures[i], count_end, &c->ended),
                         0);
    }
    atomic_store(&c->submitted, true);
    for (int i = 0; i < CROWD; i++)
        assert_true(result_of(futures[i]) > 0);
    return 0;
}

static void *bring_many_from_a_loop(void *arg)
{
    assert_int_equal(yibu_run(bring_many, arg, NULL), 0);
    return NULL;
}

static void one_job_of_a_loop_does_not_wait_for_all_of_another(void **state)
{
    pthread_t thread;
    crowd c = {.executor = executor_new(one)};
    int64_t hold_ns = 0;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, bring_many_from_a_loop, &c), 0);
    while (!atomic_load(&c.submitted))
        usleep(100);
    int before = atomic_load(&c.ended);
    assert_true(run_job(c.executor, &nap_job, VALUE(hold_ns)) > 0);
    assert_true(before < CROWD / 4 && atomic_load(&c.ended) - before < CROWD / 4);
    pthread_join(thread, NULL);
    assert_int_equal(c.ended, CROWD);
    yibu_executor_free(c.executor);
}

LOOP_TEST(pools_of_one_loop_have_workers_of_their_own)
{
    yibu_executor *a = executor_new(one), *b = executor_new(one);
    intptr_t pid_a = run_job(a, &tell_pid_job, NOTHING), pid_b = run_job(b, &tell_pid_job, NOTHING);
    intptr_t pid = call(&tell_pid_job, NOTHING);
    assert_true(pid_a > 0 && pid_b > 0 && pid > 0);
    assert_true(pid_a != pid_b && pid_a != pid && pid_b != pid);
    assert_int_equal(run_job(a, &die_job, NOTHING), YIBU_EWORKER);
    assert_int_equal(run_job(b, &tell_pid_job, NOTHING), pid_b);
    yibu_executor_free(a);
    assert_int_equal(run_job(b, &tell_pid_job, NOTHING), pid_b);
    yibu_executor_free(b);
    assert_int_equal(call(&tell_pid_job, NOTHING), pid);
    return 0;
}

static void waiting_on_the_home_loops_thread_would_never_end_and_is_refused(void **state)
{
    (void)state;
    yibu_loop *loop = NULL;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_executor *executor = executor_new(one);
    yibu_concurrent_future *future = submit(executor, &tell_pid_job, NOTHING);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), -EDEADLK);
    while (!yibu_concurrent_future_done(future))
        (void)yibu_loop_run_once(loop, YIBU_MS(10));
    assert_true(result_of(future) > 0);
    yibu_executor_free(executor);
    assert_int_equal(yibu_loop_free(loop), 0);
}

/* Cancels. */

LOOP_TEST(cancelled_job_that_runs_costs_its_worker_the_life)
{
    yibu_executor *executor = executor_new(one);
    int64_t long_ns = YIBU_SECONDS(1000);
    intptr_t pid = run_job(executor, &tell_pid_job, NOTHING);
    yibu_concurrent_future *future = submit(executor, &nap_job, VALUE(long_ns));
    (void)yibu_sleep(YIBU_MS(20));
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    expect_gone((pid_t)pid);
    assert_true(run_job(executor, &tell_pid_job, NOTHING) != pid);
    yibu_executor_free(executor);
    return 0;
}

static void job_that_waits_is_cancelled_from_any_thread(void **state)
{
    (void)state;
    yibu_executor *executor = executor_new(one);
    int64_t hold_ns = YIBU_MS(100);
    yibu_concurrent_future *first = submit(executor, &nap_job, VALUE(hold_ns)), *others[50];
    for (int i = 0; i < 50; i++)
        others[i] = submit(executor, &nap_job, VALUE(hold_ns));
    for (int i = 0; i < 50; i++)
        assert_true(yibu_concurrent_future_cancel(others[i]));
    for (int i = 0; i < 50; i++)
        assert_int_equal(result_of(others[i]), -ECANCELED);
    assert_true(result_of(first) > 0);
    assert_int_equal(statistics_of(executor).crashed, 0);
    yibu_executor_free(executor);
}

static void job_that_waits_for_its_next_attempt_is_cancelled(void **state)
{
    (void)state;
    yibu_executor *executor = executor_new(one);
    yibu_job_options options = {.max_attempts = 2, .retry_delay_ns = YIBU_SECONDS(1000)};
    yibu_concurrent_future *future = submit_with(executor, &die_job, NOTHING, options);
    while (statistics_of(executor).crashed == 0)
        usleep(1000);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    yibu_executor_free(executor);
}

/* Workers. */

static void expect_shares(unsigned share)
{
    yibu_process_pool_options options = one;
    options.max_tasks_per_child = share;
    yibu_executor *executor = executor_new(options);
    intptr_t pid = 0, last = 0;
    for (unsigned i = 0; i < 4 * share; i++) {
        pid = run_job(executor, &tell_pid_job, NOTHING);
        assert_true(pid > 0);
        assert_true(i == 0 || (pid != last) == (i % share == 0));
        last = pid;
    }
    yibu_executor_stats statistics = statistics_of(executor);
    assert_int_equal(statistics.crashed, 0);
    yibu_executor_free(executor);
    expect_gone((pid_t)pid);
}

LOOP_TEST(worker_ends_after_its_share_of_jobs_and_is_replaced)
{
    expect_shares(1);
    expect_shares(3);
    return 0;
}

LOOP_TEST(jobs_that_come_at_once_are_shared_by_workers_that_end)
{
    enum { COUNT = 300 };
    yibu_process_pool_options options = {.max_workers = 2, .max_tasks_per_child = 10};
    yibu_executor *executor = executor_new(options);
    yibu_concurrent_future *futures[COUNT];
    intptr_t pids[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = submit(executor, &tell_pid_job, NOTHING);
    for (int i = 0; i < COUNT; i++)
        pids[i] = result_of(futures[i]);
    for (int i = 0; i < COUNT; i++) {
        int share = 0;
        for (int j = 0; j < COUNT; j++)
            share += pids[j] == pids[i];
        assert_true(pids[i] > 0 && share <= 10);
    }
    yibu_executor_free(executor);
    return 0;
}

LOOP_TEST(no_more_workers_run_than_may)
{
    enum { COUNT = 40 };
    yibu_executor *executor = executor_new(two);
    yibu_concurrent_future *futures[COUNT];
    int64_t hold_ns = YIBU_MS(5);
    intptr_t pids[2] = {0};
    for (int i = 0; i < COUNT; i++)
        futures[i] = submit(executor, &nap_job, VALUE(hold_ns));
    for (int i = 0; i < COUNT; i++) {
        intptr_t pid = result_of(futures[i]);
        int place = !pids[0] || pids[0] == pid ? 0 : 1;
        assert_true(!pids[place] || pids[place] == pid);
        pids[place] = pid;
    }
    assert_int_equal(statistics_of(executor).workers, 2);
    yibu_executor_free(executor);
    return 0;
}

static intptr_t tell_setting(yibu_bytes input, yibu_buffer *output)
{
    char name[32] = "";
    FILE *file = fopen("/proc/self/comm", "re");
    (void)input;
    if (file && fgets(name, sizeof(name), file))
        name[strcspn(name, "\n")] = '\0';
    if (file)
        fclose(file);
    (void)yibu_buffer_append(output, name, strlen(name));
    return getpriority(PRIO_PROCESS, 0);
}
YIBU_JOB(tell_setting);

LOOP_TEST(workers_have_the_name_and_the_nice_value_asked_for)
{
    yibu_process_pool_options options = {.name = "a-rather-long-name", .nice = 3};
    yibu_executor *executor = executor_new(options);
    yibu_concurrent_future *future = submit(executor, &tell_setting_job, NOTHING);
    yibu_bytes output;
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER),
                     getpriority(PRIO_PROCESS, 0) + 3);
    assert_int_equal(yibu_concurrent_future_output(future, &output), 0);
    assert_int_equal(output.size, 15);
    assert_memory_equal(output.data, "a-rather-long-name", 15);
    yibu_concurrent_future_unref(future);
    yibu_executor_free(executor);
    return 0;
}

LOOP_TEST(statistics_tell_of_workers)
{
    yibu_executor *executor = executor_new(two);
    assert_int_equal(statistics_of(executor).workers, 0);
    assert_true(run_job(executor, &tell_pid_job, NOTHING) > 0);
    (void)yibu_sleep(0);
    yibu_executor_stats statistics = statistics_of(executor);
    assert_int_equal(statistics.workers, 1);
    assert_int_equal(statistics.idle, 1);
    assert_int_equal(statistics.max_workers, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    assert_true(run_job(executor, &tell_pid_job, NOTHING) > 0);
    (void)yibu_sleep(YIBU_MS(1));
    statistics = statistics_of(executor);
    assert_int_equal(statistics.crashed, 3);
    assert_int_equal(statistics.restarted, 3);
    assert_int_equal(statistics.failed, 3);
    assert_int_equal(statistics.done, 2);
    yibu_executor_free(executor);
    return 0;
}

/* Setting up. */

static int set_up_with;

static intptr_t set_up(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    memcpy(&set_up_with, input.data, sizeof(set_up_with));
    return set_up_with < 0 ? set_up_with : 1;
}
YIBU_JOB(set_up);

static intptr_t tell_set_up(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return set_up_with;
}
YIBU_JOB(tell_set_up);

LOOP_TEST(initializer_runs_first_in_each_worker)
{
    int value = 42;
    yibu_process_pool_options options = {.max_workers = 1, .initializer = &set_up_job};
    options.initializer_input = VALUE(value);
    yibu_executor *executor = executor_new(options);
    value = 0; /* it was copied */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_job(executor, &tell_set_up_job, NOTHING), 42);
        assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    }
    yibu_executor_free(executor);
    return 0;
}

static intptr_t set_up_slowly(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    usleep(300000);
    return 0;
}
YIBU_JOB(set_up_slowly);

static void successor_of_a_worker_that_takes_long_to_set_up_is_ready(void **state)
{
    (void)state;
    yibu_executor *executor = executor_new(
        (yibu_process_pool_options){.max_workers = 1, .initializer = &set_up_slowly_job});
    assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    intptr_t pid = run_job(executor, &tell_pid_job, NOTHING);
    for (int i = 0; i < 5; i++)
        assert_int_equal(run_job(executor, &tell_pid_job, NOTHING), pid); /* it has no share */
    while (statistics_of(executor).workers < 2 || statistics_of(executor).idle < 2)
        usleep(1000);
    assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    int64_t start = monotonic_ns();
    assert_true(run_job(executor, &tell_pid_job, NOTHING) != pid);
    assert_true(monotonic_ns() - start < YIBU_MS(250));
    yibu_executor_free(executor);
}

static void expect_broken(yibu_process_pool_options options)
{
    enum { COUNT = 20 };
    yibu_executor *executor = executor_new(options);
    yibu_concurrent_future *futures[COUNT], *late = NULL;
    for (int i = 0; i < COUNT; i++)
        futures[i] = submit(executor, &tell_pid_job, NOTHING);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(result_of(futures[i]), YIBU_EBROKENPOOL);
    assert_int_equal(yibu_executor_submit_job(executor, &tell_pid_job, NOTHING, NULL, &late),
                     YIBU_EBROKENPOOL);
    yibu_executor_free(executor);
}

LOOP_TEST(initializer_that_fails_breaks_the_pool)
{
    int value = -EIO;
    static const yibu_job unknown = {"no such job", NULL};
    yibu_loop_set_exception_handler(yibu_get_running_loop(), test_hush, NULL);
    expect_broken(
        (yibu_process_pool_options){.initializer = &set_up_job, .initializer_input = VALUE(value)});
    expect_broken((yibu_process_pool_options){.max_workers = 1, .initializer = &die_job});
    expect_broken((yibu_process_pool_options){.initializer = &unknown});
    return 0;
}

static int preloaded;

static intptr_t preload(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    assert_null(input.data);
    preloaded++;
    return 0;
}
YIBU_JOB(preload);

static intptr_t tell_preloaded(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return preloaded;
}
YIBU_JOB(tell_preloaded);

static intptr_t fail_to_load(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return -EIO;
}
YIBU_JOB(fail_to_load);

LOOP_TEST(preload_job_runs_once_where_workers_are_copied_from)
{
    yibu_executor *executor =
        executor_new((yibu_process_pool_options){.max_workers = 2, .preload = &preload_job});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_job(executor, &tell_preloaded_job, NOTHING), 1);
        assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    }
    yibu_executor_free(executor);
    return 0;
}

LOOP_TEST(preload_job_that_fails_breaks_the_pool)
{
    yibu_loop_set_exception_handler(yibu_get_running_loop(), test_hush, NULL);
    expect_broken((yibu_process_pool_options){.preload = &fail_to_load_job});
    expect_broken((yibu_process_pool_options){.preload = &die_job});
    return 0;
}

static void options_that_make_no_sense_are_refused(void **state)
{
    static const yibu_job nameless = {"", NULL};
    const yibu_process_pool_options bad[] = {
        {.start_method = (yibu_start_method)7},
        {.start_method = YIBU_START_SPAWN, .preload = &preload_job},
        {.initializer = &nameless},
        {.preload = &nameless},
        {.initializer_input = {NULL, 1}},
    };
    yibu_executor *executor = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        yibu_process_pool_options options = bad[i];
        options.size = sizeof(options);
        assert_int_equal(yibu_process_pool_executor_new(&options, &executor), -EINVAL);
    }
    assert_int_equal(yibu_process_pool_executor_new(NULL, NULL), -EINVAL);
    assert_null(executor);
}

LOOP_TEST(spawned_workers_are_runs_of_their_own)
{
    yibu_process_pool_options options = {.max_workers = 2, .start_method = YIBU_START_SPAWN};
    yibu_executor *executor = executor_new(options);
    for (int i = 0; i < 2; i++) {
        expect_echo(executor, "spawned");
        assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    }
    yibu_executor_free(executor);
    return 0;
}

/* Nested use. */

static intptr_t nest(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    yibu_executor *executor = NULL;
    int r = yibu_process_pool_executor_new(NULL, &executor);
    if (r < 0)
        return r;
    yibu_concurrent_future *future = NULL;
    yibu_bytes answer = {0};
    r = yibu_executor_submit_job(executor, &echo_job, TEXT("deep"), NULL, &future);
    intptr_t result = r < 0 ? r : yibu_concurrent_future_result(future, YIBU_FOREVER);
    if (r == 0 && yibu_concurrent_future_output(future, &answer) == 0)
        (void)yibu_buffer_append(output, answer.data, answer.size);
    yibu_concurrent_future_unref(future);
    yibu_executor_free(executor);
    return result;
}
YIBU_JOB(nest);

LOOP_TEST(job_may_have_an_executor_of_its_own)
{
    yibu_executor *executor = executor_new(one);
    yibu_concurrent_future *future = submit(executor, &nest_job, NOTHING);
    yibu_bytes output;
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 11);
    assert_int_equal(yibu_concurrent_future_output(future, &output), 0);
    assert_int_equal(output.size, 4);
    yibu_concurrent_future_unref(future);
    yibu_executor_free(executor);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_awaits_jobs_of_an_executor_at_home_on_its_loop),
        cmocka_unit_test(thread_without_a_loop_waits_for_jobs),
        cmocka_unit_test(executor_may_have_a_thread_of_its_own_beside_a_loop),
        cmocka_unit_test(loops_and_plain_threads_share_an_executor),
        cmocka_unit_test(others_use_an_executor_that_is_at_home_on_this_loop),
        cmocka_unit_test(one_job_of_a_loop_does_not_wait_for_all_of_another),
        cmocka_unit_test(pools_of_one_loop_have_workers_of_their_own),
        cmocka_unit_test(waiting_on_the_home_loops_thread_would_never_end_and_is_refused),
        cmocka_unit_test(cancelled_job_that_runs_costs_its_worker_the_life),
        cmocka_unit_test(job_that_waits_is_cancelled_from_any_thread),
        cmocka_unit_test(job_that_waits_for_its_next_attempt_is_cancelled),
        cmocka_unit_test(worker_ends_after_its_share_of_jobs_and_is_replaced),
        cmocka_unit_test(jobs_that_come_at_once_are_shared_by_workers_that_end),
        cmocka_unit_test(no_more_workers_run_than_may),
        cmocka_unit_test(workers_have_the_name_and_the_nice_value_asked_for),
        cmocka_unit_test(statistics_tell_of_workers),
        cmocka_unit_test(initializer_runs_first_in_each_worker),
        cmocka_unit_test(successor_of_a_worker_that_takes_long_to_set_up_is_ready),
        cmocka_unit_test(initializer_that_fails_breaks_the_pool),
        cmocka_unit_test(preload_job_runs_once_where_workers_are_copied_from),
        cmocka_unit_test(preload_job_that_fails_breaks_the_pool),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(spawned_workers_are_runs_of_their_own),
        cmocka_unit_test(job_may_have_an_executor_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
