/* How workers begin: copied or run anew, with what the pool has set up; and that nothing of them
 * stays when zygote or program are killed. */
#include "executors.h"
#include "process.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

static intptr_t tell_parent(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getppid();
}
YIBU_JOB(tell_parent);

/* What it is, as text. */
static intptr_t introduce(yibu_bytes input, yibu_buffer *output)
{
    char name[17] = "", text[200];
    (void)input;
    prctl(PR_GET_NAME, name);
    int n = snprintf(text, sizeof(text), "%s %d %s %s", name, getpriority(PRIO_PROCESS, 0),
                     getenv("YIBU_WORKER") || getenv("YIBU_ZYGOTE") ? "marked" : "clean",
                     getpgid(0) == getpid() ? "leads" : "follows");
    return yibu_buffer_append(output, text, (size_t)n + 1);
}
YIBU_JOB(introduce);

static void expect_introduction(yibu_executor *executor, const char *expected)
{
    yibu_concurrent_future *future = submit(executor, &introduce_job, NOTHING);
    yibu_bytes output;
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 0);
    assert_int_equal(yibu_concurrent_future_output(future, &output), 0);
    assert_string_equal(output.data, expected);
    yibu_concurrent_future_unref(future);
}

LOOP_TEST(workers_begin_alike_by_either_method)
{
    static const yibu_start_method methods[] = {YIBU_START_FORK, YIBU_START_SPAWN};
    for (int i = 0; i < 2; i++) {
        yibu_executor *executor = executor_new((yibu_process_pool_options){
            .max_workers = 1, .start_method = methods[i], .nice = 3, .name = "number cruncher"});
        expect_introduction(executor, "number cruncher 3 clean leads");
        yibu_executor_free(executor);
        executor =
            executor_new((yibu_process_pool_options){.max_workers = 1, .start_method = methods[i]});
        expect_introduction(executor, "yibu-worker 0 clean leads");
        yibu_executor_free(executor);
    }
    return 0;
}

/* Set in the zygote once, by a constructor that counts the runs it happens in. */
static int64_t began_ns;

__attribute__((constructor)) static void begin(void)
{
    began_ns = monotonic_ns();
}

static intptr_t tell_beginning(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    return yibu_buffer_append(output, &began_ns, sizeof(began_ns));
}
YIBU_JOB(tell_beginning);

static intptr_t die(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    raise(SIGKILL);
    return 0;
}
YIBU_JOB(die);

static int64_t beginning_of(yibu_executor *executor)
{
    int64_t ns;
    yibu_bytes output;
    yibu_concurrent_future *future = submit(executor, &tell_beginning_job, NOTHING);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 0);
    assert_int_equal(yibu_concurrent_future_output(future, &output), 0);
    memcpy(&ns, output.data, sizeof(ns));
    yibu_concurrent_future_unref(future);
    return ns;
}

static void expect_beginnings(yibu_start_method method, bool same)
{
    yibu_executor *executor =
        executor_new((yibu_process_pool_options){.max_workers = 1, .start_method = method});
    int64_t first = beginning_of(executor);
    assert_int_equal(run_job(executor, &die_job, NOTHING), YIBU_EWORKER);
    assert_int_equal(beginning_of(executor) == first, same);
    yibu_executor_free(executor);
}

LOOP_TEST(spawned_workers_are_runs_of_their_own)
{
    expect_beginnings(YIBU_START_FORK, true);
    expect_beginnings(YIBU_START_SPAWN, false);
    return 0;
}

/* What the initializer has done to the process is what jobs find again. */

static intptr_t set_up(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    setenv("YIBU_TEST_SET", "by initializer", 1);
    signal(SIGUSR1, SIG_IGN);
    return chdir("/") < 0 ? -errno : 0;
}
YIBU_JOB(set_up);

static intptr_t spoil(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    unsetenv("YIBU_TEST_SET");
    signal(SIGUSR1, SIG_DFL);
    usleep(1000);
    return chdir("/proc") < 0 ? -errno : 0;
}
YIBU_JOB(spoil);

static intptr_t check_set_up(yibu_bytes input, yibu_buffer *output)
{
    char folder[100];
    struct sigaction action;
    const char *text = getenv("YIBU_TEST_SET");
    (void)input, (void)output;
    if (!text || strcmp(text, "by initializer") != 0)
        return -ENOENT;
    if (sigaction(SIGUSR1, NULL, &action) < 0 || action.sa_handler != SIG_IGN)
        return -EINTR;
    return getcwd(folder, sizeof(folder)) && strcmp(folder, "/") == 0 ? 0 : -ENOTDIR;
}
YIBU_JOB(check_set_up);

LOOP_TEST(what_the_initializer_sets_up_is_what_jobs_find)
{
    yibu_executor *executor =
        executor_new((yibu_process_pool_options){.max_workers = 1, .initializer = &set_up_job});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_job(executor, &check_set_up_job, NOTHING), 0);
        assert_int_equal(run_job(executor, &spoil_job, NOTHING), 0);
    }
    assert_int_equal(run_job(executor, &check_set_up_job, NOTHING), 0);
    yibu_executor_free(executor);
    return 0;
}

/* The zygote is killed: workers and what jobs started go with it, and another one comes. */

static intptr_t leave_child(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    return child;
}
YIBU_JOB(leave_child);

static void expect_end_with_zygote(yibu_start_method method)
{
    yibu_executor *executor =
        executor_new((yibu_process_pool_options){.max_workers = 1, .start_method = method});
    pid_t zygote = (pid_t)run_job(executor, &tell_parent_job, NOTHING);
    pid_t worker = (pid_t)run_job(executor, &tell_pid_job, NOTHING);
    pid_t child = (pid_t)run_job(executor, &leave_child_job, NOTHING);
    assert_true(zygote > 0 && worker > 0 && child > 0);
    kill(zygote, SIGKILL);
    expect_gone(worker);
    intptr_t r = YIBU_EWORKER;
    for (int i = 0; i < 5 && r == YIBU_EWORKER; i++)
        r = run_job(executor, &tell_parent_job, NOTHING);
    assert_true(r > 0 && r != zygote);
    expect_gone(child);
    yibu_executor_free(executor);
}

LOOP_TEST(workers_and_their_children_end_with_the_zygote)
{
    expect_end_with_zygote(YIBU_START_FORK);
    expect_end_with_zygote(YIBU_START_SPAWN);
    return 0;
}

/* The program is killed while a spawned worker is busy. */

static intptr_t say_and_stay(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    dprintf(STDERR_FILENO, "<%d %d>", (int)getppid(), (int)getpid());
    while (pause() < 0)
        continue;
    return 0;
}
YIBU_JOB(say_and_stay);

static intptr_t have_one_stay(void *arg)
{
    yibu_executor *executor = executor_new(
        (yibu_process_pool_options){.max_workers = 1, .start_method = YIBU_START_SPAWN});
    (void)arg;
    return run_job(executor, &say_and_stay_job, NOTHING);
}

static int run_one_that_stays(void *arg)
{
    return (int)yibu_run(have_one_stay, arg, NULL);
}

static void nothing_of_spawned_workers_is_left_when_the_program_is_killed(void **state)
{
    char said[200] = "";
    size_t length = 0;
    int zygote, worker;
    test_process process;
    test_result result;
    (void)state;
    test_process_start(run_one_that_stays, NULL, &process);
    while (!strchr(said, '>')) {
        ssize_t n = read(process.errors, said + length, sizeof(said) - 1 - length);
        assert_true(n > 0);
        said[length += (size_t)n] = '\0';
    }
    assert_int_equal(sscanf(strchr(said, '<'), "<%d %d>", &zygote, &worker), 2);
    kill(process.pid, SIGKILL);
    expect_gone(zygote);
    expect_gone(worker);
    test_process_finish(&process, &result);
    assert_true(test_died_of(&result, SIGKILL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_begin_alike_by_either_method),
        cmocka_unit_test(spawned_workers_are_runs_of_their_own),
        cmocka_unit_test(what_the_initializer_sets_up_is_what_jobs_find),
        cmocka_unit_test(workers_and_their_children_end_with_the_zygote),
        cmocka_unit_test(nothing_of_spawned_workers_is_left_when_the_program_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
