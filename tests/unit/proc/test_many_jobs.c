/* Many jobs at once: all of them end, once, in a fair order, whatever happens to the workers. */
#include "jobs.h"

static intptr_t work(yibu_bytes input, yibu_buffer *output)
{
    int64_t ns, start = monotonic_ns();
    memcpy(&ns, input.data, sizeof(ns));
    while (monotonic_ns() - start < ns)
        continue;
    int r = yibu_buffer_append(output, input.data, input.size);
    return r < 0 ? r : getpid();
}
YIBU_JOB(work);

/* The storm: workers are killed at random while 2,000 jobs run. */

enum { JOBS = 2000, KILLS = 40 };

typedef struct storm {
    int ended, failed, killed, left;
    pid_t last_worker;
} storm;

typedef struct storm_job {
    storm *storm;
    int64_t input[64];
} storm_job;

static intptr_t storm_call(void *arg)
{
    storm_job *job = arg;
    storm *s = job->storm;
    yibu_buffer output = {0};
    intptr_t r = yibu_to_process(&work_job, VALUE(job->input), &output, NULL);
    if (r > 0) {
        assert_int_equal(output.size, sizeof(job->input));
        assert_memory_equal(output.data, job->input, sizeof(job->input));
        s->last_worker = (pid_t)r;
    } else {
        assert_int_equal(r, YIBU_EWORKER);
        assert_int_equal(output.size, 0);
        s->failed++;
    }
    yibu_buffer_free(&output);
    s->ended++;
    s->left--;
    free(job);
    return 0;
}

static intptr_t kill_now_and_then(void *arg)
{
    storm *s = arg;
    for (unsigned i = 0; s->left > 0 && s->killed < KILLS; i++) {
        if (s->last_worker && process_alive(s->last_worker)) {
            s->killed += kill(s->last_worker, SIGKILL) == 0;
            s->last_worker = 0;
        }
        assert_int_equal(yibu_sleep(YIBU_US(300 + 911 * (i % 7))), 0);
    }
    return 0;
}

static intptr_t storm_main(void *arg)
{
    storm *s = arg;
    s->left = JOBS;
    yibu_task *killer = yibu_create_task(kill_now_and_then, s, NULL);
    for (int i = 0; i < JOBS; i++) {
        storm_job *job = calloc(1, sizeof(*job));
        job->storm = s;
        job->input[0] = YIBU_US((i * 37) % 200);
        for (int word = 1; word < 64; word++)
            job->input[word] = i * 64 + word;
        assert_int_equal(yibu_spawn(storm_call, job), 0);
    }
    assert_int_equal(yibu_await(killer), 0);
    yibu_task_unref(killer);
    while (s->left > 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    return 0;
}

static void every_job_ends_once_while_workers_are_killed(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 3};
    storm s = {0};
    assert_int_equal(yibu_run(storm_main, &s, &options), 0);
    assert_int_equal(s.ended, JOBS);
    assert_true(s.killed > 0);
    assert_true(s.failed <= s.killed);
    fprintf(stderr, "%d workers killed, %d jobs failed\n", s.killed, s.failed);
}

/* The zygote itself is killed: what ran fails, what waited runs. */

static pid_t parent_of(pid_t pid)
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    if (file)
        fclose(file);
    return parent;
}

static intptr_t zygote_main(void *arg)
{
    enum { COUNT = 100 };
    static call_task calls[COUNT];
    static const int64_t moment = YIBU_MS(1);
    (void)arg;
    pid_t worker = (pid_t)call(&work_job, VALUE(moment)), zygote = parent_of(worker);
    assert_int_equal(parent_of(zygote), getpid());
    for (int i = 0; i < COUNT; i++)
        call_start(&calls[i], &work_job, VALUE(moment));
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    assert_int_equal(kill(zygote, SIGKILL), 0);
    int failed = 0;
    for (int i = 0; i < COUNT; i++) {
        intptr_t r = call_finish(&calls[i]);
        assert_true(r > 0 || r == YIBU_EWORKER);
        failed += r < 0;
    }
    assert_true(failed <= 2);
    expect_gone(worker);
    return 0;
}

static void death_of_the_zygote_fails_only_what_runs(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 2};
    assert_int_equal(yibu_run(zygote_main, NULL, &options), 0);
}

/* Order. */

static intptr_t count_up(yibu_bytes input, yibu_buffer *output)
{
    static intptr_t count;
    (void)input, (void)output;
    return count++;
}
YIBU_JOB(count_up);

static intptr_t order_main(void *arg)
{
    enum { COUNT = 1000 };
    static call_task calls[COUNT];
    (void)arg;
    for (int i = 0; i < COUNT; i++)
        call_start(&calls[i], &count_up_job, NOTHING);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(call_finish(&calls[i]), i);
    return 0;
}

static void calls_of_one_worker_run_in_order(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(order_main, NULL, &options), 0);
}

static intptr_t uneven_main(void *arg)
{
    enum { COUNT = 30 };
    static const int64_t none = 0, long_ns = YIBU_MS(500);
    static call_task calls[COUNT];
    (void)arg;
    for (int i = 0; i < 100; i++) /* known as a short job, so that all go into one lane */
        assert_true(call(&work_job, VALUE(none)) > 0);
    for (int i = 0; i < COUNT; i++)
        call_start(&calls[i], &work_job, i == 0 ? VALUE(long_ns) : VALUE(none));
    int64_t start = monotonic_ns();
    for (int i = COUNT - 1; i > 0; i--)
        assert_true(call_finish(&calls[i]) > 0);
    int64_t others = monotonic_ns() - start;
    assert_true(call_finish(&calls[0]) > 0);
    assert_true(others < YIBU_MS(400));
    return 0;
}

static void short_jobs_do_not_wait_for_a_long_one_while_a_worker_is_free(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 2};
    assert_int_equal(yibu_run(uneven_main, NULL, &options), 0);
}

/* Both workers are needed at the same time: each job waits for the other's. */
static intptr_t meet(yibu_bytes input, yibu_buffer *output)
{
    const char *paths = input.data, *own = paths, *other = paths + input.size / 2;
    (void)output;
    int fd = open(own, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    while (access(other, F_OK) < 0)
        usleep(1000);
    return getpid();
}
YIBU_JOB(meet);

static intptr_t meet_main(void *arg)
{
    char paths[3][64];
    call_task one, other;
    (void)arg;
    snprintf(paths[0], sizeof(paths[0]), "/tmp/yibu-test-%d-a", (int)getpid());
    snprintf(paths[1], sizeof(paths[1]), "/tmp/yibu-test-%d-b", (int)getpid());
    memcpy(paths[2], paths[0], sizeof(paths[0]));
    call_start(&one, &meet_job, (yibu_bytes){paths[0], 2 * sizeof(paths[0])});
    call_start(&other, &meet_job, (yibu_bytes){paths[1], 2 * sizeof(paths[0])});
    intptr_t a = call_finish(&one), b = call_finish(&other);
    unlink(paths[0]);
    unlink(paths[1]);
    assert_true(a > 0 && b > 0 && a != b);
    return 0;
}

static void jobs_run_at_the_same_time(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 2};
    assert_int_equal(yibu_run(meet_main, NULL, &options), 0);
}

/* Many callers that go on and on. */

static intptr_t again_and_again(void *arg)
{
    static const int64_t none = 0;
    for (int i = 0; i < *(int *)arg; i++)
        assert_true(call(&work_job, VALUE(none)) > 0);
    return 0;
}

LOOP_TEST(callers_may_call_again_and_again)
{
    enum { CALLERS = 300 };
    int times = 30;
    yibu_task *callers[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        callers[i] = yibu_create_task(again_and_again, &times, NULL);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(yibu_await(callers[i]), 0);
        yibu_task_unref(callers[i]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_ends_once_while_workers_are_killed),
        cmocka_unit_test(death_of_the_zygote_fails_only_what_runs),
        cmocka_unit_test(calls_of_one_worker_run_in_order),
        cmocka_unit_test(short_jobs_do_not_wait_for_a_long_one_while_a_worker_is_free),
        cmocka_unit_test(jobs_run_at_the_same_time),
        cmocka_unit_test(callers_may_call_again_and_again),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
