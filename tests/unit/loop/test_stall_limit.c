/* What the watch for stalls takes for one, and what not; and that there is nothing where it is
 * off. */
#include "stall.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "platform/valgrind.h"
#include "process.h"

/* A busy machine may stall anything: so what is to be silent may try some times. */
enum { ATTEMPTS = 5 };

static intptr_t compute_in_parts(void *arg)
{
    (void)arg;
    for (int i = 0; i < 400; i++) {
        test_spin(YIBU_MS(1));
        assert_int_equal(i % 3 ? yibu_yield() : yibu_sleep(0), 0);
    }
    return 0;
}

static void many_short_runs_are_no_stall(void **state)
{
    (void)state;
    heard h = {.who = ""};
    yibu_loop_options options = test_watched(&h);
    options.stall_limit_ns = YIBU_MS(100);
    yibu_loop *loop;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        atomic_store(&h.reports, 0);
        assert_int_equal(yibu_loop_new(&options, &loop), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(yibu_spawn(compute_in_parts, NULL), 0);
        test_loop_drain(loop);
        assert_int_equal(yibu_loop_free(loop), 0);
        if (atomic_load(&h.reports) == 0)
            return;
    }
    fail_msg("%s", h.text);
}

static void compute_a_little(void *arg)
{
    (void)arg;
    test_use_cpu(YIBU_MS(LIMIT_MS) / 4);
}

/* All in one turn. */
static void many_short_callbacks_are_no_stall(void **state)
{
    (void)state;
    heard h = {.who = ""};
    yibu_loop_options options = test_watched(&h);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        yibu_timer timers[16] = {YIBU_TIMER_INIT};
        yibu_loop *loop;
        atomic_store(&h.reports, 0);
        assert_int_equal(yibu_loop_new(&options, &loop), 0);
        for (int i = 0; i < 16; i++)
            assert_int_equal(yibu_timer_start(loop, &timers[i], 1, compute_a_little, NULL), 0);
        test_loop_drain(loop);
        assert_int_equal(yibu_loop_free(loop), 0);
        if (atomic_load(&h.reports) == 0)
            return;
    }
    fail_msg("%s", h.text);
}

static intptr_t sleep_well(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_MS(10 * LIMIT_MS));
}

static void a_loop_that_waits_is_no_stall(void **state)
{
    (void)state;
    heard h = {.who = ""};
    yibu_loop_options options = test_watched(&h);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        atomic_store(&h.reports, 0);
        assert_int_equal(yibu_run(sleep_well, NULL, &options), 0);
        if (atomic_load(&h.reports) == 0)
            return;
    }
    fail_msg("%s", h.text);
}

/* What happens between turns is its driver's. */
static void a_loop_that_does_not_run_is_no_stall(void **state)
{
    (void)state;
    heard h = {.who = ""};
    yibu_loop_options options = test_watched(&h);
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    yibu_loop_run_once(loop, 0);
    test_spin(YIBU_MS(5 * LIMIT_MS));
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(atomic_load(&h.reports), 0);
}

/* Processes that are stopped. */

enum { LONG_MS = 400 * (YB_TEST_SLOWDOWN > 3 ? 3 : YB_TEST_SLOWDOWN) };

typedef struct stopped {
    int ends[2];
    heard heard;
} stopped;

static intptr_t read_a_byte(void *arg)
{
    stopped *s = arg;
    char byte;
    assert_int_equal(write(STDERR_FILENO, "reading\n", 8), 8);
    assert_int_equal(read(s->ends[0], &byte, 1), 1);
    return 0;
}

static int read_while_watched(void *arg)
{
    stopped *s = arg;
    s->heard.who = "";
    yibu_loop_options options = test_watched(&s->heard);
    options.stall_limit_ns = YIBU_MS(LONG_MS);
    test_run_with(&options, read_a_byte, s);
    fprintf(stderr, "%s", s->heard.text);
    return atomic_load(&s->heard.reports);
}

static void a_process_that_is_stopped_does_not_stall(void **state)
{
    (void)state;
    static stopped s;
    test_process process;
    test_result result;
    int status;
    assert_int_equal(pipe2(s.ends, O_CLOEXEC), 0);
    test_process_start(read_while_watched, &s, &process);
    test_process_expect(&process, "reading");
    assert_int_equal(kill(process.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(process.pid, &status, WUNTRACED), process.pid);
    assert_true(WIFSTOPPED(status));
    usleep(3000 * LONG_MS);
    assert_int_equal(kill(process.pid, SIGCONT), 0);
    usleep(1000 * LONG_MS / 4); /* for the watchdog to look */
    assert_int_equal(write(s.ends[1], "x", 1), 1);
    test_process_finish(&process, &result);
    close(s.ends[0]);
    close(s.ends[1]);
    assert_true(test_exited(&result, 0));
}

/* Threads that get no processor. */

typedef struct poor {
    heard heard;
    cpu_set_t processor;
    atomic_bool done;
    int64_t took_ns;
} poor;

static void *hog_processor(void *arg)
{
    poor *p = arg;
    assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof(cpu_set_t), &p->processor), 0);
    while (!atomic_load(&p->done))
        ;
    return NULL;
}

static intptr_t compute_little(void *arg)
{
    poor *p = arg;
    int64_t since_ns = test_now();
    test_use_cpu(YIBU_MS(LIMIT_MS) / 8);
    p->took_ns = test_now() - since_ns;
    return 0;
}

static void *run_poorly(void *arg)
{
    poor *p = arg;
    struct sched_param none = {0};
    yibu_loop_options options = test_watched(&p->heard);
    assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof(cpu_set_t), &p->processor), 0);
    assert_int_equal(pthread_setschedparam(pthread_self(), SCHED_IDLE, &none), 0);
    test_run_with(&options, compute_little, p);
    return NULL;
}

static void choose_processor(cpu_set_t *ret_processor)
{
    cpu_set_t all;
    size_t number = 0;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    while (!CPU_ISSET(number, &all))
        number++;
    CPU_ZERO(ret_processor);
    CPU_SET(number, ret_processor);
}

static void a_task_that_gets_no_processor_does_not_stall(void **state)
{
    (void)state;
    static poor p = {.heard.who = ""};
    pthread_t hog, thread;
    if (YB_UNDER_VALGRIND)
        skip(); /* threads take turns there, so it does get one */
    choose_processor(&p.processor);
    assert_int_equal(pthread_create(&hog, NULL, hog_processor, &p), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_poorly, &p), 0);
    pthread_join(thread, NULL);
    atomic_store(&p.done, true);
    pthread_join(hog, NULL);
    if (p.took_ns < 3 * YIBU_MS(LIMIT_MS))
        skip(); /* the kernel does not mind what is idle */
    if (atomic_load(&p.heard.reports) > 0)
        fail_msg("%s", p.heard.text);
}

/* Limits. */

static void the_limit_is_off_where_nobody_says_otherwise(void **state)
{
    yibu_loop *loop = *state;
    yibu_loop_set_debug(loop, false); /* whatever $YIBU_DEBUG is */
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(loop, -1), -EINVAL);
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_SECONDS(2)), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_SECONDS(2));
    assert_int_equal(yibu_loop_set_stall_limit(loop, 1), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_MS(1));
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_FOREVER), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(loop, 0), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(NULL, 0), -EINVAL);
    assert_int_equal(yibu_loop_set_stall_handler(NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_loop_get_stall_limit(NULL), YIBU_FOREVER);
}

static void debug_mode_has_a_limit_that_follows_the_slow_duration(void **state)
{
    yibu_loop *loop = *state;
    yibu_loop_set_debug(loop, true);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_MS(100));
    yibu_loop_set_slow_callback_duration(loop, YIBU_SECONDS(3));
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_SECONDS(3));
    yibu_loop_set_slow_callback_duration(loop, 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_MS(100));
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_FOREVER), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(loop, 0), 0);
    yibu_loop_set_debug(loop, false);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
}

/* What there is while a loop is watched, and at no other time. */

static int count_watchdogs(void)
{
    char path[300], name[32] = "";
    int count = 0;
    DIR *threads = opendir("/proc/self/task");
    assert_non_null(threads);
    for (const struct dirent *each; (each = readdir(threads));) {
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", each->d_name);
        FILE *file = fopen(path, "r");
        count += file && fgets(name, sizeof(name), file) && strcmp(name, "yibu-watchdog\n") == 0;
        if (file)
            fclose(file);
    }
    closedir(threads);
    return count;
}

static bool signal_is_taken(void)
{
    struct sigaction action;
    assert_int_equal(sigaction(SIGURG, NULL, &action), 0);
    return action.sa_handler != SIG_DFL;
}

static void a_thread_and_a_handler_are_there_only_while_a_loop_is_watched(void **state)
{
    yibu_loop *loop = *state;
    yibu_loop_set_debug(loop, false);
    assert_int_equal(count_watchdogs(), 0);
    assert_false(signal_is_taken());
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_SECONDS(10)), 0);
    assert_int_equal(count_watchdogs(), 1);
    assert_true(signal_is_taken());
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_FOREVER), 0);
    assert_int_equal(count_watchdogs(), 0);
    assert_false(signal_is_taken());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_short_runs_are_no_stall),
        cmocka_unit_test(many_short_callbacks_are_no_stall),
        cmocka_unit_test(a_loop_that_waits_is_no_stall),
        cmocka_unit_test(a_loop_that_does_not_run_is_no_stall),
        cmocka_unit_test(a_process_that_is_stopped_does_not_stall),
        cmocka_unit_test(a_task_that_gets_no_processor_does_not_stall),
        loop_unit_test(the_limit_is_off_where_nobody_says_otherwise),
        loop_unit_test(debug_mode_has_a_limit_that_follows_the_slow_duration),
        loop_unit_test(a_thread_and_a_handler_are_there_only_while_a_loop_is_watched),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
