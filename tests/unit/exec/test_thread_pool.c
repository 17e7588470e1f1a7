/* The pool's threads: how many, which, how they look from outside, what becomes of them. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"

static void start_gate_tasks(gate *g, yibu_task **tasks, int count)
{
    for (int i = 0; i < count; i++)
        tasks[i] = yibu_create_task(pass_gate_on_a_thread, g, NULL);
    assert_int_equal(yibu_sleep(0), 0);
}

/* Starts more functions than there may be threads, and expects limit of them to run at once. */
static void expect_limit(int limit)
{
    enum { EXTRA = 5 };
    gate g;
    gate_open(&g);
    yibu_task *tasks[64];
    int count = limit + EXTRA;
    assert_in_range(count, 1, 64);
    start_gate_tasks(&g, tasks, count);
    for (int i = 0; i < limit; i++)
        wait_on(&g.started);
    assert_int_equal(sem_trywait(&g.started), -1);
    for (int i = 0; i < EXTRA; i++) {
        sem_post(&g.go);
        wait_on(&g.started);
        assert_int_equal(sem_trywait(&g.started), -1);
    }
    for (int i = 0; i < limit; i++)
        sem_post(&g.go);
    for (int i = 0; i < count; i++) {
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    gate_close(&g);
}

THREADS_TEST(3, no_more_functions_run_at_once_than_max_threads)
{
    expect_limit(3);
    return 0;
}

LOOP_TEST(without_an_option_there_are_up_to_four_threads_more_than_processors)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    int limit = CPU_COUNT(&set) + 4;
    expect_limit(limit < 32 ? limit : 32);
    return 0;
}

static intptr_t meet(void *arg)
{
    int r = pthread_barrier_wait(arg);
    return r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : -r;
}

static intptr_t meet_on_a_thread(void *arg)
{
    return yibu_to_thread(meet, arg);
}

THREADS_TEST(8, eight_functions_that_wait_for_each_other_meet)
{
    for (int round = 0; round < 200; round++) {
        pthread_barrier_t barrier;
        pthread_barrier_init(&barrier, NULL, 8);
        yibu_task *tasks[8];
        for (int i = 0; i < 8; i++)
            tasks[i] = yibu_create_task(meet_on_a_thread, &barrier, NULL);
        for (int i = 0; i < 8; i++) {
            assert_int_equal(yibu_await(tasks[i]), 0);
            yibu_task_unref(tasks[i]);
        }
        pthread_barrier_destroy(&barrier);
    }
    return 0;
}

static intptr_t call_short_functions(void)
{
    for (int i = 0; i < 1000; i++)
        assert_int_equal(yibu_to_thread(return_argument, NULL), 0);
    return 0;
}

/* Short functions are drained by one thread; what stands behind one that then blocks is not
 * stuck. */
THREADS_TEST(4, others_run_while_a_function_blocks_after_many_short_ones)
{
    for (int i = 0; i < 20; i++) {
        gate g;
        gate_open(&g);
        assert_int_equal(call_short_functions(), 0);
        yibu_task *blocked = yibu_create_task(pass_gate_on_a_thread, &g, NULL);
        if (i % 2 == 0)
            assert_int_equal(yibu_sleep(0), 0);
        yibu_task *others[3];
        for (int j = 0; j < 3; j++)
            others[j] = yibu_create_task(return_argument_on_a_thread, NULL, NULL);
        for (int j = 0; j < 3; j++) {
            assert_int_equal(yibu_await(others[j]), 0);
            yibu_task_unref(others[j]);
        }
        assert_false(yibu_task_done(blocked));
        sem_post(&g.go);
        assert_int_equal(yibu_await(blocked), 0);
        yibu_task_unref(blocked);
        gate_close(&g);
    }
    return 0;
}

THREADS_TEST(8, functions_that_wait_for_each_other_meet_after_many_short_ones)
{
    assert_int_equal(call_short_functions(), 0);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 8);
    yibu_task *tasks[8];
    for (int i = 0; i < 8; i++)
        tasks[i] = yibu_create_task(meet_on_a_thread, &barrier, NULL);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    pthread_barrier_destroy(&barrier);
    return 0;
}

static intptr_t thread_id(void *arg)
{
    (void)arg;
    return gettid();
}

static int count_threads(void)
{
    int count = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "Threads: %d", &count) == 1)
            break;
    (void)fclose(file);
    return count;
}

/* One is enough, unless it loses its processor just then. */
THREADS_TEST(32, one_call_after_another_starts_hardly_any_thread)
{
    int before = count_threads();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(yibu_to_thread(return_argument, NULL), 0);
    assert_in_range(count_threads() - before, 1, 3);
    return 0;
}

/* With several at rest, it is the one that rested last that is asked. */
THREADS_TEST(8, a_thread_that_was_busy_last_is_used_first)
{
    gate g;
    gate_open(&g);
    yibu_task *tasks[8];
    start_gate_tasks(&g, tasks, 8);
    for (int i = 0; i < 8; i++)
        wait_on(&g.started);
    for (int i = 0; i < 8; i++) {
        sem_post(&g.go);
        assert_int_equal(yibu_sleep(0), 0);
    }
    for (int i = 0; i < 8; i++) {
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    gate_close(&g);
    int changes = 0;
    intptr_t last = yibu_to_thread(thread_id, NULL);
    for (int i = 0; i < 1000; i++) {
        intptr_t id = yibu_to_thread(thread_id, NULL);
        changes += id != last;
        last = id;
    }
    assert_in_range(changes, 0, 100); /* in turn, it would be a thousand */
    return 0;
}

static intptr_t thread_name(void *arg)
{
    return -pthread_getname_np(pthread_self(), arg, 16);
}

THREADS_TEST(1, threads_can_be_told_by_their_name)
{
    char name[16];
    assert_int_equal(yibu_to_thread(thread_name, name), 0);
    assert_string_equal(name, "yibu-worker-1");
    return 0;
}

static intptr_t blocked_signals(void *arg)
{
    return -pthread_sigmask(SIG_BLOCK, NULL, arg);
}

LOOP_TEST(signals_of_the_program_are_blocked_in_threads_and_faults_are_not)
{
    sigset_t set;
    assert_int_equal(yibu_to_thread(blocked_signals, &set), 0);
    const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM, SIGPIPE, SIGWINCH};
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        assert_int_equal(sigismember(&set, blocked[i]), 1);
    const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        assert_int_equal(sigismember(&set, open[i]), 0);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
    assert_int_equal(sigismember(&set, SIGTERM), 0);
    return 0;
}

static intptr_t call_many_times(void *arg)
{
    for (intptr_t i = 0; i < 500; i++)
        if (yibu_to_thread(return_argument, (void *)i) != i)
            return -EIO;
    return *(int *)arg += 500;
}

static intptr_t call_from_many_tasks(void *arg)
{
    int calls = 0;
    yibu_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = yibu_create_task(call_many_times, &calls, NULL);
    for (int i = 0; i < 4; i++) {
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    *(int *)arg = calls;
    return 0;
}

static void *run_loop(void *arg)
{
    bool *failed = arg;
    for (int round = 0; round < 3; round++) {
        int calls = 0;
        if (yibu_run(call_from_many_tasks, &calls, NULL) != 0 || calls != 2000)
            *failed = true;
    }
    return NULL;
}

static void loops_of_many_threads_have_pools_of_their_own(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool failed[4] = {false};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_loop, &failed[i]), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(failed[i]);
    }
}

static void no_thread_is_left_when_the_loop_has_ended(void **state)
{
    (void)state;
    int before = count_threads();
    for (int i = 0; i < 20; i++) {
        int calls = 0;
        assert_int_equal(yibu_run(call_from_many_tasks, &calls, NULL), 0);
    }
    assert_int_equal(count_threads(), before);
}

/* In a child, as a user who has no other process: the limit counts what a user has. */

static intptr_t wait_for_child(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void become_lonely_user(int threads_allowed)
{
    uid_t user = 200000 + (uid_t)getpid();
    struct rlimit limit = {.rlim_cur = (rlim_t)(count_threads() + threads_allowed),
                           .rlim_max = (rlim_t)(count_threads() + threads_allowed)};
    if (setrlimit(RLIMIT_NPROC, &limit) < 0 || setresuid(user, user, user) < 0)
        _exit(77);
}

static intptr_t call_once(void *arg)
{
    return yibu_to_thread(return_argument, arg);
}

static void without_a_single_thread_the_call_fails(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    if (child == 0) {
        become_lonely_user(0);
        _exit(yibu_run(call_once, NULL, NULL) == -EAGAIN ? 0 : 1);
    }
    assert_int_equal(wait_for_child(child), 0);
}

static intptr_t call_a_hundred_times(void *arg)
{
    (void)arg;
    yibu_task *tasks[100];
    intptr_t sum = 0;
    for (intptr_t i = 0; i < 100; i++)
        tasks[i] = yibu_create_task(return_argument_on_a_thread, (void *)i, NULL);
    for (int i = 0; i < 100; i++) {
        sum += yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    return sum;
}

static void with_fewer_threads_than_allowed_it_goes_on(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    if (child == 0) {
        become_lonely_user(2);
        _exit(yibu_run(call_a_hundred_times, NULL, NULL) == 4950 ? 0 : 1);
    }
    assert_int_equal(wait_for_child(child), 0);
}

LOOP_TEST(the_child_of_a_fork_cannot_use_the_pool_and_does_not_hang)
{
    assert_int_equal(yibu_to_thread(return_argument, (void *)3), 3);
    pid_t child = fork();
    if (child == 0)
        _exit(yibu_to_thread(return_argument, NULL) == YIBU_EFORKED ? 0 : 1);
    assert_int_equal(wait_for_child(child), 0);
    assert_int_equal(yibu_to_thread(return_argument, (void *)4), 4);
    return 0;
}

static intptr_t run_a_loop_in_a_child(void *arg)
{
    (void)arg;
    assert_int_equal(yibu_to_thread(return_argument, (void *)3), 3);
    pid_t child = fork();
    if (child == 0)
        _exit(yibu_run(call_a_hundred_times, NULL, NULL) == 4950 ? 0 : 1);
    assert_int_equal(wait_for_child(child), 0);
    return 0;
}

static void the_child_of_a_fork_may_have_a_loop_and_a_pool_of_its_own(void **state)
{
#ifdef YB_SANITIZE_THREAD
    skip(); /* it takes the child's threads for those that the parent has */
#endif
    test_run_loop(run_a_loop_in_a_child, state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_functions_run_at_once_than_max_threads),
        cmocka_unit_test(without_an_option_there_are_up_to_four_threads_more_than_processors),
        cmocka_unit_test(eight_functions_that_wait_for_each_other_meet),
        cmocka_unit_test(others_run_while_a_function_blocks_after_many_short_ones),
        cmocka_unit_test(functions_that_wait_for_each_other_meet_after_many_short_ones),
        cmocka_unit_test(one_call_after_another_starts_hardly_any_thread),
        cmocka_unit_test(a_thread_that_was_busy_last_is_used_first),
        cmocka_unit_test(threads_can_be_told_by_their_name),
        cmocka_unit_test(signals_of_the_program_are_blocked_in_threads_and_faults_are_not),
        cmocka_unit_test(loops_of_many_threads_have_pools_of_their_own),
        cmocka_unit_test(no_thread_is_left_when_the_loop_has_ended),
        cmocka_unit_test(without_a_single_thread_the_call_fails),
        cmocka_unit_test(with_fewer_threads_than_allowed_it_goes_on),
        cmocka_unit_test(the_child_of_a_fork_cannot_use_the_pool_and_does_not_hang),
        cmocka_unit_test(the_child_of_a_fork_may_have_a_loop_and_a_pool_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
