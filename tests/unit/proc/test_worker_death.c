/* Jobs that end badly: only they fail, and the report says how. */
#include "jobs.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

static intptr_t overflow(const volatile char *below)
{
    volatile char frame[4096];
    frame[0] = *below;
    return *below == 'o' ? overflow(frame) + frame[0] : 0;
}

/* What the test asks for as a letter. */
static intptr_t end_badly(yibu_bytes input, yibu_buffer *output)
{
    char how = *(const char *)input.data;
    yibu_buffer_append(output, "half an answer", 14);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    switch (how) {
    case 's':
        raise(SIGSEGV);
        break;
    case 'k':
        raise(SIGKILL);
        break;
    case 'a':
        abort();
    case 'e':
        exit(3);
    case '_':
        _exit(0);
    case 'o':
        return overflow(&how);
    case 't':
        raise(SIGTERM);
        break;
    default:
        break;
    }
    return 0;
}
YIBU_JOB(end_badly);

static void expect_end(const char *how, int signal_number, int exit_status)
{
    yibu_job_report report;
    intptr_t r = call_with(&end_badly_job, (yibu_bytes){how, 1}, 0, &report);
    assert_int_equal(r, YIBU_EWORKER);
    if (exit_status != -2) { /* else an instrument may turn the signal into an exit */
        assert_int_equal(report.signal, signal_number);
        assert_int_equal(report.exit_status, exit_status);
    }
    assert_true(report.worker > 0);
    assert_true(report.peak_memory_bytes > 100000);
    assert_true(report.run_ns > 0);
    assert_false(process_alive(report.worker));
    assert_true(call(&tell_pid_job, NOTHING) > 0);
}

LOOP_TEST(death_of_a_worker_fails_its_job_and_is_reported)
{
    expect_end("k", SIGKILL, -1);
    expect_end("t", SIGTERM, -1);
    expect_end("e", 0, 3);
    expect_end("_", 0, 0);
    expect_end("s", SIGSEGV, -2);
    expect_end("a", SIGABRT, -2);
    expect_end("o", SIGSEGV, -2);
    return 0;
}

LOOP_TEST(output_of_a_job_that_died_is_not_handed_over)
{
    yibu_buffer output = {0};
    assert_int_equal(yibu_to_process(&end_badly_job, TEXT("k"), &output, NULL), YIBU_EWORKER);
    assert_int_equal(output.size, 0);
    yibu_buffer_free(&output);
    return 0;
}

static intptr_t eat(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    size_t size;
    memcpy(&size, input.data, sizeof(size));
    char *memory = malloc(size);
    memset(memory, 1, size);
    raise(SIGKILL);
    return memory[0];
}
YIBU_JOB(eat);

LOOP_TEST(report_tells_peak_memory)
{
    yibu_job_report report;
    size_t size = 60 << 20;
    assert_int_equal(call_with(&eat_job, VALUE(size), 0, &report), YIBU_EWORKER);
    assert_true(report.peak_memory_bytes >= size);
    return 0;
}

/* One worker, jobs queued behind the one that dies. */

static intptr_t many_behind_a_crash(void *arg)
{
    enum { COUNT = 200 };
    static call_task calls[COUNT];
    (void)arg;
    for (int i = 0; i < 50; i++) /* makes it known as a short job, so that many go into one lane */
        assert_int_equal(call(&end_badly_job, TEXT("-")), 0);
    for (int i = 0; i < COUNT; i++)
        call_start(&calls[i], &end_badly_job, i % 20 == 10 ? TEXT("k") : TEXT("-"));
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(call_finish(&calls[i]), i % 20 == 10 ? YIBU_EWORKER : 0);
    return 0;
}

static void jobs_behind_one_that_crashes_run_elsewhere(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(many_behind_a_crash, NULL, &options), 0);
    options.max_processes = 3;
    assert_int_equal(yibu_run(many_behind_a_crash, NULL, &options), 0);
}

/* Jobs that break what the worker needs. */

static intptr_t close_everything(yibu_bytes input, yibu_buffer *output)
{
    closefrom(0);
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(close_everything);

LOOP_TEST(answer_of_a_job_that_closed_every_descriptor_arrives)
{
    for (int i = 0; i < 5; i++) {
        yibu_buffer output = {0};
        assert_int_equal(yibu_to_process(&close_everything_job, TEXT("?"), &output, NULL), 0);
        assert_int_equal(output.size, 1);
        yibu_buffer_free(&output);
    }
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

static intptr_t fork_away(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    return child;
}
YIBU_JOB(fork_away);

static intptr_t leave_a_child(void *arg)
{
    intptr_t child = call(&fork_away_job, NOTHING);
    *(pid_t *)arg = (pid_t)child;
    assert_true(child > 0 && process_alive((pid_t)child));
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

static void children_of_jobs_end_with_their_worker(void **state)
{
    pid_t child = 0;
    (void)state;
    assert_int_equal(yibu_run(leave_a_child, &child, NULL), 0);
    expect_gone(child);
}

/* Time limits. */

static intptr_t linger(yibu_bytes input, yibu_buffer *output)
{
    int64_t ns;
    (void)output;
    memcpy(&ns, input.data, sizeof(ns));
    struct timespec time = {ns / 1000000000, ns % 1000000000};
    nanosleep(&time, NULL);
    return getpid();
}
YIBU_JOB(linger);

LOOP_TEST(job_past_its_time_limit_is_killed)
{
    yibu_job_report report;
    int64_t hour = YIBU_SECONDS(3600), start = monotonic_ns();
    assert_int_equal(call_with(&linger_job, VALUE(hour), YIBU_MS(60), &report), -ETIMEDOUT);
    assert_int_equal(report.signal, SIGKILL);
    assert_true(report.run_ns >= YIBU_MS(60));
    assert_true(monotonic_ns() - start < YIBU_SECONDS(30));
    assert_false(process_alive(report.worker));
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

LOOP_TEST(job_within_its_time_limit_is_not_killed)
{
    yibu_job_report report;
    int64_t moment = YIBU_MS(5);
    for (int i = 0; i < 5; i++)
        assert_true(call_with(&linger_job, VALUE(moment), YIBU_SECONDS(60), &report) > 0);
    return 0;
}

static intptr_t wait_behind(void *arg)
{
    int64_t long_ns = YIBU_MS(300), short_ns = YIBU_MS(1);
    yibu_job_report report;
    call_task first;
    (void)arg;
    call_start(&first, &linger_job, VALUE(long_ns));
    assert_int_equal(yibu_sleep(0), 0);
    /* The limit would be over by the time its worker is free. */
    assert_true(call_with(&linger_job, VALUE(short_ns), YIBU_MS(200), &report) > 0);
    assert_true(call_finish(&first) > 0);
    return 0;
}

static void time_limit_does_not_count_waiting_in_line(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(wait_behind, NULL, &options), 0);
}

/* Cancels. */

static intptr_t start_sleep_command(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    pid_t child = fork();
    if (child == 0) {
        execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(1);
    }
    char path[200];
    snprintf(path, sizeof(path), "%s", (const char *)input.data);
    FILE *file = fopen(path, "we");
    fprintf(file, "%d %d\n", (int)getpid(), (int)child);
    fclose(file);
    waitpid(child, NULL, 0);
    return 0;
}
YIBU_JOB(start_sleep_command);

static void read_pids(const char *path, int *first, int *second)
{
    for (;;) {
        FILE *file = fopen(path, "re");
        int n = fscanf(file, "%d %d", first, second);
        fclose(file);
        if (n == 2)
            return;
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    }
}

LOOP_TEST(cancel_kills_the_worker_and_what_the_job_started)
{
    char path[] = "/tmp/yibu-test-XXXXXX";
    close(mkstemp(path));
    call_task running;
    call_start(&running, &start_sleep_command_job, (yibu_bytes){path, sizeof(path)});
    int worker, child;
    read_pids(path, &worker, &child);
    unlink(path);
    assert_true(process_alive(worker) && process_alive(child));
    yibu_task_cancel(running.task);
    assert_int_equal(call_finish(&running), -ECANCELED);
    assert_int_equal(running.report.worker, worker);
    assert_int_equal(running.report.signal, SIGKILL);
    assert_false(process_alive(worker));
    expect_gone(child);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

static intptr_t create_file(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    int fd = open(input.data, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}
YIBU_JOB(create_file);

/* Behind a job that takes its time, one is cancelled in line and one after it runs. */
static intptr_t cancel_one_of_three(void *arg)
{
    int64_t moment = YIBU_MS(100);
    char path[] = "/tmp/yibu-test-XXXXXX";
    call_task first, second, third;
    (void)arg;
    close(mkstemp(path));
    unlink(path);
    call_start(&first, &linger_job, VALUE(moment));
    call_start(&second, &create_file_job, (yibu_bytes){path, sizeof(path)});
    call_start(&third, &tell_pid_job, NOTHING);
    assert_int_equal(yibu_sleep(YIBU_MS(20)), 0);
    int64_t start = monotonic_ns();
    yibu_task_cancel(second.task);
    assert_int_equal(call_finish(&second), -ECANCELED);
    assert_true(monotonic_ns() - start < YIBU_MS(50));
    assert_int_equal(second.report.worker, 0);
    intptr_t pid = call_finish(&first);
    assert_true(pid > 0);
    assert_int_equal(call_finish(&third), pid);
    assert_int_equal(access(path, F_OK), -1);
    return 0;
}

static void cancel_withdraws_a_job_that_has_not_started(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(cancel_one_of_three, NULL, &options), 0);
}

/* Cancels one job of many in one worker's lane: the others are run, each once. */
static intptr_t cancel_the_running(void *arg)
{
    enum { COUNT = 50 };
    static call_task calls[COUNT];
    int64_t none = 0, long_ns = YIBU_SECONDS(100);
    (void)arg;
    for (int i = 0; i < 50; i++)
        assert_true(call(&linger_job, VALUE(none)) > 0);
    for (int i = 0; i < COUNT; i++)
        call_start(&calls[i], &linger_job, i == 5 ? VALUE(long_ns) : VALUE(none));
    assert_int_equal(yibu_sleep(YIBU_MS(50)), 0);
    yibu_task_cancel(calls[5].task);
    for (int i = 0; i < COUNT; i++) {
        intptr_t r = call_finish(&calls[i]);
        assert_true(i == 5 ? r == -ECANCELED : r > 0);
    }
    return 0;
}

static void cancel_of_the_running_job_leaves_those_behind_it_alone(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(cancel_the_running, NULL, &options), 0);
}

/* A lane full of calls that were cancelled: their slots come back. */
static intptr_t cancel_a_laneful(void *arg)
{
    enum { COUNT = 400 };
    static call_task calls[COUNT], first;
    static const int64_t none = 0, moment = YIBU_MS(50);
    (void)arg;
    for (int i = 0; i < 50; i++)
        assert_true(call(&linger_job, VALUE(none)) > 0);
    for (int round = 0; round < 3; round++) {
        call_start(&first, &linger_job, VALUE(moment));
        for (int i = 0; i < COUNT; i++)
            call_start(&calls[i], &linger_job, VALUE(none));
        assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
        for (int i = 0; i < COUNT; i++)
            yibu_task_cancel(calls[i].task);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(call_finish(&calls[i]), -ECANCELED);
        for (int i = 0; i < COUNT; i++)
            call_start(&calls[i], &linger_job, VALUE(none));
        for (int i = 0; i < COUNT; i++)
            assert_true(call_finish(&calls[i]) > 0);
        assert_true(call_finish(&first) > 0);
    }
    return 0;
}

static void cancelled_calls_leave_room_in_a_lane(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(cancel_a_laneful, NULL, &options), 0);
}

LOOP_TEST(cancelled_task_does_not_call)
{
    assert_true(yibu_task_cancel(yibu_current_task()));
    assert_int_equal(call(&tell_pid_job, NOTHING), -ECANCELED);
    yibu_task_uncancel(yibu_current_task());
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

LOOP_TEST(time_limit_of_a_scope_cancels_the_job)
{
    int64_t hour = YIBU_SECONDS(3600);
    yibu_timeout timeout;
    yibu_timeout_begin(&timeout, YIBU_MS(30));
    intptr_t r = call(&linger_job, VALUE(hour));
    assert_int_equal(yibu_timeout_end(&timeout, r), -ETIMEDOUT);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(death_of_a_worker_fails_its_job_and_is_reported),
        cmocka_unit_test(output_of_a_job_that_died_is_not_handed_over),
        cmocka_unit_test(report_tells_peak_memory),
        cmocka_unit_test(jobs_behind_one_that_crashes_run_elsewhere),
        cmocka_unit_test(answer_of_a_job_that_closed_every_descriptor_arrives),
        cmocka_unit_test(children_of_jobs_end_with_their_worker),
        cmocka_unit_test(job_past_its_time_limit_is_killed),
        cmocka_unit_test(job_within_its_time_limit_is_not_killed),
        cmocka_unit_test(time_limit_does_not_count_waiting_in_line),
        cmocka_unit_test(cancel_kills_the_worker_and_what_the_job_started),
        cmocka_unit_test(cancel_withdraws_a_job_that_has_not_started),
        cmocka_unit_test(cancel_of_the_running_job_leaves_those_behind_it_alone),
        cmocka_unit_test(cancelled_calls_leave_room_in_a_lane),
        cmocka_unit_test(cancelled_task_does_not_call),
        cmocka_unit_test(time_limit_of_a_scope_cancels_the_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
