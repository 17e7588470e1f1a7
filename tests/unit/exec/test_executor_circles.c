/* Functions that wait for what other executors run, in circles: all of it ends. */
#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include "gate.h"
#include "result.h"

#include <yibu/process_pool.h>
#include <yibu/thread_pool.h>

enum { MOST = 3 };

/* So many executors, each a thread strong; functions on each submit to the next one. */
typedef struct ring {
    yibu_executor *executors[MOST];
    int count;
    yibu_coroutine *hand_on;
    _Atomic(int) at_once[MOST], most_at_once[MOST];
} ring;

typedef struct step {
    ring *ring;
    int at, left; /* steps to go */
} step;

static yibu_executor *new_threads(unsigned threads, unsigned max_queue)
{
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = threads, .max_queue = max_queue};
    yibu_executor *e = NULL;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &e), 0);
    return e;
}

static void ring_open(ring *r, int count, unsigned max_queue, yibu_coroutine *hand_on)
{
    *r = (ring){.count = count, .hand_on = hand_on};
    for (int i = 0; i < count; i++)
        r->executors[i] = new_threads(1, max_queue);
}

static void ring_close(ring *r)
{
    for (int i = 0; i < r->count; i++)
        yibu_executor_free(r->executors[i]);
}

static step after(const step *s)
{
    return (step){s->ring, (s->at + 1) % s->ring->count, s->left - 1};
}

static intptr_t submit_and_wait(yibu_executor *e, yibu_coroutine *fn, void *arg)
{
    yibu_concurrent_future *future;
    int r = yibu_executor_submit(e, fn, arg, NULL, &future);
    return r < 0 ? r : result_of(future);
}

static intptr_t go_round(void *arg)
{
    step *s = arg, next = after(s);
    if (s->left == 0)
        return 0;
    intptr_t r = submit_and_wait(s->ring->executors[next.at], s->ring->hand_on, &next);
    return yibu_failed(r) ? r : r + 1;
}

enum { CALLS = 20, ROUNDS = 7, TIMES = 1 + 4 / YB_TEST_SLOWDOWN };

/* Many at once, so that lines are full and all workers wait. */
static void send_round(ring *r)
{
    yibu_concurrent_future *futures[CALLS];
    step steps[CALLS];
    for (int i = 0; i < CALLS; i++) {
        steps[i] = (step){r, i % r->count, ROUNDS};
        assert_int_equal(yibu_executor_submit(r->executors[i % r->count], r->hand_on, &steps[i],
                                              NULL, &futures[i]),
                         0);
    }
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(result_of(futures[i]), ROUNDS);
}

static void expect_that_it_goes_round(int count, unsigned max_queue, yibu_coroutine *hand_on)
{
    ring r;
    ring_open(&r, count, max_queue, hand_on);
    for (int i = 0; i < TIMES; i++)
        send_round(&r);
    ring_close(&r);
}

static void two_executors_of_one_thread_wait_for_each_other(void **state)
{
    (void)state;
    expect_that_it_goes_round(2, 0, go_round);
}

static void three_executors_wait_in_a_ring(void **state)
{
    (void)state;
    expect_that_it_goes_round(3, 0, go_round);
}

/* Those who wait for room wait for each other, too. */
static void full_lines_do_not_hold_a_ring_up(void **state)
{
    (void)state;
    expect_that_it_goes_round(2, 1, go_round);
    expect_that_it_goes_round(3, 1, go_round);
}

/* Functions that run a loop, whose tasks wait. */

static intptr_t await_next(void *arg)
{
    step *s = arg, next = after(s);
    intptr_t r = yibu_run_in_executor(s->ring->executors[next.at], s->ring->hand_on, &next, NULL);
    return yibu_failed(r) ? r : r + 1;
}

static intptr_t go_round_by_loops(void *arg)
{
    step *s = arg;
    return s->left == 0 ? 0 : yibu_run(await_next, s, NULL);
}

static void loops_in_functions_wait_in_a_ring(void **state)
{
    (void)state;
    expect_that_it_goes_round(2, 0, go_round_by_loops);
}

/* By way of a loop: its tasks wait for executors on a function's behalf. */

static intptr_t go_round_by_tasks(void *arg)
{
    step *s = arg;
    return s->left == 0 ? 0 : yibu_from_thread_call(await_next, s);
}

LOOP_TEST(tasks_wait_for_a_function_that_waits_for_them)
{
    ring r;
    ring_open(&r, 2, 0, go_round_by_tasks);
    for (int i = 0; i < CALLS; i++) {
        step s = {&r, 0, ROUNDS};
        assert_int_equal(yibu_run_in_executor(r.executors[0], r.hand_on, &s, NULL), ROUNDS);
    }
    ring_close(&r);
    return 0;
}

static intptr_t wait_for_the_other_function(void *arg)
{
    step *s = arg, next = after(s);
    if (s->left == 0)
        return 0;
    return submit_and_wait(s->ring->executors[0], wait_for_the_other_function, &next);
}

/* The loop's own pool has one thread, too. */
THREADS_TEST(1, to_thread_waits_for_an_executor_that_waits_for_to_thread)
{
    ring r;
    ring_open(&r, 1, 0, wait_for_the_other_function);
    for (int i = 0; i < CALLS; i++) {
        step s = {&r, 0, ROUNDS};
        assert_int_equal(yibu_to_thread(wait_for_the_other_function, &s), 0);
    }
    ring_close(&r);
    return 0;
}

/* What was lent is given back. */

static intptr_t count_those_at_once(void *arg)
{
    ring *r = arg;
    int now = atomic_fetch_add(&r->at_once[0], 1) + 1;
    if (now > atomic_load(&r->most_at_once[0]))
        atomic_store(&r->most_at_once[0], now);
    usleep(200);
    atomic_fetch_sub(&r->at_once[0], 1);
    return 0;
}

static void afterwards_no_more_run_at_once_than_before(void **state)
{
    (void)state;
    ring r;
    ring_open(&r, 2, 0, go_round);
    send_round(&r);
    yibu_concurrent_future *futures[CALLS];
    assert_int_equal(submit_and_wait(r.executors[0], return_argument, NULL), 0);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(
            yibu_executor_submit(r.executors[0], count_those_at_once, &r, NULL, &futures[i]), 0);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(result_of(futures[i]), 0);
    assert_int_equal(r.most_at_once[0], 1);
    ring_close(&r);
}

/* A function whose executor's threads are its own to use goes on alone, where nobody waits for
 * it. */
static intptr_t wait_for_gate(void *arg)
{
    ring *r = arg;
    gate g;
    gate_open(&g);
    sem_post(&g.go);
    intptr_t result = submit_and_wait(r->executors[1], pass_gate, &g);
    (void)count_those_at_once(r);
    gate_close(&g);
    return result;
}

static void a_wait_that_closes_no_circle_lends_nothing(void **state)
{
    (void)state;
    ring r;
    ring_open(&r, 2, 0, NULL);
    yibu_concurrent_future *futures[CALLS];
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(yibu_executor_submit(r.executors[0], wait_for_gate, &r, NULL, &futures[i]),
                         0);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(result_of(futures[i]), 0);
    assert_int_equal(r.most_at_once[0], 1);
    ring_close(&r);
}

/* Calls that wait for each other's very results. */

typedef struct pair {
    yibu_concurrent_future *futures[2];
    sem_t known;
} pair;

typedef struct partner {
    pair *pair;
    int other;
} partner;

static intptr_t wait_for_partner(void *arg)
{
    partner *p = arg;
    wait_on(&p->pair->known);
    return yibu_concurrent_future_result(p->pair->futures[p->other], YIBU_FOREVER);
}

static void expect_that_one_fails(yibu_executor *first, yibu_executor *second)
{
    pair p;
    partner partners[2] = {{&p, 1}, {&p, 0}};
    sem_init(&p.known, 0, 0);
    assert_int_equal(
        yibu_executor_submit(first, wait_for_partner, &partners[0], NULL, &p.futures[0]), 0);
    assert_int_equal(
        yibu_executor_submit(second, wait_for_partner, &partners[1], NULL, &p.futures[1]), 0);
    sem_post(&p.known);
    sem_post(&p.known);
    for (int i = 0; i < 2; i++)
        assert_int_equal(yibu_concurrent_future_result(p.futures[i], YIBU_FOREVER), -EDEADLK);
    for (int i = 0; i < 2; i++)
        yibu_concurrent_future_unref(p.futures[i]);
    sem_destroy(&p.known);
}

static void calls_that_wait_for_each_other_are_told(void **state)
{
    (void)state;
    yibu_executor *one = new_threads(1, 0), *two = new_threads(2, 0);
    for (int i = 0; i < 20; i++) {
        expect_that_one_fails(one, two);
        expect_that_one_fails(two, two);
    }
    yibu_executor_free(one);
    yibu_executor_free(two);
}

/* Whoever waits for what an executor ran may come back later than the executor is freed. */

enum { WAITERS = 8, LATE = 1 + 60 / YB_TEST_SLOWDOWN };

typedef struct late {
    yibu_executor *asked;
    yibu_concurrent_future *future; /* of an executor that goes */
    sem_t waiting;
} late;

static intptr_t wait_for_what_ends(void *arg)
{
    late *l = arg;
    sem_post(&l->waiting);
    return yibu_concurrent_future_result(l->future, YIBU_FOREVER);
}

static intptr_t ask_those_who_wait(void *arg)
{
    late *l = arg;
    return submit_and_wait(l->asked, return_argument, NULL);
}

static void let_the_executor_go(yibu_executor *asking, late *l)
{
    gate g;
    gate_open(&g);
    yibu_executor *gone = new_threads(1, 0);
    yibu_concurrent_future *futures[2 * WAITERS];
    assert_int_equal(yibu_executor_submit(gone, pass_gate, &g, NULL, &l->future), 0);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(yibu_executor_submit(l->asked, wait_for_what_ends, l, NULL, &futures[i]),
                         0);
    for (int i = 0; i < WAITERS; i++)
        wait_on(&l->waiting);
    for (int i = WAITERS; i < 2 * WAITERS; i++)
        assert_int_equal(yibu_executor_submit(asking, ask_those_who_wait, l, NULL, &futures[i]), 0);
    sem_post(&g.go);
    yibu_executor_free(gone);
    for (int i = 0; i < 2 * WAITERS; i++)
        assert_int_equal(result_of(futures[i]), 0);
    yibu_concurrent_future_unref(l->future);
    gate_close(&g);
}

static void an_executor_that_is_gone_is_not_looked_at(void **state)
{
    (void)state;
    yibu_executor *asking = new_threads(WAITERS, 0);
    late l = {.asked = new_threads(WAITERS, 0)};
    sem_init(&l.waiting, 0, 0);
    for (int i = 0; i < LATE; i++)
        let_the_executor_go(asking, &l);
    sem_destroy(&l.waiting);
    yibu_executor_free(asking);
    yibu_executor_free(l.asked);
}

/* Processes. */

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

static intptr_t ask_process(void *arg)
{
    yibu_concurrent_future *future;
    int r = yibu_executor_submit_job(arg, &tell_pid_job, (yibu_bytes){0}, NULL, &future);
    return r < 0 ? r : result_of(future);
}

static yibu_executor *new_processes(bool own_thread)
{
    const yibu_process_pool_options options = {
        .size = sizeof(options), .max_workers = 1, .max_queue = 1, .own_thread = own_thread};
    yibu_executor *e = NULL;
    assert_int_equal(yibu_process_pool_executor_new(&options, &e), 0);
    return e;
}

/* Whether the executor's home is this loop, which suspends, or not. */
static void expect_pids(bool own_thread)
{
    enum { JOBS = 30 };
    yibu_executor *threads = new_threads(2, 1), *processes = new_processes(own_thread);
    for (int i = 0; i < JOBS; i++)
        assert_true(yibu_run_in_executor(threads, ask_process, processes, NULL) > 1);
    yibu_executor_free(threads);
    yibu_executor_free(processes);
}

LOOP_TEST(functions_wait_for_processes_whose_loop_waits_for_functions)
{
    expect_pids(true);
    expect_pids(false);
    return 0;
}

static intptr_t make_home(void *arg)
{
    *(yibu_executor **)arg = new_processes(false);
    return 0;
}

/* The loop that runs the processes does not run, while its thread blocks. */
static void a_thread_that_keeps_its_own_processes_from_going_on_is_told(void **state)
{
    (void)state;
    yibu_loop *loop = NULL;
    yibu_executor *threads = new_threads(1, 0), *processes = NULL;
    yibu_concurrent_future *future = NULL;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_run_until_complete(loop, make_home, &processes), 0);
    assert_int_equal(yibu_executor_submit(threads, ask_process, processes, NULL, &future), 0);
    assert_int_equal(result_of(future), -EDEADLK);
    yibu_executor_free(processes);
    yibu_executor_free(threads);
    assert_int_equal(yibu_loop_free(loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_executors_of_one_thread_wait_for_each_other),
        cmocka_unit_test(three_executors_wait_in_a_ring),
        cmocka_unit_test(full_lines_do_not_hold_a_ring_up),
        cmocka_unit_test(loops_in_functions_wait_in_a_ring),
        cmocka_unit_test(tasks_wait_for_a_function_that_waits_for_them),
        cmocka_unit_test(to_thread_waits_for_an_executor_that_waits_for_to_thread),
        cmocka_unit_test(afterwards_no_more_run_at_once_than_before),
        cmocka_unit_test(a_wait_that_closes_no_circle_lends_nothing),
        cmocka_unit_test(calls_that_wait_for_each_other_are_told),
        cmocka_unit_test(an_executor_that_is_gone_is_not_looked_at),
        cmocka_unit_test(functions_wait_for_processes_whose_loop_waits_for_functions),
        cmocka_unit_test(a_thread_that_keeps_its_own_processes_from_going_on_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
