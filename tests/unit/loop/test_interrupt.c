/* SIGINT in yibu_run: the first cancels the main task, the second is the program's end.  Each test
 * is a process of its own, which says on standard error how far it has come. */
#include "process.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static void say(const char *text)
{
    assert_true(write(STDERR_FILENO, text, strlen(text)) > 0);
}

/* Children of a shell in the background start with SIGINT ignored. */
static void default_action(void)
{
    signal(SIGINT, SIG_DFL);
}

static intptr_t sleep_and_clean_up(void *arg)
{
    (void)arg;
    say("asleep.");
    int r = yibu_sleep(YIBU_FOREVER);
    if (r != -ECANCELED || yibu_sleep(0) != -ECANCELED)
        return 1;
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    yibu_sleep(YIBU_MS(1)); /* clean-up that suspends */
    yibu_shield_end(&shield);
    say("cleaned up.");
    return r;
}

static int run_sleeper(void *arg)
{
    (void)arg;
    default_action();
    intptr_t result = yibu_run(sleep_and_clean_up, NULL, NULL);
    struct sigaction after;
    sigaction(SIGINT, NULL, &after);
    assert_true(after.sa_handler == SIG_DFL);
    return result == -EINTR ? 7 : 1;
}

static void the_first_sigint_cancels_main_which_cleans_up(void **state)
{
    (void)state;
    test_process process;
    test_result result;
    test_process_start(run_sleeper, NULL, &process);
    test_process_expect(&process, "asleep.");
    kill(process.pid, SIGINT);
    test_process_finish(&process, &result);
    assert_true(test_exited(&result, 7));
    assert_string_equal(result.said, "cleaned up.");
}

static intptr_t sleep_for_ever(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_FOREVER);
}

static intptr_t decide_to_go_on(void *arg)
{
    (void)arg;
    yibu_task *other = yibu_create_task(sleep_for_ever, NULL, NULL);
    say("asleep.");
    if (yibu_sleep(YIBU_FOREVER) != -ECANCELED || yibu_task_uncancel(yibu_current_task()) != 0)
        return 1;
    if (yibu_sleep(YIBU_MS(1)) < 0 || yibu_task_done(other)) /* only main was cancelled */
        return 2;
    yibu_task_unref(other);
    return 3;
}

static int run_stubborn(void *arg)
{
    (void)arg;
    default_action();
    return (int)yibu_run(decide_to_go_on, NULL, NULL);
}

static void main_may_take_a_sigint_back_and_go_on(void **state)
{
    (void)state;
    test_process process;
    test_result result;
    test_process_start(run_stubborn, NULL, &process);
    test_process_expect(&process, "asleep.");
    kill(process.pid, SIGINT);
    test_process_finish(&process, &result);
    assert_true(test_exited(&result, 3));
}

static intptr_t refuse(void *arg)
{
    (void)arg;
    say("asleep.");
    while (yibu_sleep(YIBU_FOREVER) != -ECANCELED)
        continue;
    say("refused.");
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    yibu_sleep(YIBU_FOREVER);
    yibu_shield_end(&shield);
    return 0;
}

static int run_refusal(void *arg)
{
    (void)arg;
    default_action();
    (void)yibu_run(refuse, NULL, NULL);
    return 1;
}

static void the_second_sigint_kills_where_main_refuses(void **state)
{
    (void)state;
    test_process process;
    test_result result;
    test_process_start(run_refusal, NULL, &process);
    test_process_expect(&process, "asleep.");
    kill(process.pid, SIGINT);
    test_process_expect(&process, "refused.");
    kill(process.pid, SIGINT);
    test_process_finish(&process, &result);
    assert_true(test_died_of(&result, SIGINT));
}

static intptr_t hold_the_loop(void *arg)
{
    (void)arg;
    say("busy.");
    for (volatile unsigned long i = 0;; i++)
        continue;
    return 0;
}

static int run_busy(void *arg)
{
    (void)arg;
    default_action();
    (void)yibu_run(hold_the_loop, NULL, NULL);
    return 1;
}

static bool pending(pid_t pid, int number)
{
    char path[64], line[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "ShdPnd:", 7) == 0)
            mask = strtoull(line + 7, NULL, 16);
    fclose(file);
    return (mask >> (number - 1)) & 1;
}

static void the_second_sigint_kills_where_a_task_holds_the_loop(void **state)
{
    (void)state;
    test_process process;
    test_result result;
    test_process_start(run_busy, NULL, &process);
    test_process_expect(&process, "busy.");
    kill(process.pid, SIGINT);
    while (pending(process.pid, SIGINT)) /* two that are pending at once are one */
        sched_yield();
    kill(process.pid, SIGINT);
    test_process_finish(&process, &result);
    assert_true(test_died_of(&result, SIGINT));
}

static volatile sig_atomic_t own_count;

static void count_own(int number)
{
    (void)number;
    own_count++;
}

static intptr_t raise_and_sleep(void *arg)
{
    (void)arg;
    raise(SIGINT);
    raise(SIGINT);
    return yibu_sleep(YIBU_MS(2));
}

static int run_with_own_handler(void *arg)
{
    (void)arg;
    signal(SIGINT, count_own);
    intptr_t result = yibu_run(raise_and_sleep, NULL, NULL);
    return result == 0 && own_count == 2 ? 0 : 1;
}

static void sigint_is_left_alone_where_the_program_handles_it(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_with_own_handler, NULL, &result);
    assert_true(test_exited(&result, 0));
}

static int run_ignoring(void *arg)
{
    (void)arg;
    signal(SIGINT, SIG_IGN);
    return (int)yibu_run(raise_and_sleep, NULL, NULL);
}

static void sigint_is_left_alone_where_it_is_ignored(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_ignoring, NULL, &result);
    assert_true(test_exited(&result, 0));
}

static void say_handled(void *arg)
{
    (void)arg;
    say("handled.");
}

static intptr_t handle_sigint_myself(void *arg)
{
    bool *seen = arg;
    if (yibu_add_signal_handler(yibu_get_running_loop(), SIGINT, say_handled, NULL) < 0)
        return 1;
    for (int i = 0; i < 3; i++) {
        raise(SIGINT);
        if (yibu_sleep(YIBU_MS(1)) < 0)
            return 2;
    }
    *seen = true;
    return 0;
}

static int run_taking_over(void *arg)
{
    bool seen = false;
    (void)arg;
    default_action();
    intptr_t result = yibu_run(handle_sigint_myself, &seen, NULL);
    return result == 0 && seen ? 0 : 1;
}

static void a_handler_added_in_main_takes_sigint_over(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_taking_over, NULL, &result);
    assert_true(test_exited(&result, 0));
    assert_string_equal(result.said, "handled.handled.handled.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_sigint_cancels_main_which_cleans_up),
        cmocka_unit_test(main_may_take_a_sigint_back_and_go_on),
        cmocka_unit_test(the_second_sigint_kills_where_main_refuses),
        cmocka_unit_test(the_second_sigint_kills_where_a_task_holds_the_loop),
        cmocka_unit_test(sigint_is_left_alone_where_the_program_handles_it),
        cmocka_unit_test(sigint_is_left_alone_where_it_is_ignored),
        cmocka_unit_test(a_handler_added_in_main_takes_sigint_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
