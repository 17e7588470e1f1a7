/* The watch for stalls has a signal of its own: who else has it is not disturbed, nor are forked
 * and executed processes. */
#include "stall.h"

#include <errno.h>
#include <signal.h>

#include "platform/valgrind.h"
#include "process.h"
#include "signal_storm.h"

static atomic_int urgent;

static void on_urgent(int number)
{
    (void)number;
    atomic_fetch_add(&urgent, 1);
}

/* Signals coalesce, also with the watchdog's: so until they have come. */
static void send_urgent(void)
{
    while (atomic_load(&urgent) < 1) {
        raise(SIGURG);
        (void)test_now();
    }
    while (atomic_load(&urgent) < 2) {
        kill(getpid(), SIGURG);
        (void)test_now();
    }
}

static intptr_t raise_and_compute(void *arg)
{
    send_urgent();
    int before = atomic_load(&urgent);
    compute_until_reported(arg, 2);
    assert_int_equal(atomic_load(&urgent), before); /* ours are not for others */
    return 0;
}

static void the_programs_own_handler_of_the_signal_gets_what_others_send(void **state)
{
    (void)state;
    heard h = {.about = {" compute_until_reported"}};
    struct sigaction mine = {.sa_handler = on_urgent}, before, after;
    atomic_store(&urgent, 0);
    assert_int_equal(sigaction(SIGURG, &mine, &before), 0);
    test_run_watched(raise_and_compute, &h);
    assert_int_equal(sigaction(SIGURG, &before, &after), 0);
    assert_true(after.sa_handler == on_urgent);
}

static intptr_t take_the_signal_and_compute(void *arg)
{
    struct sigaction mine = {.sa_handler = on_urgent};
    assert_int_equal(sigaction(SIGURG, &mine, NULL), 0);
    compute_until_reported(arg, 1);
    return 0;
}

static void a_program_that_takes_the_signal_for_itself_gets_reports_without_stack(void **state)
{
    (void)state;
    heard h = {.about = {"the program has a handler of SIGURG of its own"}};
    atomic_store(&urgent, 0);
    test_run_watched(take_the_signal_and_compute, &h);
    signal(SIGURG, SIG_DFL);
    assert_int_equal(atomic_load(&urgent), 0);
    assert_int_equal(h.last.frame_count, 0);
    heard again = {.about = {" compute_until_reported"}};
    test_run_watched(test_compute, &again); /* the signal can be had again */
}

static void mask_urgent(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(how, &set, NULL);
}

static bool urgent_is_pending(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGURG);
}

static intptr_t block_the_signal_and_compute(void *arg)
{
    mask_urgent(SIG_BLOCK);
    compute_until_reported(arg, 1);
    assert_true(YB_UNDER_VALGRIND || !urgent_is_pending()); /* there all signals are blocked */
    mask_urgent(SIG_UNBLOCK);
    return 0;
}

static void a_thread_that_blocks_the_signal_is_reported_and_not_sent_it(void **state)
{
    (void)state;
    heard h = {
        .about = {"there is no stack", YB_UNDER_VALGRIND ? NULL : "its thread blocks SIGURG"}};
    test_run_watched(block_the_signal_and_compute, &h);
    assert_non_null(strstr(h.text, "task \"culprit\", created at here.c:7, has held the loop"));
    assert_int_equal(h.last.frame_count, 0);
}

/* What the handler must leave as it is. */

static intptr_t watch_errno(void *arg)
{
    heard *h = arg;
    sigset_t before = {0}, after = {0};
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    while (atomic_load(&h->reports) < 3) {
        errno = 12345;
        for (volatile int i = 0; i < 1000; i++)
            ;
        assert_int_equal(errno, 12345);
        (void)test_now();
    }
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    return 0;
}

static void errno_and_the_mask_stay_as_they_are(void **state)
{
    (void)state;
    heard h = {.about = {" watch_errno"}};
    test_run_watched(watch_errno, &h);
}

/* Signals of the program's that come all the time, and whose handler takes long. */

static void on_alarm(int number)
{
    (void)number;
    for (volatile int i = 0; i < 20000; i++)
        ;
}

static void other_signals_may_storm_meanwhile(void **state)
{
    (void)state;
    heard h = {.about = {" compute_until_reported"}};
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    yibu_loop_options options = test_watched(&h);
    options.stall_limit_ns = YIBU_MS(1);
    storm_begin_with(&action, 500 * YB_TEST_SLOWDOWN);
    for (int i = 0; i < 20; i++) {
        atomic_store(&h.reports, 0);
        test_run_with(&options, test_compute, &h);
    }
    storm_end();
}

/* Processes. */

static int stall_in_child(void *arg)
{
    (void)arg;
    struct sigaction action;
    assert_int_equal(sigaction(SIGURG, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
    heard h = {.about = {" compute_until_reported"}};
    test_run_watched(test_compute, &h);
    return 0;
}

static intptr_t fork_while_watched(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        test_result result;
        test_in_process(stall_in_child, NULL, &result);
        assert_true(test_exited(&result, 0));
    }
    return 0;
}

static void a_forked_child_has_no_handler_and_may_watch_loops_of_its_own(void **state)
{
    (void)state;
    heard h = {0};
    test_run_watched(fork_while_watched, &h);
}

/* SIGURG's bit in what the kernel says of the process that looks. */
static void check_executed(const char *field)
{
    char command[96], line[128] = "";
    unsigned long long set = ~0ULL;
    snprintf(command, sizeof(command), "exec grep ^%s: /proc/self/status", field);
    FILE *output = popen(command, "re");
    assert_non_null(output);
    assert_non_null(fgets(line, sizeof(line), output));
    assert_int_equal(sscanf(line + strlen(field) + 1, "%llx", &set), 1);
    assert_int_equal(set >> (SIGURG - 1) & 1, 0);
    pclose(output);
}

static intptr_t execute(void *arg)
{
    compute_until_reported(arg, 1);
    check_executed("SigBlk");
    check_executed("SigIgn");
    check_executed("SigCgt");
    return 0;
}

static void executed_programs_begin_with_the_signal_as_it_was(void **state)
{
    (void)state;
    heard h = {0};
    test_run_watched(execute, &h);
}

/* 1: handled or ignored; 2: blocked. */
static intptr_t ask_about_signal(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    struct sigaction action;
    sigset_t blocked;
    sigaction(SIGURG, NULL, &action);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    return (action.sa_handler != SIG_DFL) + 2 * sigismember(&blocked, SIGURG);
}
YIBU_JOB(ask_about_signal);

static intptr_t run_job(void *arg)
{
    compute_until_reported(arg, 1);
    yibu_bytes nothing = {NULL, 0};
    assert_int_equal(yibu_to_process(&ask_about_signal_job, nothing, NULL, NULL), 0);
    return 0;
}

static void workers_have_the_signal_as_it_was(void **state)
{
    (void)state;
    heard h = {0};
    test_run_watched(run_job, &h);
}

static intptr_t stall_for_the_default_handler(void *arg)
{
    (void)arg;
    test_use_cpu(YIBU_MS(5 * LIMIT_MS));
    return 0;
}

static int stall_with_default_handler(void *arg)
{
    yibu_loop_options options = {.size = sizeof(options), .stall_limit_ns = YIBU_MS(LIMIT_MS)};
    return (int)yibu_run(stall_for_the_default_handler, arg, &options);
}

static void the_default_handler_prints_to_standard_error(void **state)
{
    (void)state;
    test_result result;
    test_in_process(stall_with_default_handler, NULL, &result);
    assert_true(test_exited(&result, 0));
    assert_non_null(strstr(result.said, "yibu: task \"main\", created at "));
    assert_non_null(strstr(result.said, "stall_for_the_default_handler+0x"));
    assert_non_null(strstr(result.said, " ms in all\n"));
}

static int print_very_often(void *arg)
{
    (void)arg;
    yibu_stall stall = {.size = sizeof(stall), .text = "again"};
    for (int i = 0; i < 1000; i++)
        yibu_loop_default_stall_handler(&stall, NULL);
    usleep(1100000);
    yibu_loop_default_stall_handler(&stall, NULL);
    return 0;
}

static void the_default_handler_does_not_print_without_end(void **state)
{
    (void)state;
    test_result result;
    unsigned count = 0, left_out = 0;
    test_in_process(print_very_often, NULL, &result);
    for (const char *at = result.said; (at = strstr(at, "yibu: again\n")); at++)
        count++;
    const char *last = strstr(result.said, "yibu: (");
    assert_true(count >= 20 && count < 25);
    assert_non_null(last);
    assert_int_equal(sscanf(last, "yibu: (%u reports of stalls left out) again", &left_out), 1);
    assert_int_equal(count + left_out, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_programs_own_handler_of_the_signal_gets_what_others_send),
        cmocka_unit_test(a_program_that_takes_the_signal_for_itself_gets_reports_without_stack),
        cmocka_unit_test(a_thread_that_blocks_the_signal_is_reported_and_not_sent_it),
        cmocka_unit_test(errno_and_the_mask_stay_as_they_are),
        cmocka_unit_test(other_signals_may_storm_meanwhile),
        cmocka_unit_test(a_forked_child_has_no_handler_and_may_watch_loops_of_its_own),
        cmocka_unit_test(executed_programs_begin_with_the_signal_as_it_was),
        cmocka_unit_test(workers_have_the_signal_as_it_was),
        cmocka_unit_test(the_default_handler_prints_to_standard_error),
        cmocka_unit_test(the_default_handler_does_not_print_without_end),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
