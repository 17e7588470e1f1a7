/* Submitting functions to an executor: futures, the bounded line, cancels, nested use. */
#include <pthread.h>
#include <semaphore.h>

#include "gate.h"
#include "little_engine.h"
#include "result.h"

/* Most tests run twice: on an engine without any cleverness, and on the thread pool. */

static bool on_thread_pool;

static int take_thread_pool(void **state)
{
    (void)state;
    on_thread_pool = true;
    return 0;
}

static yibu_executor *new_executor(unsigned threads, unsigned max_queue)
{
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = threads, .max_queue = max_queue};
    yibu_executor *e = NULL;
    if (!on_thread_pool)
        return little_new(&little_functions, threads, max_queue);
    assert_int_equal(yibu_thread_pool_executor_new(&options, &e), 0);
    return e;
}

static yibu_concurrent_future *submit(yibu_executor *e, yibu_coroutine *fn, void *arg)
{
    yibu_concurrent_future *future = NULL;
    assert_int_equal(yibu_executor_submit(e, fn, arg, NULL, &future), 0);
    return future;
}

static yibu_executor_stats stats_of(yibu_executor *e)
{
    yibu_executor_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_executor_statistics(e, &stats), 0);
    return stats;
}

/* An executor of one thread whose thread is held by a gate. */

typedef struct held {
    yibu_executor *e;
    gate gate;
    yibu_concurrent_future *holder;
} held;

static void hold(held *h, unsigned max_queue)
{
    h->e = new_executor(1, max_queue);
    gate_open(&h->gate);
    h->holder = submit(h->e, pass_gate, &h->gate);
    wait_on(&h->gate.started);
}

static void let_go(held *h)
{
    sem_post(&h->gate.go);
    assert_int_equal(result_of(h->holder), 0);
}

static void release(held *h)
{
    yibu_executor_free(h->e);
    gate_close(&h->gate);
}

/* Futures. */

static void a_thread_waits_for_the_result(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(1, 0);
    assert_int_equal(result_of(submit(e, return_argument, (void *)42)), 42);
    assert_int_equal(result_of(submit(e, return_argument, (void *)(intptr_t)-EIO)), -EIO);
    yibu_executor_free(e);
}

LOOP_TEST(a_task_waits_for_the_result_while_its_loop_goes_on)
{
    held h;
    hold(&h, 0);
    assert_int_equal(yibu_concurrent_future_result(h.holder, YIBU_MS(1)), -ETIMEDOUT);
    assert_false(yibu_concurrent_future_done(h.holder));
    let_go(&h);
    release(&h);
    return 0;
}

LOOP_TEST(futures_are_gathered_when_wrapped)
{
    enum { COUNT = 1000 };
    static yibu_concurrent_future *futures[COUNT];
    static yibu_future *wrapped[COUNT];
    static intptr_t results[COUNT];
    yibu_executor *e = new_executor(4, 0);
    for (intptr_t i = 0; i < COUNT; i++) {
        futures[i] = submit(e, return_argument, (void *)i);
        wrapped[i] = yibu_wrap_future(futures[i]);
    }
    assert_int_equal(yibu_gather(wrapped, COUNT, results, 0), 0);
    for (intptr_t i = 0; i < COUNT; i++) {
        assert_int_equal(results[i], i);
        yibu_future_unref(wrapped[i]);
        yibu_concurrent_future_unref(futures[i]);
    }
    assert_int_equal(stats_of(e).done, COUNT);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(wait_and_as_completed_take_wrapped_futures)
{
    held h;
    hold(&h, 0);
    yibu_executor *other = new_executor(1, 0);
    yibu_concurrent_future *quick = submit(other, return_argument, (void *)5);
    yibu_future *wrapped[] = {yibu_wrap_future(h.holder), yibu_wrap_future(quick)};
    assert_int_equal(yibu_wait(wrapped, 2, YIBU_FOREVER, YIBU_FIRST_COMPLETED), 1);
    assert_false(yibu_future_done(wrapped[0]));
    assert_int_equal(yibu_wait(wrapped, 2, YIBU_MS(1), YIBU_ALL_COMPLETED), 1);
    int count = 0, r;
    YIBU_ASYNC_FOR (yibu_future *, future, yibu_as_completed(wrapped, 2, YIBU_FOREVER), &r) {
        assert_ptr_equal(future, wrapped[count ? 0 : 1]);
        if (count++ == 0)
            sem_post(&h.gate.go);
    }
    assert_int_equal(r, 0);
    assert_int_equal(count, 2);
    yibu_future_unref(wrapped[0]);
    yibu_future_unref(wrapped[1]);
    assert_int_equal(result_of(quick), 5);
    assert_int_equal(result_of(h.holder), 0);
    yibu_executor_free(other);
    release(&h);
    return 0;
}

static void count_call(yibu_concurrent_future *future, void *arg)
{
    assert_true(yibu_concurrent_future_done(future));
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void callbacks_run_once_the_future_is_done(void **state)
{
    (void)state;
    held h;
    atomic_int calls;
    atomic_init(&calls, 0);
    hold(&h, 0);
    assert_int_equal(yibu_concurrent_future_add_done_callback(h.holder, count_call, &calls), 0);
    assert_int_equal(calls, 0);
    let_go(&h);
    release(&h);
    assert_int_equal(calls, 1);
}

static void a_future_outlives_its_executor(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(2, 0);
    yibu_concurrent_future *future = submit(e, return_argument, (void *)7);
    yibu_executor_free(e);
    assert_true(yibu_concurrent_future_done(future));
    assert_false(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), 7);
}

static void hear(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    assert_non_null(strstr(message, "without a future"));
    *(intptr_t *)arg = code;
}

static intptr_t fail_quietly(void *arg)
{
    (void)arg;
    return -ECANCELED;
}

LOOP_TEST(without_a_future_a_failure_is_reported)
{
    intptr_t heard = 0;
    yibu_loop_set_exception_handler(yibu_get_running_loop(), hear, &heard);
    held h;
    hold(&h, 1);
    assert_int_equal(yibu_executor_submit(h.e, fail_quietly, NULL, NULL, NULL), 0);
    let_go(&h);
    release(&h);
    assert_int_equal(heard, 0);
    return 0;
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    yibu_concurrent_future *future = NULL;
    yibu_executor *e = new_executor(1, 0);
    yibu_submit_options options = {0};
    assert_int_equal(yibu_executor_submit(NULL, return_argument, NULL, NULL, &future), -EINVAL);
    assert_int_equal(yibu_executor_submit(e, NULL, NULL, NULL, &future), -EINVAL);
    assert_int_equal(yibu_executor_submit(e, return_argument, NULL, &options, &future), -EINVAL);
    assert_int_equal(yibu_executor_shutdown(NULL, true, true, 0), -EINVAL);
    assert_int_equal(yibu_executor_statistics(e, NULL), -EINVAL);
    assert_null(future);
    yibu_executor_free(e);
    yibu_executor_free(NULL);
}

static void what_the_engine_refuses_is_not_submitted(void **state)
{
    (void)state;
    yibu_concurrent_future *future = NULL;
    yibu_executor *e = new_executor(1, 1);
    little_of(e)->refuses = -EAGAIN;
    yibu_submit_options options = {.size = sizeof(options), .abandon_on_cancel = free};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(yibu_executor_submit(e, return_argument, NULL, NULL, &future), -EAGAIN);
        assert_int_equal(yibu_executor_submit(e, return_argument, NULL, &options, &future),
                         -EAGAIN);
    }
    assert_null(future);
    assert_int_equal(stats_of(e).queued, 0);
    yibu_executor_free(e);
}

/* The line. */

static void try_submit_answers_eagain_when_the_line_is_full(void **state)
{
    (void)state;
    held h;
    hold(&h, 2);
    yibu_concurrent_future *futures[2], *third = NULL;
    for (int i = 0; i < 2; i++)
        assert_int_equal(yibu_executor_try_submit(h.e, return_argument, NULL, NULL, &futures[i]),
                         0);
    assert_int_equal(yibu_executor_try_submit(h.e, return_argument, NULL, NULL, &third), -EAGAIN);
    assert_int_equal(stats_of(h.e).queued, 2);
    assert_int_equal(stats_of(h.e).running, 1);
    let_go(&h);
    for (int i = 0; i < 2; i++)
        assert_int_equal(result_of(futures[i]), 0);
    assert_int_equal(yibu_executor_try_submit(h.e, return_argument, NULL, NULL, &third), 0);
    assert_int_equal(result_of(third), 0);
    release(&h);
}

static void a_cancelled_call_makes_room(void **state)
{
    (void)state;
    held h;
    hold(&h, 1);
    yibu_concurrent_future *future = submit(h.e, return_argument, NULL);
    assert_int_equal(yibu_executor_try_submit(h.e, return_argument, NULL, NULL, NULL), -EAGAIN);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    assert_int_equal(yibu_executor_try_submit(h.e, return_argument, NULL, NULL, NULL), 0);
    let_go(&h);
    release(&h);
}

/* Submitters that find the line full note in which order they got in. */

typedef struct submitter {
    yibu_executor *e;
    int *order, *count;
    int number, status;
} submitter;

static intptr_t note_order(void *arg)
{
    submitter *s = arg;
    s->order[(*s->count)++] = s->number;
    return 0;
}

static intptr_t submit_for(void *arg)
{
    submitter *s = arg;
    s->status = yibu_executor_submit(s->e, note_order, s, NULL, NULL);
    return s->status;
}

LOOP_TEST(submitters_get_in_in_the_order_in_which_they_came)
{
    enum { COUNT = 20 };
    held h;
    int order[COUNT], count = 0;
    submitter submitters[COUNT];
    yibu_task *tasks[COUNT];
    hold(&h, 1);
    assert_int_equal(yibu_executor_submit(h.e, return_argument, NULL, NULL, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        submitters[i] = (submitter){h.e, order, &count, i, 1};
        tasks[i] = yibu_create_task(submit_for, &submitters[i], NULL);
    }
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(submitters[0].status, 1);
    let_go(&h);
    assert_int_equal(yibu_gather(tasks, COUNT, NULL, 0), 0);
    release(&h);
    assert_int_equal(count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(order[i], i);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

LOOP_TEST(a_cancel_takes_a_submitter_out_of_the_line_and_nobody_else)
{
    held h;
    int order[3], count = 0;
    submitter submitters[3];
    yibu_task *tasks[3];
    hold(&h, 1);
    assert_int_equal(yibu_executor_submit(h.e, return_argument, NULL, NULL, NULL), 0);
    for (int i = 0; i < 3; i++) {
        submitters[i] = (submitter){h.e, order, &count, i, 1};
        tasks[i] = yibu_create_task(submit_for, &submitters[i], NULL);
    }
    assert_int_equal(yibu_sleep(0), 0);
    assert_true(yibu_task_cancel(tasks[1]));
    assert_int_equal(yibu_await(tasks[1]), -ECANCELED);
    let_go(&h);
    assert_int_equal(yibu_await(tasks[0]), 0);
    assert_int_equal(yibu_await(tasks[2]), 0);
    release(&h);
    assert_int_equal(count, 2);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 2);
    for (int i = 0; i < 3; i++)
        yibu_task_unref(tasks[i]);
    return 0;
}

static void *submit_in_thread(void *arg)
{
    (void)submit_for(arg);
    return NULL;
}

static void a_thread_blocks_until_there_is_room(void **state)
{
    (void)state;
    held h;
    int order[1], count = 0;
    submitter s = {NULL, order, &count, 5, 1};
    pthread_t thread;
    hold(&h, 1);
    s.e = h.e;
    assert_int_equal(yibu_executor_submit(h.e, return_argument, NULL, NULL, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, submit_in_thread, &s), 0);
    let_go(&h);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s.status, 0);
    release(&h);
    assert_int_equal(order[0], 5);
}

LOOP_TEST(a_shutdown_sends_waiting_submitters_away)
{
    held h;
    submitter s = {NULL, NULL, NULL, 0, 1};
    hold(&h, 1);
    s.e = h.e;
    assert_int_equal(yibu_executor_submit(h.e, return_argument, NULL, NULL, NULL), 0);
    yibu_task *task = yibu_create_task(submit_for, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_executor_shutdown(h.e, false, false, 0), 0);
    assert_int_equal(yibu_await(task), YIBU_ESHUTDOWN);
    yibu_task_unref(task);
    let_go(&h);
    release(&h);
    return 0;
}

/* Cancels. */

static void a_cancel_withdraws_what_has_not_started(void **state)
{
    (void)state;
    held h;
    hold(&h, 0);
    yibu_concurrent_future *future = submit(h.e, pass_gate, &h.gate);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_true(yibu_concurrent_future_done(future));
    assert_false(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    let_go(&h);
    assert_int_equal(stats_of(h.e).cancelled, 1);
    assert_int_equal(stats_of(h.e).done, 1);
    release(&h);
}

static intptr_t wait_for_result(void *arg)
{
    return yibu_concurrent_future_result(arg, YIBU_FOREVER);
}

static intptr_t wait_for_wrapped(void *arg)
{
    yibu_future *wrapped = yibu_wrap_future((yibu_concurrent_future *)arg);
    intptr_t r = yibu_await(wrapped);
    yibu_future_unref(wrapped);
    return r;
}

static void expect_that_a_cancelled_awaiter_waits(yibu_coroutine *awaiter)
{
    held h;
    hold(&h, 0);
    yibu_task *task = yibu_create_task(awaiter, h.holder, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(task));
    sem_post(&h.gate.go);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(result_of(h.holder), 0);
    release(&h);
}

LOOP_TEST(a_cancelled_awaiter_waits_for_a_running_function)
{
    expect_that_a_cancelled_awaiter_waits(wait_for_result);
    expect_that_a_cancelled_awaiter_waits(wait_for_wrapped);
    return 0;
}

LOOP_TEST(a_cancelled_awaiter_withdraws_what_has_not_started)
{
    yibu_coroutine *const awaiters[] = {wait_for_result, wait_for_wrapped};
    for (int i = 0; i < 2; i++) {
        held h;
        hold(&h, 0);
        yibu_concurrent_future *future = submit(h.e, return_argument, NULL);
        yibu_task *task = yibu_create_task(awaiters[i], future, NULL);
        assert_int_equal(yibu_sleep(0), 0);
        assert_true(yibu_task_cancel(task));
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
        assert_int_equal(result_of(future), -ECANCELED);
        let_go(&h);
        release(&h);
    }
    return 0;
}

static sem_t abandoned;

static void note_abandoned(void *arg)
{
    (void)arg;
    sem_post(&abandoned);
}

static const yibu_submit_options abandoning = {sizeof(abandoning), note_abandoned};

static void a_running_function_is_given_up_where_that_is_asked_for(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(1, 0);
    yibu_concurrent_future *future;
    gate g;
    gate_open(&g);
    sem_init(&abandoned, 0, 0);
    assert_int_equal(yibu_executor_submit(e, pass_gate, &g, &abandoning, &future), 0);
    wait_on(&g.started);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    assert_int_equal(sem_trywait(&abandoned), -1);
    assert_int_equal(stats_of(e).running, 1);
    sem_post(&g.go);
    wait_on(&abandoned);
    yibu_executor_free(e);
    gate_close(&g);
    sem_destroy(&abandoned);
}

static void what_is_abandoned_before_its_start_is_given_back_at_once(void **state)
{
    (void)state;
    held h;
    yibu_concurrent_future *future;
    hold(&h, 0);
    sem_init(&abandoned, 0, 0);
    assert_int_equal(yibu_executor_submit(h.e, pass_gate, NULL, &abandoning, &future), 0);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(sem_trywait(&abandoned), 0);
    assert_int_equal(result_of(future), -ECANCELED);
    let_go(&h);
    release(&h);
    sem_destroy(&abandoned);
}

static void what_ends_by_itself_is_not_abandoned(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(1, 0);
    yibu_concurrent_future *future;
    sem_init(&abandoned, 0, 0);
    assert_int_equal(yibu_executor_submit(e, return_argument, (void *)3, &abandoning, &future), 0);
    assert_int_equal(result_of(future), 3);
    yibu_executor_free(e);
    assert_int_equal(sem_trywait(&abandoned), -1);
    sem_destroy(&abandoned);
}

static void drop_all(yibu_executor *e)
{
    assert_int_equal(yibu_executor_shutdown(e, false, true, 0), 0);
}

static void a_cancel_that_comes_before_the_engine_has_the_work_is_not_lost(void **state)
{
    (void)state;
    held h;
    hold(&h, 0);
    little_of(h.e)->on_submit = drop_all;
    yibu_concurrent_future *future = submit(h.e, return_argument, NULL);
    assert_true(yibu_concurrent_future_done(future));
    assert_int_equal(result_of(future), YIBU_ESHUTDOWN);
    let_go(&h);
    release(&h);
}

static void a_cancel_of_what_the_engine_then_refuses_leaves_nothing(void **state)
{
    (void)state;
    held h;
    hold(&h, 0);
    little_of(h.e)->on_submit = drop_all;
    little_of(h.e)->refuses = -EAGAIN;
    assert_int_equal(yibu_executor_submit(h.e, return_argument, NULL, NULL, NULL), -EAGAIN);
    let_go(&h);
    release(&h);
}

/* Nested use. */

static intptr_t add_levels(void *arg);

typedef struct level {
    yibu_executor *e;
    intptr_t depth;
} level;

static intptr_t add_levels(void *arg)
{
    const level *l = arg;
    level below = {l->e, l->depth - 1};
    if (l->depth == 0)
        return 0;
    yibu_concurrent_future *future;
    int r = yibu_executor_submit(l->e, add_levels, &below, NULL, &future);
    return r < 0 ? r : 1 + result_of(future);
}

static void functions_wait_for_functions_of_their_own_executor(void **state)
{
    (void)state;
    for (unsigned max_queue = 0; max_queue <= 1; max_queue++) {
        yibu_executor *e = new_executor(1, max_queue);
        level l = {e, 20};
        assert_int_equal(result_of(submit(e, add_levels, &l)), 20);
        assert_int_equal(stats_of(e).done, 21);
        yibu_executor_free(e);
    }
}

static intptr_t wait_for_oneself(void *arg)
{
    yibu_concurrent_future *_Atomic *own = arg;
    yibu_concurrent_future *future;
    while (!(future = atomic_load(own)))
        ;
    return yibu_concurrent_future_result(future, YIBU_FOREVER);
}

static void a_function_cannot_wait_for_itself(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(1, 0);
    yibu_concurrent_future *_Atomic own;
    atomic_init(&own, NULL);
    yibu_concurrent_future *future = submit(e, wait_for_oneself, &own);
    atomic_store(&own, future);
    assert_int_equal(result_of(future), -EDEADLK);
    yibu_executor_free(e);
}

static intptr_t shut_down_from_within(void *arg)
{
    return yibu_executor_shutdown(arg, true, false, YIBU_FOREVER);
}

static void a_function_cannot_wait_for_the_end_of_its_executor(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(1, 0);
    assert_int_equal(result_of(submit(e, shut_down_from_within, e)), -EDEADLK);
    yibu_executor_free(e);
}

/* A function that runs a loop, whose task awaits functions of the same executor. */

static intptr_t await_levels(void *arg)
{
    enum { COUNT = 10 };
    yibu_concurrent_future *futures[COUNT];
    yibu_future *wrapped[COUNT];
    intptr_t results[COUNT], sum = 0;
    level l = {arg, 2};
    for (int i = 0; i < COUNT; i++) {
        futures[i] = submit(arg, add_levels, &l);
        wrapped[i] = yibu_wrap_future(futures[i]);
    }
    assert_int_equal(yibu_gather(wrapped, COUNT, results, 0), 0);
    for (int i = 0; i < COUNT; i++) {
        sum += results[i];
        yibu_future_unref(wrapped[i]);
        yibu_concurrent_future_unref(futures[i]);
    }
    yibu_concurrent_future *last = submit(arg, add_levels, &l);
    return sum + result_of(last);
}

static intptr_t run_loop(void *arg)
{
    return yibu_run(await_levels, arg, NULL);
}

static void loops_within_functions_await_functions_of_their_own_executor(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        yibu_executor *e = new_executor(threads, 0);
        yibu_concurrent_future *futures[4];
        for (int i = 0; i < 4; i++)
            futures[i] = submit(e, run_loop, e);
        for (int i = 0; i < 4; i++)
            assert_int_equal(result_of(futures[i]), 22);
        yibu_executor_free(e);
    }
}

/* Statistics. */

static void statistics_count_what_has_become_of_calls(void **state)
{
    (void)state;
    held h;
    char line[300], begin[10];
    hold(&h, 0);
    yibu_concurrent_future *fails = submit(h.e, return_argument, (void *)(intptr_t)-EIO);
    yibu_concurrent_future *cancelled = submit(h.e, return_argument, NULL);
    yibu_executor_stats stats = stats_of(h.e);
    assert_int_equal(stats.workers, 1);
    assert_int_equal(stats.idle, 0);
    assert_int_equal(stats.max_workers, 1);
    assert_int_equal(stats.queued, 2);
    assert_int_equal(stats.running, 1);
    assert_true(yibu_concurrent_future_cancel(cancelled));
    let_go(&h);
    assert_int_equal(result_of(fails), -EIO);
    assert_int_equal(result_of(cancelled), -ECANCELED);
    stats = stats_of(h.e);
    assert_int_equal(stats.done, 1);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.cancelled, 1);
    assert_true(stats.waited_ns > 0 && stats.ran_ns > 0);
    int length = yibu_executor_describe(h.e, line, sizeof(line));
    assert_int_equal(length, strlen(line));
    assert_non_null(strstr(line, "little \"little\": 1 of 1 workers"));
    assert_non_null(strstr(line, "0 queued, 0 running, 1 done, 1 failed, 1 cancelled"));
    assert_int_equal(yibu_executor_describe(h.e, begin, sizeof(begin)), length);
    assert_string_equal(begin, "little \"l");
    release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_waits_for_the_result),
        cmocka_unit_test(a_task_waits_for_the_result_while_its_loop_goes_on),
        cmocka_unit_test(futures_are_gathered_when_wrapped),
        cmocka_unit_test(wait_and_as_completed_take_wrapped_futures),
        cmocka_unit_test(callbacks_run_once_the_future_is_done),
        cmocka_unit_test(a_future_outlives_its_executor),
        cmocka_unit_test(without_a_future_a_failure_is_reported),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(try_submit_answers_eagain_when_the_line_is_full),
        cmocka_unit_test(a_cancelled_call_makes_room),
        cmocka_unit_test(submitters_get_in_in_the_order_in_which_they_came),
        cmocka_unit_test(a_cancel_takes_a_submitter_out_of_the_line_and_nobody_else),
        cmocka_unit_test(a_thread_blocks_until_there_is_room),
        cmocka_unit_test(a_shutdown_sends_waiting_submitters_away),
        cmocka_unit_test(a_cancel_withdraws_what_has_not_started),
        cmocka_unit_test(a_cancelled_awaiter_waits_for_a_running_function),
        cmocka_unit_test(a_cancelled_awaiter_withdraws_what_has_not_started),
        cmocka_unit_test(a_running_function_is_given_up_where_that_is_asked_for),
        cmocka_unit_test(what_is_abandoned_before_its_start_is_given_back_at_once),
        cmocka_unit_test(what_ends_by_itself_is_not_abandoned),
        cmocka_unit_test(functions_wait_for_functions_of_their_own_executor),
        cmocka_unit_test(a_function_cannot_wait_for_itself),
        cmocka_unit_test(a_function_cannot_wait_for_the_end_of_its_executor),
        cmocka_unit_test(loops_within_functions_await_functions_of_their_own_executor),
    };
    const struct CMUnitTest of_little_engine[] = {
        cmocka_unit_test(what_the_engine_refuses_is_not_submitted),
        cmocka_unit_test(a_cancel_that_comes_before_the_engine_has_the_work_is_not_lost),
        cmocka_unit_test(a_cancel_of_what_the_engine_then_refuses_leaves_nothing),
        cmocka_unit_test(statistics_count_what_has_become_of_calls),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += cmocka_run_group_tests(of_little_engine, NULL, NULL);
    return failed + cmocka_run_group_tests_name("thread pool", tests, take_thread_pool, NULL);
}
