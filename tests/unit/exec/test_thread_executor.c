/* Thread pools as executors: their options, who may use them, and what becomes of work. */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"
#include "result.h"

static yibu_executor *new_executor(unsigned max_workers)
{
    const yibu_thread_pool_options options = {.size = sizeof(options), .max_workers = max_workers};
    yibu_executor *executor;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    return executor;
}

static yibu_concurrent_future *submit(yibu_executor *executor, yibu_coroutine *fn, void *arg)
{
    yibu_concurrent_future *future;
    assert_int_equal(yibu_executor_submit(executor, fn, arg, NULL, &future), 0);
    return future;
}

static yibu_executor_stats stats_of(yibu_executor *executor)
{
    yibu_executor_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_executor_statistics(executor, &stats), 0);
    return stats;
}

static void a_plain_thread_gets_results(void **state)
{
    (void)state;
    yibu_executor *executor = new_executor(2);
    for (intptr_t i = 0; i < 1000; i++)
        assert_int_equal(result_of(submit(executor, return_argument, (void *)i)), i);
    yibu_executor_free(executor);
}

static void options_may_be_wrong(void **state)
{
    (void)state;
    yibu_executor *executor = NULL;
    const int cpus[] = {-1, CPU_SETSIZE};
    yibu_thread_pool_options options = {.size = sizeof(options), .cpus = cpus, .cpu_count = 1};
    assert_int_equal(yibu_thread_pool_executor_new(&options, NULL), -EINVAL);
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), -EINVAL);
    options.cpus = cpus + 1;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), -EINVAL);
    options.cpus = NULL;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), -EINVAL);
    options.size = 1;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), -EINVAL);
    assert_null(executor);
}

static void threads_start_when_they_are_needed(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    yibu_executor *executor = new_executor(8);
    yibu_concurrent_future *futures[3];
    assert_int_equal(stats_of(executor).workers, 0);
    assert_int_equal(stats_of(executor).max_workers, 8);
    for (unsigned i = 0; i < 3; i++) {
        futures[i] = submit(executor, pass_gate, &g);
        wait_on(&g.started);
        assert_in_range(stats_of(executor).workers, i + 1, i + 2);
    }
    for (int i = 0; i < 3; i++)
        sem_post(&g.go);
    for (int i = 0; i < 3; i++)
        (void)result_of(futures[i]);
    unsigned workers = stats_of(executor).workers;
    for (int i = 0; i < 100; i++)
        assert_int_equal(result_of(submit(executor, return_argument, NULL)), 0);
    assert_int_equal(stats_of(executor).workers, workers); /* those at rest are used */
    yibu_executor_free(executor);
    gate_close(&g);
}

static void no_more_than_max_workers_run_at_once(void **state)
{
    (void)state;
    enum { LIMIT = 3, CALLS = 8 };
    gate g;
    gate_open(&g);
    yibu_executor *executor = new_executor(LIMIT);
    yibu_concurrent_future *futures[CALLS];
    for (int i = 0; i < CALLS; i++)
        futures[i] = submit(executor, pass_gate, &g);
    for (int i = 0; i < LIMIT; i++)
        wait_on(&g.started);
    for (int i = 0; i < CALLS - LIMIT; i++) {
        assert_int_equal(sem_trywait(&g.started), -1);
        sem_post(&g.go);
        wait_on(&g.started);
    }
    for (int i = 0; i < LIMIT; i++)
        sem_post(&g.go);
    for (int i = 0; i < CALLS; i++)
        (void)result_of(futures[i]);
    yibu_executor_free(executor);
    gate_close(&g);
}

static void by_default_there_may_be_four_threads_more_than_processors(void **state)
{
    (void)state;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    int most = CPU_COUNT(&set) + 4;
    yibu_executor *executor = new_executor(0);
    assert_int_equal(stats_of(executor).max_workers, most < 32 ? most : 32);
    yibu_executor_free(executor);
}

static void a_full_line_refuses(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = 1, .max_queue = 2};
    yibu_executor *executor;
    yibu_concurrent_future *running, *futures[2], *refused;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    running = submit(executor, pass_gate, &g);
    wait_on(&g.started);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            yibu_executor_try_submit(executor, return_argument, NULL, NULL, &futures[i]), 0);
    assert_int_equal(yibu_executor_try_submit(executor, return_argument, NULL, NULL, &refused),
                     -EAGAIN);
    sem_post(&g.go);
    assert_int_equal(result_of(running), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(result_of(futures[i]), 0);
    yibu_executor_free(executor);
    gate_close(&g);
}

/* Names. */

static bool thread_is_named(const char *name)
{
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    bool found = false;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[300], comm[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(comm, sizeof(comm), file))
            comm[strcspn(comm, "\n")] = '\0';
        (void)fclose(file);
        found |= strcmp(comm, name) == 0;
    }
    closedir(folder);
    return found;
}

static void expect_name(const char *prefix, const char *name)
{
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = 1, .name_prefix = prefix};
    yibu_executor *executor;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    assert_int_equal(result_of(submit(executor, return_argument, NULL)), 0);
    assert_true(thread_is_named(name));
    yibu_executor_free(executor);
    assert_false(thread_is_named(name));
}

static void threads_are_named_for_ps_and_debuggers(void **state)
{
    (void)state;
    expect_name(NULL, "yibu-worker-1");
    expect_name("images", "images-1");
    expect_name("a-name-that-is-too-long", "a-name-that-i-1");
    expect_name("", "-1");
}

/* Initializers. */

static _Thread_local int initialized;
static _Atomic(int) initializations;

static int initialize(void *arg)
{
    initialized = *(int *)arg;
    atomic_fetch_add(&initializations, 1);
    return 0;
}

static intptr_t see_initialized(void *arg)
{
    (void)pass_gate(arg);
    return initialized;
}

static void each_thread_is_initialized_before_it_runs_anything(void **state)
{
    (void)state;
    int value = 42;
    gate g;
    gate_open(&g);
    const yibu_thread_pool_options options = {.size = sizeof(options),
                                              .max_workers = 3,
                                              .initializer = initialize,
                                              .initializer_arg = &value};
    yibu_executor *executor;
    yibu_concurrent_future *futures[3];
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    assert_int_equal(initializations, 0);
    for (int i = 0; i < 3; i++)
        futures[i] = submit(executor, see_initialized, &g);
    for (int i = 0; i < 3; i++)
        wait_on(&g.started);
    for (int i = 0; i < 3; i++)
        sem_post(&g.go);
    for (int i = 0; i < 3; i++)
        assert_int_equal(result_of(futures[i]), 42);
    assert_int_equal(initializations, 3);
    yibu_executor_free(executor);
    gate_close(&g);
}

static int fail_at_the_gate(void *arg)
{
    (void)pass_gate(arg);
    return -EIO;
}

static void an_initializer_that_fails_breaks_the_pool(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    const yibu_thread_pool_options options = {.size = sizeof(options),
                                              .max_workers = 1,
                                              .initializer = fail_at_the_gate,
                                              .initializer_arg = &g};
    yibu_executor *executor;
    yibu_concurrent_future *futures[5], *late;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    for (int i = 0; i < 5; i++)
        futures[i] = submit(executor, return_argument, NULL);
    wait_on(&g.started);
    sem_post(&g.go);
    for (int i = 0; i < 5; i++)
        assert_int_equal(result_of(futures[i]), YIBU_EBROKENPOOL);
    assert_int_equal(yibu_executor_submit(executor, return_argument, NULL, NULL, &late),
                     YIBU_EBROKENPOOL);
    yibu_executor_free(executor);
    gate_close(&g);
}

/* Processors. */

static intptr_t see_processors(void *arg)
{
    return sched_getaffinity(0, sizeof(cpu_set_t), arg) == 0 ? 0 : -errno;
}

static int last_processor(void)
{
    cpu_set_t set;
    int last = -1;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    for (int i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET((size_t)i, &set) ? i : last;
    return last;
}

static void threads_run_on_the_processors_that_were_asked_for(void **state)
{
    (void)state;
    int cpu = last_processor();
    cpu_set_t set;
    yibu_thread_pool_options options = {.size = sizeof(options), .cpus = &cpu, .cpu_count = 1};
    yibu_executor *executor;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    assert_int_equal(result_of(submit(executor, see_processors, &set)), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    assert_true(CPU_ISSET((size_t)cpu, &set));
    yibu_executor_free(executor);
    cpu = CPU_SETSIZE - 1; /* none has so many */
    yibu_concurrent_future *future;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    assert_int_equal(yibu_executor_submit(executor, return_argument, NULL, NULL, &future), -EINVAL);
    yibu_executor_free(executor);
}

/* Work that nobody watches. */

static void what_stands_behind_a_function_that_blocks_is_run(void **state)
{
    (void)state;
    yibu_executor *executor = new_executor(4);
    for (int round = 0; round < 20; round++) {
        gate g;
        gate_open(&g);
        for (int i = 0; i < 2000; i++)
            assert_int_equal(yibu_executor_submit(executor, return_argument, NULL, NULL, NULL), 0);
        yibu_concurrent_future *blocked = submit(executor, pass_gate, &g);
        yibu_concurrent_future *behind = submit(executor, return_argument, (void *)7);
        assert_int_equal(result_of(behind), 7);
        assert_false(yibu_concurrent_future_done(blocked));
        sem_post(&g.go);
        assert_int_equal(result_of(blocked), 0);
        gate_close(&g);
    }
    yibu_executor_free(executor);
}

static intptr_t meet(void *arg)
{
    int r = pthread_barrier_wait(arg);
    return r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : -r;
}

/* Nobody waits for the functions: nothing but the pool itself can get them together. */
static void functions_that_wait_for_each_other_meet_without_any_help(void **state)
{
    (void)state;
    yibu_executor *executor = new_executor(4);
    for (int round = 0; round < 100; round++) {
        pthread_barrier_t barrier;
        pthread_barrier_init(&barrier, NULL, 5);
        for (int i = 0; i < 50; i++)
            assert_int_equal(yibu_executor_submit(executor, return_argument, NULL, NULL, NULL), 0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(yibu_executor_submit(executor, meet, &barrier, NULL, NULL), 0);
        assert_int_equal(meet(&barrier), 0);
        assert_int_equal(yibu_executor_shutdown(executor, false, false, 0), 0);
        yibu_executor_free(executor);
        pthread_barrier_destroy(&barrier);
        executor = new_executor(4);
    }
    yibu_executor_free(executor);
}

/* Many threads, and the end. */

enum { SUBMITTERS = 8, SUBMISSIONS = 1250 };

typedef struct rush {
    yibu_executor *executor;
    _Atomic(int) ran, accepted, refused;
} rush;

static intptr_t count_run(void *arg)
{
    atomic_fetch_add(&((rush *)arg)->ran, 1);
    return 0;
}

static void *submit_many(void *arg)
{
    rush *r = arg;
    for (int i = 0; i < SUBMISSIONS; i++) {
        int e = yibu_executor_submit(r->executor, count_run, r, NULL, NULL);
        atomic_fetch_add(e == 0 ? &r->accepted : &r->refused, 1);
        if (e < 0 && e != YIBU_ESHUTDOWN)
            return r;
    }
    return NULL;
}

static void run_rush(rush *r, int shut_down_after)
{
    pthread_t threads[SUBMITTERS];
    r->executor = new_executor(4);
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, r), 0);
    while (atomic_load(&r->ran) < shut_down_after)
        sched_yield();
    if (shut_down_after > 0)
        assert_int_equal(yibu_executor_shutdown(r->executor, true, false, YIBU_FOREVER), 0);
    for (int i = 0; i < SUBMITTERS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    yibu_executor_free(r->executor);
}

static void ten_thousand_functions_of_eight_threads_run_once(void **state)
{
    (void)state;
    rush r = {0};
    run_rush(&r, 0);
    assert_int_equal(r.accepted, SUBMITTERS * SUBMISSIONS);
    assert_int_equal(r.ran, SUBMITTERS * SUBMISSIONS);
}

static void what_was_accepted_during_a_shutdown_runs(void **state)
{
    (void)state;
    for (int after = 1; after < 9000; after += 1500) {
        rush r = {0};
        run_rush(&r, after);
        assert_int_equal(r.accepted + r.refused, SUBMITTERS * SUBMISSIONS);
        assert_int_equal(r.ran, r.accepted);
    }
}

/* Loops that share a pool. */

typedef struct sharer {
    yibu_executor *executor;
    gate *g;
    intptr_t sum;
} sharer;

static intptr_t use_shared_pool(void *arg)
{
    sharer *s = arg;
    for (intptr_t i = 0; i < 300; i++) {
        yibu_concurrent_future *future;
        assert_int_equal(
            yibu_executor_submit(s->executor, return_argument, (void *)i, NULL, &future), 0);
        s->sum += result_of(future);
    }
    return 0;
}

static void *run_sharer(void *arg)
{
    return (void *)yibu_run(use_shared_pool, arg, NULL);
}

static intptr_t leave_one_running(void *arg)
{
    sharer *s = arg;
    yibu_concurrent_future *future = submit(s->executor, pass_gate, s->g);
    wait_on(&s->g->started);
    yibu_concurrent_future_unref(future);
    return 0;
}

static void loops_share_a_pool_and_one_may_end_before_its_work(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    yibu_executor *executor = new_executor(2);
    sharer leaving = {executor, &g, 0}, staying[2] = {{executor, &g, 0}, {executor, &g, 0}};
    assert_int_equal(yibu_run(leave_one_running, &leaving, NULL), 0);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_sharer, &staying[i]), 0);
    for (int i = 0; i < 2; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
        assert_int_equal(staying[i].sum, 299 * 300 / 2);
    }
    assert_int_equal(g.passed, 0);
    sem_post(&g.go);
    yibu_executor_free(executor);
    assert_int_equal(g.passed, 1);
    gate_close(&g);
}

/* Forks and missing threads, in a child. */

static intptr_t wait_for_child(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void the_child_of_a_fork_is_refused_and_ends(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    yibu_executor *executor = new_executor(2);
    yibu_concurrent_future *running = submit(executor, pass_gate, &g), *future;
    wait_on(&g.started);
    pid_t child = fork();
    if (child == 0) {
        int r = yibu_executor_submit(executor, return_argument, NULL, NULL, &future);
        exit(r == YIBU_EFORKED ? 0 : 1); /* and waits for nobody */
    }
    assert_int_equal(wait_for_child(child), 0);
    sem_post(&g.go);
    assert_int_equal(result_of(running), 0);
    yibu_executor_free(executor);
    gate_close(&g);
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

static void *meet_on_a_thread(void *arg)
{
    (void)meet(arg);
    return NULL;
}

static bool is_refused(yibu_executor *executor)
{
    yibu_concurrent_future *future;
    return yibu_executor_submit(executor, return_argument, NULL, NULL, &future) == -EAGAIN;
}

static void without_a_single_thread_submissions_fail(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    if (child == 0) {
        pthread_t threads[3];
        yibu_executor *executor = new_executor(2);
        uid_t user = 300000 + (uid_t)getpid();
        const rlim_t most = (rlim_t)count_threads() + 3;
        const struct rlimit limit = {most, most};
        pthread_barrier_t all;
        pthread_barrier_init(&all, NULL, 4);
        if (setrlimit(RLIMIT_NPROC, &limit) < 0 || setresuid(user, user, user) < 0)
            _exit(77);
        for (int i = 0; i < 3; i++)
            if (pthread_create(&threads[i], NULL, meet_on_a_thread, &all) != 0)
                _exit(78);
        for (int i = 0; i < 5; i++)
            if (!is_refused(executor))
                _exit(1);
        (void)pthread_barrier_wait(&all);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        yibu_concurrent_future *future;
        if (yibu_executor_submit(executor, return_argument, (void *)5, NULL, &future) != 0 ||
            result_of(future) != 5)
            _exit(2); /* there is room again */
        yibu_executor_free(executor);
        _exit(0);
    }
    assert_int_equal(wait_for_child(child), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_thread_gets_results),
        cmocka_unit_test(options_may_be_wrong),
        cmocka_unit_test(threads_start_when_they_are_needed),
        cmocka_unit_test(no_more_than_max_workers_run_at_once),
        cmocka_unit_test(by_default_there_may_be_four_threads_more_than_processors),
        cmocka_unit_test(a_full_line_refuses),
        cmocka_unit_test(threads_are_named_for_ps_and_debuggers),
        cmocka_unit_test(each_thread_is_initialized_before_it_runs_anything),
        cmocka_unit_test(an_initializer_that_fails_breaks_the_pool),
        cmocka_unit_test(threads_run_on_the_processors_that_were_asked_for),
        cmocka_unit_test(what_stands_behind_a_function_that_blocks_is_run),
        cmocka_unit_test(functions_that_wait_for_each_other_meet_without_any_help),
        cmocka_unit_test(ten_thousand_functions_of_eight_threads_run_once),
        cmocka_unit_test(what_was_accepted_during_a_shutdown_runs),
        cmocka_unit_test(loops_share_a_pool_and_one_may_end_before_its_work),
        cmocka_unit_test(the_child_of_a_fork_is_refused_and_ends),
        cmocka_unit_test(without_a_single_thread_submissions_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
