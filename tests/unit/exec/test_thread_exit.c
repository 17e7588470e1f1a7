/* The end of a program with functions still running: children that end, and what they say. */
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"
#include "result.h"

/* What a child that runs body and exits with 7 writes to standard error. */
typedef struct last_words {
    char text[1000];
    int status;
    int64_t took_ns;
} last_words;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    for (ssize_t n; (n = read(fd, text + length, size - 1 - length)) > 0;)
        length += (size_t)n;
    text[length] = '\0';
}

static last_words run_child(void (*body)(int64_t exit_wait_ns), int64_t exit_wait_ns)
{
    last_words words = {0};
    int ends[2];
    int64_t start_ns = now_ns();
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body(exit_wait_ns);
        exit(7);
    }
    close(ends[1]);
    read_all(ends[0], words.text, sizeof(words.text));
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    words.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    words.took_ns = now_ns() - start_ns;
    return words;
}

static yibu_executor *new_executor(int64_t exit_wait_ns)
{
    const yibu_thread_pool_options options = {.size = sizeof(options),
                                              .max_workers = 2,
                                              .name_prefix = "ending",
                                              .exit_wait_ns = exit_wait_ns};
    yibu_executor *executor;
    return yibu_thread_pool_executor_new(&options, &executor) == 0 ? executor : NULL;
}

static sem_t started;

static intptr_t take_a_moment(void *arg)
{
    (void)arg;
    sem_post(&started);
    usleep(50000);
    dprintf(STDERR_FILENO, "has ended\n");
    return 0;
}

/* Exported, so that it has a name for the dynamic linker. */
__attribute__((visibility("default"))) intptr_t block_for_ever(void *arg);
intptr_t block_for_ever(void *arg)
{
    (void)arg;
    sem_post(&started);
    for (;;)
        pause();
    return 0;
}

static void start_on_executor(yibu_coroutine *fn, int64_t exit_wait_ns)
{
    yibu_executor *executor = new_executor(exit_wait_ns);
    sem_init(&started, 0, 0);
    if (!executor || yibu_executor_submit(executor, fn, NULL, NULL, NULL) < 0)
        _exit(99);
    wait_on(&started);
}

static void leave_a_short_one(int64_t exit_wait_ns)
{
    start_on_executor(take_a_moment, exit_wait_ns);
}

static void leave_a_blocked_one(int64_t exit_wait_ns)
{
    start_on_executor(block_for_ever, exit_wait_ns);
}

static void the_end_waits_for_what_runs(void **state)
{
    (void)state;
    last_words words = run_child(leave_a_short_one, 0);
    assert_int_equal(words.status, 7);
    assert_string_equal(words.text, "has ended\n");
}

static void the_end_names_what_runs_too_long_and_goes_on(void **state)
{
    (void)state;
    last_words words = run_child(leave_a_blocked_one, YIBU_MS(100));
    assert_int_equal(words.status, 7);
    assert_true(words.took_ns >= YIBU_MS(100));
    assert_non_null(strstr(words.text, "the program ends while "));
    assert_non_null(strstr(words.text, "on the thread ending-1"));
    assert_true(strstr(words.text, "block_for_ever") || strstr(words.text, "+0x"));
}

static void the_end_need_not_wait(void **state)
{
    (void)state;
    last_words words = run_child(leave_a_blocked_one, -1);
    assert_int_equal(words.status, 7);
    assert_string_equal(words.text, "");
    assert_true(words.took_ns < YIBU_SECONDS(9));
}

/* A function that ends the program. */

static intptr_t end_program(void *arg)
{
    (void)arg;
    exit(7);
}

static void let_a_function_end_the_program(int64_t exit_wait_ns)
{
    yibu_executor *executor = new_executor(exit_wait_ns);
    yibu_concurrent_future *future;
    if (executor && yibu_executor_submit(executor, end_program, NULL, NULL, &future) == 0)
        (void)yibu_concurrent_future_result(future, YIBU_FOREVER);
    _exit(98);
}

static void a_function_that_ends_the_program_does_not_wait_for_itself(void **state)
{
    (void)state;
    last_words words = run_child(let_a_function_end_the_program, 0);
    assert_int_equal(words.status, 7);
    assert_string_equal(words.text, "");
    assert_true(words.took_ns < YIBU_SECONDS(9));
}

/* From within a loop. */

static intptr_t on_a_thread(void *arg)
{
    return yibu_to_thread(take_a_moment, arg);
}

static intptr_t exit_from_a_task(void *arg)
{
    yibu_spawn(on_a_thread, NULL);
    yibu_sleep(0);
    wait_on(arg);
    exit(7);
}

static void leave_a_loop(int64_t exit_wait_ns)
{
    (void)exit_wait_ns;
    sem_init(&started, 0, 0);
    (void)yibu_run(exit_from_a_task, &started, NULL);
}

static void a_loops_own_functions_are_waited_for_too(void **state)
{
    (void)state;
#ifdef YB_SANITIZE_ADDRESS
    skip(); /* what only the stack of a task refers to is taken for a leak */
#endif
    last_words words = run_child(leave_a_loop, 0);
    assert_int_equal(words.status, 7);
    assert_string_equal(words.text, "has ended\n");
}

/* What waits in line is not begun any more. */

static intptr_t say(void *arg)
{
    dprintf(STDERR_FILENO, "%s", (const char *)arg);
    return 0;
}

static void leave_a_line(int64_t exit_wait_ns)
{
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = 1, .exit_wait_ns = exit_wait_ns};
    yibu_executor *executor;
    sem_init(&started, 0, 0);
    if (yibu_thread_pool_executor_new(&options, &executor) < 0)
        _exit(99);
    (void)yibu_executor_submit(executor, take_a_moment, NULL, NULL, NULL);
    wait_on(&started);
    (void)yibu_executor_submit(executor, say, "never\n", NULL, NULL);
}

static void what_waits_in_line_is_dropped(void **state)
{
    (void)state;
    last_words words = run_child(leave_a_line, 0);
    assert_int_equal(words.status, 7);
    assert_string_equal(words.text, "has ended\n");
}

static void without_functions_nothing_is_waited_for(int64_t exit_wait_ns)
{
    yibu_executor *executor = new_executor(exit_wait_ns);
    yibu_concurrent_future *future;
    (void)yibu_executor_submit(executor, return_argument, NULL, NULL, &future);
    (void)result_of(future);
    yibu_executor_free(executor);
    (void)new_executor(exit_wait_ns);
}

static void idle_threads_do_not_keep_the_program(void **state)
{
    (void)state;
    last_words words = run_child(without_functions_nothing_is_waited_for, 0);
    assert_int_equal(words.status, 7);
    assert_string_equal(words.text, "");
    assert_true(words.took_ns < YIBU_SECONDS(9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_waits_for_what_runs),
        cmocka_unit_test(the_end_names_what_runs_too_long_and_goes_on),
        cmocka_unit_test(the_end_need_not_wait),
        cmocka_unit_test(a_function_that_ends_the_program_does_not_wait_for_itself),
        cmocka_unit_test(a_loops_own_functions_are_waited_for_too),
        cmocka_unit_test(what_waits_in_line_is_dropped),
        cmocka_unit_test(idle_threads_do_not_keep_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
