/* fork while a loop runs: the child has no loop of its own, and the parent never notices. */
#include "process.h"
#include "sockets.h"

#include <errno.h>

/* What a child did: its exit status. */
static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define IN_CHILD(pid) if (((pid) = fork()) == 0)

static intptr_t answer(void *arg)
{
    return (intptr_t)arg;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Every kind of call; the number of the first that does not say that the process was forked. */
static int try_everything(yibu_loop *loop, yibu_task *task, const int *pair)
{
    char byte = 0;
    yibu_timeout timeout;
    yibu_op op = {.callback = NULL};
    yibu_address address;
    const intptr_t results[] = {
        yibu_sleep(0),
        yibu_sleep(YIBU_MS(1)),
        yibu_yield(),
        yibu_check_cancelled(),
        yibu_await(task),
        yibu_timeout_begin(&timeout, 0),
        yibu_read(pair[0], &byte, 1),
        yibu_write(pair[0], &byte, 1),
        yibu_recv(pair[0], &byte, 1),
        yibu_send(pair[0], &byte, 1),
        yibu_send_all(pair[0], &byte, 1, NULL),
        yibu_accept(pair[0], &address),
        yibu_wait_readable(pair[0]),
        yibu_wait_writable(pair[0]),
        yibu_tcp_connect("127.0.0.1", 1),
        yibu_to_thread(answer, NULL),
        yibu_call_soon(loop, nothing, NULL, NULL),
        yibu_call_later(loop, 0, nothing, NULL, NULL),
        yibu_add_reader(loop, pair[0], nothing, NULL),
        yibu_remove_reader(loop, pair[0]),
        yibu_add_signal_handler(loop, SIGUSR1, nothing, NULL),
        yibu_op_recv(loop, &op, pair[0], &byte, 1),
        yibu_op_sleep(loop, &op, 0),
        yibu_loop_run_once(loop, 0),
        yibu_loop_fd(loop),
        yibu_loop_free(loop),
    };
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        if (results[i] != YIBU_EFORKED)
            return (int)i + 1;
    if (yibu_get_running_loop() || yibu_current_task() || yibu_create_task(answer, NULL, NULL))
        return 100;
    return 0;
}

LOOP_TEST(the_child_is_told_that_it_was_forked_and_the_parent_goes_on)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_task *task = yibu_create_task(answer, (void *)5, NULL);
    int pair[2];
    char byte = 0;
    pid_t pid;
    test_pair(pair);
    IN_CHILD(pid)
    _exit(try_everything(loop, task, pair));
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(yibu_await(task), 5);
    yibu_task_unref(task);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_send(pair[0], "x", 1), 1);
    assert_int_equal(yibu_recv(pair[1], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    test_close_pair(pair);
    return 0;
}

/* An operation that is under way in the parent: its data goes to the parent. */
static intptr_t receive_one(void *arg)
{
    char byte = 0;
    ssize_t n = yibu_recv(*(int *)arg, &byte, 1);
    return n == 1 ? byte : n;
}

LOOP_TEST(operations_under_way_stay_the_parent_s)
{
    int pair[2];
    pid_t pid;
    test_pair(pair);
    yibu_task *task = yibu_create_task(receive_one, &pair[0], NULL);
    yibu_sleep(YIBU_MS(1));
    IN_CHILD(pid)
    {
        (void)!write(pair[1], "x", 1);
        _exit(yibu_sleep(0) == YIBU_EFORKED ? 0 : 1);
    }
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(yibu_await(task), 'x');
    yibu_task_unref(task);
    test_close_pair(pair);
    return 0;
}

static intptr_t small_program(void *arg)
{
    int pair[2];
    (void)arg;
    test_pair(pair);
    yibu_task *task = yibu_create_task(receive_one, &pair[0], NULL);
    yibu_sleep(YIBU_MS(1));
    if (yibu_send(pair[1], "y", 1) != 1 || yibu_await(task) != 'y')
        return 1;
    yibu_task_unref(task);
    test_close_pair(pair);
#ifdef YB_SANITIZE_THREAD
    return 0; /* it takes the child's threads for those that the parent has */
#else
    return yibu_to_thread(answer, NULL);
#endif
}

LOOP_TEST(the_child_may_run_a_loop_of_its_own)
{
    pid_t pid;
    IN_CHILD(pid)
    {
        intptr_t result = yibu_run(small_program, NULL, NULL);
        if (result == 0) /* and another */
            result = yibu_run(small_program, NULL, NULL);
        _exit(yibu_failed(result) ? 2 : (int)result);
    }
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(small_program(NULL), 0);
    return 0;
}

/* A child that has a loop, forked in turn. */
static intptr_t fork_again(void *arg)
{
    pid_t pid;
    (void)arg;
    IN_CHILD(pid)
    _exit(yibu_run(small_program, NULL, NULL) == 0 ? 3 : 4);
    int status = status_of(pid);
    return yibu_sleep(YIBU_MS(1)) == 0 ? status : 5;
}

LOOP_TEST(a_child_s_child_is_forked_as_well)
{
    pid_t pid;
    IN_CHILD(pid)
    _exit((int)yibu_run(fork_again, NULL, NULL));
    assert_int_equal(status_of(pid), 3);
    return 0;
}

LOOP_TEST(a_child_between_two_runs_has_nothing_to_be_told)
{
    pid_t pid;
    IN_CHILD(pid)
    {
        bool told = yibu_sleep(0) == YIBU_EFORKED;
        intptr_t result = yibu_run(small_program, NULL, NULL);
        bool no_task = yibu_sleep(0) == YIBU_ENOTASK;
        _exit(told && result == 0 && no_task ? 0 : 1);
    }
    assert_int_equal(status_of(pid), 0);
    return 0;
}

/* A child that returns from its task would run on into the parent's loop. */

static intptr_t fork_and_return(void *arg)
{
    (void)arg;
    pid_t pid = fork();
    if (pid == 0)
        return 0;
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? 9 : 1;
}

static int run_fork_and_return(void *arg)
{
    (void)arg;
    return (int)yibu_run(fork_and_return, NULL, NULL);
}

static void a_child_that_returns_into_the_runtime_is_aborted(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_fork_and_return, NULL, &result);
    assert_true(test_exited(&result, 9));
    assert_non_null(strstr(result.said, "forked child returned into the runtime of its parent"));
}

/* Signals of the child are not the parent's. */

static void count(void *arg)
{
    ++*(int *)arg;
}

LOOP_TEST(a_signal_in_the_child_does_not_reach_the_parent_s_loop)
{
    yibu_loop *loop = yibu_get_running_loop();
    int deliveries = 0;
    pid_t pid;
    yibu_add_signal_handler(loop, SIGUSR1, count, &deliveries);
    IN_CHILD(pid)
    {
        raise(SIGUSR1); /* the default action is back: it kills */
        _exit(0);
    }
    assert_int_equal(status_of(pid), 1000 + SIGUSR1);
    yibu_sleep(YIBU_MS(1));
    assert_int_equal(deliveries, 0);
    raise(SIGUSR1);
    yibu_sleep(0);
    yibu_sleep(0);
    assert_int_equal(deliveries, 1);
    assert_int_equal(yibu_remove_signal_handler(loop, SIGUSR1), 1);
    return 0;
}

LOOP_TEST(a_child_handles_signals_in_a_loop_of_its_own)
{
    yibu_loop *loop = yibu_get_running_loop();
    int deliveries = 0;
    pid_t pid;
    yibu_add_signal_handler(loop, SIGUSR1, count, &deliveries);
    IN_CHILD(pid)
    {
        yibu_loop *own;
        if (yibu_loop_new(NULL, &own) < 0 ||
            yibu_add_signal_handler(own, SIGUSR1, count, &deliveries) < 0)
            _exit(1);
        raise(SIGUSR1);
        yibu_loop_run_once(own, 0);
        _exit(deliveries == 1 && yibu_loop_free(own) == 0 ? 0 : 2);
    }
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(deliveries, 0);
    yibu_remove_signal_handler(loop, SIGUSR1);
    return 0;
}

/* Threads of the pool are not in the child; the parent's go on. */
LOOP_TEST(the_pool_of_threads_survives_in_the_parent)
{
    pid_t pid;
    assert_int_equal(yibu_to_thread(answer, (void *)1), 1);
    IN_CHILD(pid)
    _exit(yibu_run(small_program, NULL, NULL) == 0 ? 0 : 1);
    assert_int_equal(yibu_to_thread(answer, (void *)2), 2);
    assert_int_equal(status_of(pid), 0);
    return 0;
}

/* What a timer, a watch and a wake-up mean to the parent is not changed by children that end. */
LOOP_TEST(many_children_leave_the_parent_s_loop_as_it_was)
{
    yibu_loop *loop = yibu_get_running_loop();
    int pair[2], deliveries = 0;
    test_pair(pair);
    yibu_task *task = yibu_create_task(receive_one, &pair[0], NULL);
    for (int i = 0; i < 10; i++) {
        pid_t pid;
        IN_CHILD(pid)
        _exit(0);
        assert_int_equal(yibu_sleep(YIBU_US(300)), 0);
        assert_int_equal(yibu_call_soon_threadsafe(loop, count, &deliveries), 0);
        assert_int_equal(status_of(pid), 0);
    }
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(deliveries, 10);
    assert_int_equal(yibu_send(pair[1], "z", 1), 1);
    assert_int_equal(yibu_await(task), 'z');
    yibu_task_unref(task);
    test_close_pair(pair);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_is_told_that_it_was_forked_and_the_parent_goes_on),
        cmocka_unit_test(operations_under_way_stay_the_parent_s),
        cmocka_unit_test(the_child_may_run_a_loop_of_its_own),
        cmocka_unit_test(a_child_s_child_is_forked_as_well),
        cmocka_unit_test(a_child_between_two_runs_has_nothing_to_be_told),
        cmocka_unit_test(a_child_that_returns_into_the_runtime_is_aborted),
        cmocka_unit_test(a_signal_in_the_child_does_not_reach_the_parent_s_loop),
        cmocka_unit_test(a_child_handles_signals_in_a_loop_of_its_own),
        cmocka_unit_test(the_pool_of_threads_survives_in_the_parent),
        cmocka_unit_test(many_children_leave_the_parent_s_loop_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
