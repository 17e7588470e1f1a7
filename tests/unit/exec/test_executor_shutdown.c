/* The end of executors, on real threads: each variant of a shutdown, and storms around it. */
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"
#include "result.h"

static yibu_executor *new_executor(unsigned workers, unsigned max_queue)
{
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = workers, .max_queue = max_queue};
    yibu_executor *e = NULL;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &e), 0);
    return e;
}

static yibu_concurrent_future *submit(yibu_executor *e, yibu_coroutine *fn, void *arg)
{
    yibu_concurrent_future *future = NULL;
    assert_int_equal(yibu_executor_submit(e, fn, arg, NULL, &future), 0);
    return future;
}

/* One call at a gate and one in line behind it. */

typedef struct pair {
    yibu_executor *e;
    gate gate;
    yibu_concurrent_future *runs, *waits;
} pair;

static void begin(pair *p)
{
    p->e = new_executor(1, 0);
    gate_open(&p->gate);
    p->runs = submit(p->e, pass_gate, &p->gate);
    wait_on(&p->gate.started);
    p->waits = submit(p->e, return_argument, (void *)9);
}

static void end(pair *p, intptr_t runs, intptr_t waits)
{
    assert_int_equal(result_of(p->runs), runs);
    assert_int_equal(result_of(p->waits), waits);
    assert_int_equal(yibu_executor_submit(p->e, return_argument, NULL, NULL, NULL), YIBU_ESHUTDOWN);
    yibu_executor_free(p->e);
    gate_close(&p->gate);
}

static void a_shutdown_lets_everything_end_that_was_submitted(void **state)
{
    (void)state;
    pair p;
    begin(&p);
    sem_post(&p.gate.go);
    assert_int_equal(yibu_executor_shutdown(p.e, true, false, YIBU_FOREVER), 0);
    assert_true(yibu_concurrent_future_done(p.waits));
    end(&p, 0, 9);
}

static void a_shutdown_need_not_wait(void **state)
{
    (void)state;
    pair p;
    begin(&p);
    assert_int_equal(yibu_executor_shutdown(p.e, false, false, 0), 0);
    assert_false(yibu_concurrent_future_done(p.runs));
    assert_int_equal(yibu_executor_try_submit(p.e, return_argument, NULL, NULL, NULL),
                     YIBU_ESHUTDOWN);
    sem_post(&p.gate.go);
    end(&p, 0, 9);
}

static void a_shutdown_cancels_what_is_in_line(void **state)
{
    (void)state;
    pair p;
    begin(&p);
    assert_int_equal(yibu_executor_shutdown(p.e, false, true, 0), 0);
    assert_true(yibu_concurrent_future_done(p.waits));
    assert_false(yibu_concurrent_future_done(p.runs));
    sem_post(&p.gate.go);
    end(&p, 0, YIBU_ESHUTDOWN);
}

static void hear(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    assert_int_equal(code, -ETIMEDOUT);
    snprintf(arg, 400, "%s", message);
}

LOOP_TEST(a_shutdown_waits_no_longer_than_it_may_and_says_what_is_left)
{
    char heard[400] = "";
    pair p;
    begin(&p);
    yibu_loop_set_exception_handler(yibu_get_running_loop(), hear, heard);
    assert_int_equal(yibu_executor_shutdown(p.e, true, false, YIBU_MS(1)), -ETIMEDOUT);
    assert_non_null(strstr(heard, "1 queued, 1 running"));
    assert_non_null(strstr(heard, "what runs: "));
    assert_null(strstr(heard, "what runs: ,"));
    sem_post(&p.gate.go);
    assert_int_equal(yibu_executor_shutdown(p.e, true, false, YIBU_FOREVER), 0);
    end(&p, 0, 9);
    return 0;
}

static void a_thread_waits_no_longer_than_it_may_either(void **state)
{
    (void)state;
    pair p;
    begin(&p);
    assert_int_equal(yibu_executor_shutdown(p.e, true, false, YIBU_MS(1)), -ETIMEDOUT);
    assert_int_equal(yibu_executor_shutdown(p.e, true, false, 0), -ETIMEDOUT);
    sem_post(&p.gate.go);
    end(&p, 0, 9);
}

static void open_gate(void *arg)
{
    sem_post(&((gate *)arg)->go);
}

LOOP_TEST(the_loop_goes_on_while_a_shutdown_waits)
{
    pair p;
    begin(&p);
    yibu_loop *loop = yibu_get_running_loop();
    assert_int_equal(yibu_call_later(loop, YIBU_MS(2), open_gate, &p.gate, NULL), 0);
    assert_int_equal(yibu_executor_shutdown(p.e, true, true, YIBU_FOREVER), 0);
    end(&p, 0, YIBU_ESHUTDOWN);
    return 0;
}

static intptr_t shut_down(void *arg)
{
    return yibu_executor_shutdown(arg, true, true, YIBU_FOREVER);
}

LOOP_TEST(a_cancelled_shutdown_waits_to_its_end)
{
    pair p;
    begin(&p);
    yibu_task *task = yibu_create_task(shut_down, p.e, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(task));
    sem_post(&p.gate.go);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    end(&p, 0, YIBU_ESHUTDOWN);
    return 0;
}

static void *shut_down_in_thread(void *arg)
{
    return (void *)shut_down(arg);
}

static void several_threads_shut_down_at_once_and_again(void **state)
{
    (void)state;
    enum { COUNT = 4 };
    pair p;
    pthread_t threads[COUNT];
    begin(&p);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shut_down_in_thread, p.e), 0);
    sem_post(&p.gate.go);
    for (int i = 0; i < COUNT; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(shut_down(p.e), 0);
    assert_int_equal(result_of(p.runs), 0);
    intptr_t waits = result_of(p.waits);
    assert_true(waits == 9 || waits == YIBU_ESHUTDOWN);
    yibu_executor_free(p.e);
    gate_close(&p.gate);
}

static void one_that_was_never_used_ends_as_well(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(4, 0);
    assert_int_equal(shut_down(e), 0);
    yibu_executor_free(e);
    yibu_executor_free(new_executor(4, 0));
}

/* Storms. */

enum { THREADS = 8, EACH = 10000 / THREADS };

typedef struct storm {
    yibu_executor *e;
    pthread_barrier_t ready;
    atomic_int begun, submitted, ran, refused, ended, taken_back, abandoned;
    bool some_cancel;
} storm;

static intptr_t count_run(void *arg)
{
    atomic_fetch_add(&((storm *)arg)->ran, 1);
    return 0;
}

static void count_end(yibu_concurrent_future *future, void *arg)
{
    (void)future;
    atomic_fetch_add(&((storm *)arg)->ended, 1);
}

/* Every third one may be given up: then its argument comes back here, once. */
static void count_abandoned(void *arg)
{
    atomic_fetch_add(&((storm *)arg)->abandoned, 1);
}

static void submit_one(storm *s, int number)
{
    const yibu_submit_options giving_up = {sizeof(giving_up), count_abandoned};
    yibu_concurrent_future *future;
    const yibu_submit_options *options = number % 3 == 0 ? &giving_up : NULL;
    int r = yibu_executor_submit(s->e, count_run, s, options, &future);
    if (r == YIBU_ESHUTDOWN) {
        atomic_fetch_add(&s->refused, 1);
        return;
    }
    assert_int_equal(r, 0);
    atomic_fetch_add(&s->submitted, 1);
    assert_int_equal(yibu_concurrent_future_add_done_callback(future, count_end, s), 0);
    if (s->some_cancel && number % 3 == 0)
        (void)yibu_concurrent_future_cancel(future);
    if (number % 2) {
        intptr_t result = result_of(future);
        atomic_fetch_add(&s->taken_back, number % 3 == 0 && result < 0);
    } else {
        yibu_concurrent_future_unref(future);
    }
}

static void *submit_many(void *arg)
{
    storm *s = arg;
    pthread_barrier_wait(&s->ready);
    for (int i = 0; i < EACH; i++)
        submit_one(s, i);
    return NULL;
}

static void raise_storm(unsigned max_queue, bool cancel_futures, bool some_cancel)
{
    storm s = {.e = new_executor(3, max_queue), .some_cancel = some_cancel};
    pthread_t threads[THREADS];
    yibu_executor_stats stats = {.size = sizeof(stats)};
    pthread_barrier_init(&s.ready, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &s), 0);
    pthread_barrier_wait(&s.ready);
    while (atomic_load(&s.ended) < EACH)
        usleep(100);
    assert_int_equal(yibu_executor_shutdown(s.e, true, cancel_futures, YIBU_FOREVER), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(yibu_executor_statistics(s.e, &stats), 0);
    yibu_executor_free(s.e);
    pthread_barrier_destroy(&s.ready);
    assert_int_equal(s.submitted + s.refused, THREADS * EACH);
    assert_int_equal(s.ended, s.submitted);
    assert_int_equal(stats.done + stats.failed + stats.cancelled, s.submitted);
    assert_true(stats.done <= (uint64_t)s.ran); /* some ran to no avail */
    assert_true(s.abandoned >= s.taken_back);
    assert_true((uint64_t)s.abandoned <= stats.failed + stats.cancelled);
    assert_int_equal(stats.queued + stats.running, 0);
}

static void every_future_of_ten_thousand_ends_once_while_shutting_down(void **state)
{
    (void)state;
    for (unsigned max_queue = 0; max_queue <= 20; max_queue += 10)
        for (int variant = 0; variant < 4; variant++)
            raise_storm(max_queue, variant & 1, variant & 2);
}

/* fork. */

static void a_forked_child_is_refused(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(2, 0);
    yibu_concurrent_future *future = submit(e, return_argument, (void *)5);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 5);
    gate g;
    gate_open(&g);
    yibu_concurrent_future *pending = submit(e, pass_gate, &g);
    wait_on(&g.started);
    pid_t child = fork();
    if (child == 0) {
        yibu_executor_stats stats = {.size = sizeof(stats)};
        int wrong = 0;
        wrong += yibu_executor_submit(e, return_argument, NULL, NULL, NULL) != YIBU_EFORKED;
        wrong += yibu_executor_shutdown(e, true, true, 0) != YIBU_EFORKED;
        wrong += yibu_executor_statistics(e, &stats) != YIBU_EFORKED;
        wrong += yibu_concurrent_future_result(future, 0) != 5;
        wrong += yibu_concurrent_future_result(pending, YIBU_FOREVER) != YIBU_EFORKED;
        wrong += yibu_concurrent_future_cancel(pending);
        yibu_concurrent_future_unref(future);
        yibu_executor_free(e);
        _exit(wrong);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sem_post(&g.go);
    assert_int_equal(result_of(pending), 0);
    gate_close(&g);
    assert_int_equal(result_of(submit(e, return_argument, (void *)6)), 6);
    yibu_concurrent_future_unref(future);
    yibu_executor_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shutdown_lets_everything_end_that_was_submitted),
        cmocka_unit_test(a_shutdown_need_not_wait),
        cmocka_unit_test(a_shutdown_cancels_what_is_in_line),
        cmocka_unit_test(a_shutdown_waits_no_longer_than_it_may_and_says_what_is_left),
        cmocka_unit_test(a_thread_waits_no_longer_than_it_may_either),
        cmocka_unit_test(the_loop_goes_on_while_a_shutdown_waits),
        cmocka_unit_test(a_cancelled_shutdown_waits_to_its_end),
        cmocka_unit_test(several_threads_shut_down_at_once_and_again),
        cmocka_unit_test(one_that_was_never_used_ends_as_well),
        cmocka_unit_test(every_future_of_ten_thousand_ends_once_while_shutting_down),
        cmocka_unit_test(a_forked_child_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
