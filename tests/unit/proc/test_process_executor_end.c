/* The end of an executor of processes: asked for, with its home loop, or by force. */
#include "executors.h"
#include "hush.h"
#include "leftovers.h"
#include "process.h"

static intptr_t nap(yibu_bytes input, yibu_buffer *output)
{
    int64_t ns;
    (void)output;
    memcpy(&ns, input.data, sizeof(ns));
    usleep((useconds_t)(ns / 1000));
    return getpid();
}
YIBU_JOB(nap);

static const int64_t SHORT_NS = YIBU_MS(20), LONG_NS = YIBU_SECONDS(1000);

static const yibu_process_pool_options one = {.max_workers = 1};

/* Asked for. */

static void start_naps(yibu_executor *executor, yibu_concurrent_future **futures, int count,
                       int64_t ns)
{
    for (int i = 0; i < count; i++)
        futures[i] = submit(executor, &nap_job, VALUE(ns));
}

static void shutdown_waits_for_what_was_submitted(void **state)
{
    yibu_concurrent_future *futures[10], *late = NULL;
    int descriptors = count_descriptors();
    (void)state;
    yibu_executor *executor = executor_new(one);
    start_naps(executor, futures, 10, SHORT_NS);
    assert_int_equal(yibu_executor_shutdown(executor, true, false, YIBU_FOREVER), 0);
    for (int i = 0; i < 10; i++) {
        assert_true(yibu_concurrent_future_done(futures[i]));
        assert_true(result_of(futures[i]) > 0);
    }
    assert_int_equal(yibu_executor_submit_job(executor, &nap_job, VALUE(SHORT_NS), NULL, &late),
                     YIBU_ESHUTDOWN);
    assert_int_equal(yibu_executor_shutdown(executor, true, true, 0), 0);
    yibu_executor_free(executor);
    expect_nothing_left(descriptors);
}

static void shutdown_may_cancel_what_waits(void **state)
{
    yibu_concurrent_future *futures[10];
    (void)state;
    yibu_executor *executor = executor_new(one);
    intptr_t pid = run_job(executor, &nap_job, VALUE(SHORT_NS));
    start_naps(executor, futures, 10, YIBU_MS(200));
    while (statistics_of(executor).running == 0)
        usleep(1000);
    assert_int_equal(yibu_executor_shutdown(executor, true, true, YIBU_FOREVER), 0);
    assert_int_equal(result_of(futures[0]), pid);
    for (int i = 1; i < 10; i++)
        assert_int_equal(result_of(futures[i]), YIBU_ESHUTDOWN);
    yibu_executor_free(executor);
}

static intptr_t shut_down_in_time(void *arg)
{
    (void)arg;
    yibu_loop_set_exception_handler(yibu_get_running_loop(), test_hush, NULL);
    yibu_executor *executor = executor_new(one);
    yibu_concurrent_future *future = submit(executor, &nap_job, VALUE(LONG_NS));
    assert_int_equal(yibu_executor_shutdown(executor, true, false, YIBU_MS(30)), -ETIMEDOUT);
    assert_int_equal(yibu_executor_shutdown(executor, false, false, 0), 0);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    assert_int_equal(yibu_executor_shutdown(executor, true, false, YIBU_FOREVER), 0);
    yibu_executor_free(executor);
    return 0;
}

static void shutdown_gives_up_waiting_after_its_limit(void **state)
{
    int descriptors = count_descriptors();
    (void)state;
    assert_int_equal(yibu_run(shut_down_in_time, NULL, NULL), 0);
    expect_nothing_left(descriptors);
}

LOOP_TEST(executor_that_was_never_used_is_freed)
{
    for (int i = 0; i < 20; i++) {
        yibu_executor_free(executor_new(one));
        yibu_executor_free(executor_new((yibu_process_pool_options){.own_thread = true}));
    }
    return 0;
}

/* With its home. */

static yibu_executor *left_over;
static yibu_concurrent_future *left_futures[4];

static intptr_t leave_executor(void *arg)
{
    (void)arg;
    left_over = executor_new(one);
    assert_true(run_job(left_over, &nap_job, VALUE(SHORT_NS)) > 0);
    start_naps(left_over, left_futures, 4, LONG_NS);
    return yibu_sleep(YIBU_MS(20));
}

static void what_is_under_way_fails_with_the_end_of_the_home_loop(void **state)
{
    int descriptors = count_descriptors();
    yibu_concurrent_future *late = NULL;
    (void)state;
    assert_int_equal(yibu_run(leave_executor, NULL, NULL), 0);
    expect_nothing_left(descriptors);
    for (int i = 0; i < 4; i++)
        assert_int_equal(result_of(left_futures[i]), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_executor_submit_job(left_over, &nap_job, VALUE(SHORT_NS), NULL, &late),
                     YIBU_ESHUTDOWN);
    yibu_executor_free(left_over);
}

static void executor_is_freed_while_its_home_loop_does_not_run(void **state)
{
    yibu_loop *loop = NULL;
    yibu_concurrent_future *futures[4];
    int descriptors = count_descriptors();
    (void)state;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_executor *executor = executor_new(one);
    start_naps(executor, futures, 4, LONG_NS);
    for (int i = 0; i < 20; i++)
        (void)yibu_loop_run_once(loop, YIBU_MS(5));
    yibu_executor_free(executor);
    for (int i = 0; i < 4; i++)
        assert_int_equal(result_of(futures[i]), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_loop_free(loop), 0);
    expect_nothing_left(descriptors);
}

/* Threads that submit until they are told to stop. */

typedef struct submitter {
    pthread_t thread;
    yibu_executor *executor;
    unsigned ended, refused;
} submitter;

static void *submit_until_refused(void *arg)
{
    submitter *s = arg;
    while (!s->refused) {
        yibu_concurrent_future *future = NULL;
        int64_t ns = 0;
        int r = yibu_executor_submit_job(s->executor, &nap_job, VALUE(ns), NULL, &future);
        if (r == YIBU_ESHUTDOWN) {
            s->refused++;
            continue;
        }
        assert_int_equal(r, 0);
        intptr_t result = result_of(future);
        assert_true(result > 0 || result == YIBU_ESHUTDOWN);
        s->ended++;
    }
    return NULL;
}

enum { SUBMITTERS = 4 };

static submitter submitters[SUBMITTERS];

static void start_submitters(yibu_executor *executor)
{
    for (int i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (submitter){.executor = executor};
        assert_int_equal(
            pthread_create(&submitters[i].thread, NULL, submit_until_refused, &submitters[i]), 0);
    }
}

static void join_submitters(void)
{
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i].thread, NULL);
}

static intptr_t be_home_to_submitters(void *arg)
{
    left_over = executor_new((yibu_process_pool_options){.max_workers = 2});
    (void)arg;
    start_submitters(left_over);
    return yibu_sleep(YIBU_MS(30));
}

static void home_loop_ends_while_threads_submit(void **state)
{
    int descriptors = count_descriptors();
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(yibu_run(be_home_to_submitters, NULL, NULL), 0);
        join_submitters();
        yibu_executor_free(left_over);
    }
    expect_nothing_left(descriptors);
}

static void executor_shuts_down_while_threads_submit(void **state)
{
    int descriptors = count_descriptors();
    (void)state;
    for (int i = 0; i < 5; i++) {
        yibu_executor *executor = executor_new((yibu_process_pool_options){.max_workers = 2});
        start_submitters(executor);
        usleep(20000);
        assert_int_equal(yibu_executor_shutdown(executor, true, i % 2 == 0, YIBU_FOREVER), 0);
        join_submitters();
        yibu_executor_free(executor);
    }
    expect_nothing_left(descriptors);
}

/* By force. */

static pid_t zygote_of_this(void)
{
    pid_t zygote = 0;
    assert_int_equal(children_of(getpid(), &zygote, 1), 1);
    return zygote;
}

static void killed_zygote_fails_what_ran_and_is_replaced(void **state)
{
    int descriptors = count_descriptors();
    (void)state;
    yibu_executor *executor = executor_new((yibu_process_pool_options){.max_workers = 2});
    intptr_t pid = run_job(executor, &nap_job, VALUE(SHORT_NS));
    yibu_concurrent_future *running = submit(executor, &nap_job, VALUE(LONG_NS));
    while (statistics_of(executor).running == 0)
        usleep(1000);
    usleep(20000);
    kill(zygote_of_this(), SIGKILL);
    assert_int_equal(result_of(running), YIBU_EWORKER);
    expect_gone((pid_t)pid);
    assert_true(run_job(executor, &nap_job, VALUE(SHORT_NS)) > 0);
    yibu_executor_free(executor);
    expect_nothing_left(descriptors);
}

static void stopped_zygote_does_not_keep_an_executor_from_ending(void **state)
{
    int descriptors = count_descriptors();
    (void)state;
    yibu_executor *executor = executor_new(one);
    assert_true(run_job(executor, &nap_job, VALUE(SHORT_NS)) > 0);
    kill(zygote_of_this(), SIGSTOP);
    yibu_executor_free(executor);
    expect_nothing_left(descriptors);
}

/* The parent: two executors, one on its loop and one on a thread of its own. */

static intptr_t stay(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    fprintf(stderr, "<%d %d>", (int)getppid(), (int)getpid());
    while (pause() < 0)
        continue;
    return 0;
}
YIBU_JOB(stay);

static intptr_t stay_twice(void *arg)
{
    (void)arg;
    yibu_executor *here = executor_new(one);
    yibu_executor *there = executor_new((yibu_process_pool_options){.own_thread = true});
    (void)submit(here, &stay_job, NOTHING);
    (void)submit(there, &stay_job, NOTHING);
    return yibu_sleep(YIBU_SECONDS(3600));
}

static int run_stay_twice(void *arg)
{
    return (int)yibu_run(stay_twice, arg, NULL);
}

static void nothing_is_left_of_a_parent_that_was_killed(void **state)
{
    char said[200] = "";
    size_t length = 0;
    int people[4] = {0};
    test_process process;
    test_result result;
    (void)state;
    test_process_start(run_stay_twice, NULL, &process);
    while (sscanf(said, "<%d %d><%d %d>", &people[0], &people[1], &people[2], &people[3]) != 4) {
        ssize_t n = read(process.errors, said + length, sizeof(said) - 1 - length);
        assert_true(n > 0);
        length += (size_t)n;
        said[length] = '\0';
    }
    for (int i = 0; i < 4; i++)
        assert_true(process_alive(people[i]));
    kill(process.pid, SIGKILL);
    for (int i = 0; i < 4; i++)
        expect_gone(people[i]);
    test_process_finish(&process, &result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_waits_for_what_was_submitted),
        cmocka_unit_test(shutdown_may_cancel_what_waits),
        cmocka_unit_test(shutdown_gives_up_waiting_after_its_limit),
        cmocka_unit_test(executor_that_was_never_used_is_freed),
        cmocka_unit_test(what_is_under_way_fails_with_the_end_of_the_home_loop),
        cmocka_unit_test(executor_is_freed_while_its_home_loop_does_not_run),
        cmocka_unit_test(home_loop_ends_while_threads_submit),
        cmocka_unit_test(executor_shuts_down_while_threads_submit),
        cmocka_unit_test(killed_zygote_fails_what_ran_and_is_replaced),
        cmocka_unit_test(stopped_zygote_does_not_keep_an_executor_from_ending),
        cmocka_unit_test(nothing_is_left_of_a_parent_that_was_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
