/* Coroutines started from other threads, and the futures that threads wait for. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "result.h"
#include "test.h"

/* A loop in a thread of its own, until `stop` is set. */

typedef struct server {
    pthread_t thread;
    yibu_loop *loop;
    pthread_barrier_t ready;
    yibu_event stop;
} server;

static intptr_t serve(void *arg)
{
    server *s = arg;
    s->loop = yibu_get_running_loop();
    pthread_barrier_wait(&s->ready);
    return yibu_event_wait(&s->stop);
}

static void *serve_thread(void *arg)
{
    return (void *)yibu_run(serve, arg, NULL);
}

static void start_server(server *s)
{
    *s = (server){.stop = YIBU_EVENT_INIT};
    assert_int_equal(pthread_barrier_init(&s->ready, NULL, 2), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve_thread, s), 0);
    pthread_barrier_wait(&s->ready);
}

static intptr_t stop(void *arg)
{
    server *s = arg;
    yibu_event_set(&s->stop);
    return 0;
}

static void stop_server(server *s)
{
    yibu_concurrent_future *stopped;
    void *result;
    assert_int_equal(yibu_run_coroutine_threadsafe(s->loop, stop, s, &stopped), 0);
    assert_int_equal(pthread_join(s->thread, &result), 0);
    assert_null(result);
    assert_int_equal(yibu_concurrent_future_result(stopped, 0), 0);
    yibu_concurrent_future_unref(stopped);
    pthread_barrier_destroy(&s->ready);
}

static int with_server(void **state)
{
    static server s;
    start_server(&s);
    *state = &s;
    return 0;
}

static int without_server(void **state)
{
    stop_server(*state);
    return 0;
}

/* Coroutines. */

static intptr_t add_one(void *arg)
{
    int r = yibu_sleep(YIBU_MS(1));
    return r < 0 ? r : (intptr_t)arg + 1;
}

static intptr_t sleep_for_ever(void *arg)
{
    int r = yibu_sleep(YIBU_SECONDS(1000));
    atomic_store((atomic_int *)arg, 1);
    return r;
}

static intptr_t give_back(void *arg)
{
    return (intptr_t)arg;
}

static yibu_concurrent_future *submit(server *s, yibu_coroutine *fn, void *arg)
{
    yibu_concurrent_future *future;
    assert_int_equal(yibu_run_coroutine_threadsafe(s->loop, fn, arg, &future), 0);
    return future;
}

static void a_thread_waits_for_a_coroutine_of_another_ones_loop(void **state)
{
    assert_int_equal(result_of(submit(*state, add_one, (void *)41)), 42);
    assert_int_equal(result_of(submit(*state, give_back, (void *)-ENOENT)), -ENOENT);
}

static void a_thread_waits_no_longer_than_it_said(void **state)
{
    atomic_int ended = 0;
    yibu_concurrent_future *future = submit(*state, sleep_for_ever, &ended);
    assert_int_equal(yibu_concurrent_future_result(future, 0), -ETIMEDOUT);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_MS(1)), -ETIMEDOUT);
    assert_false(yibu_concurrent_future_done(future));
    assert_true(yibu_concurrent_future_cancel(future));
    assert_true(yibu_concurrent_future_cancel(future) || yibu_concurrent_future_done(future));
    assert_int_equal(result_of(future), -ECANCELED);
    assert_int_equal(ended, 1);
}

static void a_cancel_that_overtakes_the_start_leaves_nothing_to_run(void **state)
{
    for (int i = 0; i < 200; i++) {
        atomic_int ended = 0;
        yibu_concurrent_future *future = submit(*state, sleep_for_ever, &ended);
        assert_true(yibu_concurrent_future_cancel(future));
        assert_int_equal(result_of(future), -ECANCELED);
    }
}

static void what_is_done_cannot_be_cancelled(void **state)
{
    yibu_concurrent_future *future = submit(*state, give_back, (void *)7);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 7);
    assert_false(yibu_concurrent_future_cancel(future));
    assert_true(yibu_concurrent_future_done(future));
    assert_int_equal(result_of(future), 7);
}

static void bad_arguments_are_refused(void **state)
{
    server *s = *state;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_run_coroutine_threadsafe(NULL, give_back, NULL, &future), -EINVAL);
    assert_int_equal(yibu_run_coroutine_threadsafe(s->loop, NULL, NULL, &future), -EINVAL);
    assert_int_equal(yibu_run_coroutine_threadsafe(s->loop, give_back, NULL, NULL), -EINVAL);
    assert_null(yibu_wrap_future(NULL));
    yibu_concurrent_future_unref(NULL);
}

/* Callbacks. */

typedef struct order {
    atomic_int count;
    int seen[3];
} order;

static order calls;

static void note(yibu_concurrent_future *future, void *arg)
{
    assert_true(yibu_concurrent_future_done(future));
    int at = atomic_fetch_add(&calls.count, 1);
    calls.seen[at] = (int)(intptr_t)arg;
}

static void callbacks_run_in_order_and_at_once_where_it_is_done(void **state)
{
    calls = (order){0};
    yibu_concurrent_future *future = submit(*state, add_one, NULL);
    assert_int_equal(yibu_concurrent_future_add_done_callback(future, note, (void *)1), 0);
    assert_int_equal(yibu_concurrent_future_add_done_callback(future, note, (void *)2), 0);
    assert_int_equal(yibu_concurrent_future_add_done_callback(future, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 1);
    stop_server(*state); /* so that its callbacks have run */
    assert_int_equal(yibu_concurrent_future_add_done_callback(future, note, (void *)3), 0);
    assert_int_equal(calls.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(calls.seen[i], i + 1);
    yibu_concurrent_future_unref(future);
    start_server(*state);
}

/* From a task of another loop. */

static intptr_t await_remote(void *arg)
{
    yibu_concurrent_future *future = submit(arg, add_one, (void *)1);
    assert_int_equal(result_of(future), 2);

    atomic_int ended = 0;
    future = submit(arg, sleep_for_ever, &ended);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_MS(1)), -ETIMEDOUT);
    assert_int_equal(yibu_concurrent_future_result(future, 0), -ETIMEDOUT);
    yibu_concurrent_future_cancel(future);
    assert_int_equal(result_of(future), -ECANCELED);
    return 0;
}

static void a_task_suspends_for_a_coroutine_of_another_loop(void **state)
{
    assert_int_equal(yibu_run(await_remote, *state, NULL), 0);
}

static intptr_t take_in_task(void *future)
{
    return yibu_concurrent_future_result(future, YIBU_FOREVER);
}

static intptr_t cancel_awaiter(void *arg)
{
    atomic_int ended = 0;
    yibu_concurrent_future *future = submit(arg, sleep_for_ever, &ended);
    yibu_task *task = yibu_create_task(take_in_task, future, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), -ECANCELED);
    assert_int_equal(ended, 1);
    yibu_concurrent_future_unref(future);
    return 0;
}

static void a_cancelled_awaiter_cancels_the_coroutine(void **state)
{
    assert_int_equal(yibu_run(cancel_awaiter, *state, NULL), 0);
}

static intptr_t wrap(void *arg)
{
    yibu_concurrent_future *first = submit(arg, add_one, (void *)1);
    yibu_future *wrapped = yibu_wrap_future(first);
    assert_int_equal(yibu_await(wrapped), 2);
    yibu_future_unref(wrapped);
    wrapped = yibu_wrap_future(first); /* done already */
    assert_int_equal(yibu_await(wrapped), 2);
    yibu_future_unref(wrapped);
    yibu_concurrent_future_unref(first);

    atomic_int ended = 0;
    yibu_concurrent_future *second = submit(arg, sleep_for_ever, &ended);
    wrapped = yibu_wrap_future(second);
    assert_true(yibu_future_cancel(wrapped));
    assert_int_equal(yibu_await(wrapped), -ECANCELED);
    yibu_future_unref(wrapped);
    assert_int_equal(result_of(second), -ECANCELED);
    return 0;
}

static void a_wrapped_future_follows_and_its_cancel_is_passed_on(void **state)
{
    assert_int_equal(yibu_run(wrap, *state, NULL), 0);
}

/* The loop's end. */

static void a_coroutine_is_cancelled_with_its_loop(void **state)
{
    atomic_int ended = 0;
    yibu_concurrent_future *future = submit(*state, sleep_for_ever, &ended);
    stop_server(*state);
    assert_int_equal(result_of(future), -ECANCELED);
    assert_int_equal(ended, 1);
    start_server(*state);
}

static void a_loop_that_ends_first_says_so(void **state)
{
    (void)state;
    yibu_loop *loop;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_run_coroutine_threadsafe(loop, give_back, NULL, &future), 0);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), -EDEADLK);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(result_of(future), YIBU_ESHUTDOWN);
}

/* Many. */

enum { THREADS = 4, SUBMITS = 300 };

static void *submit_many(void *arg)
{
    for (intptr_t i = 0; i < SUBMITS; i++) {
        yibu_concurrent_future *future = submit(arg, add_one, (void *)i);
        if (i % 5 == 0)
            (void)yibu_concurrent_future_cancel(future);
        intptr_t r = result_of(future);
        assert_true(r == i + 1 || (i % 5 == 0 && r == -ECANCELED));
    }
    return NULL;
}

static void many_threads_submit_and_cancel(void **state)
{
    pthread_t threads[THREADS];
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, *state), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    unsetenv("CMOCKA_TEST_ABORT");
}

#define server_test(NAME) cmocka_unit_test_setup_teardown(NAME, with_server, without_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(a_thread_waits_for_a_coroutine_of_another_ones_loop),
        server_test(a_thread_waits_no_longer_than_it_said),
        server_test(a_cancel_that_overtakes_the_start_leaves_nothing_to_run),
        server_test(what_is_done_cannot_be_cancelled),
        server_test(bad_arguments_are_refused),
        server_test(callbacks_run_in_order_and_at_once_where_it_is_done),
        server_test(a_task_suspends_for_a_coroutine_of_another_loop),
        server_test(a_cancelled_awaiter_cancels_the_coroutine),
        server_test(a_wrapped_future_follows_and_its_cancel_is_passed_on),
        server_test(a_coroutine_is_cancelled_with_its_loop),
        cmocka_unit_test(a_loop_that_ends_first_says_so),
        server_test(many_threads_submit_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
