/* Parallel loops: every item once, by whom, nested, failures, cancels, pools of every kind. */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"
#include "sim.h"

static yibu_executor *new_pool(unsigned max_workers)
{
    yibu_thread_pool_options options = {.size = sizeof(options), .max_workers = max_workers};
    yibu_executor *executor;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    return executor;
}

static bool one_processor(void)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    return CPU_COUNT(&set) < 2;
}

/* Which items were seen, how often, and how the calls were. */
typedef struct record {
    _Atomic(uint8_t) *seen;
    int64_t first, end, grain;
    _Atomic(int) calls, short_calls;
} record;

static int note_items(int64_t first, int64_t end, void *arg)
{
    record *r = arg;
    atomic_fetch_add(&r->calls, 1);
    if (first < r->first || end > r->end || first >= end)
        return -ERANGE;
    if (end - first < r->grain)
        atomic_fetch_add(&r->short_calls, 1);
    for (int64_t i = first; i < end; i++)
        atomic_fetch_add_explicit(&r->seen[i - r->first], 1, memory_order_relaxed);
    return 0;
}

static void expect_each_once(yibu_executor *executor, int64_t first, int64_t end, int64_t grain)
{
    size_t count = (size_t)(end - first);
    record r = {.seen = calloc(count + 1, 1), .first = first, .end = end, .grain = grain};
    assert_int_equal(yibu_parallel_for(executor, first, end, grain, note_items, &r), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(r.seen[i], 1);
    assert_in_range(r.short_calls, 0, 1); /* the last items may be fewer */
    if (grain > 0 && (size_t)grain >= count)
        assert_int_equal(r.calls, count > 0);
    free(r.seen);
}

static void expect_each_once_for_all_counts(yibu_executor *executor)
{
    static const int64_t counts[] = {0, 1, 2, 3, 100, 1000, 100003};
    static const int64_t grains[] = {0, 1, 2, 7, 1000, 1000000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (size_t j = 0; j < sizeof(grains) / sizeof(grains[0]); j++)
            expect_each_once(executor, -50, counts[i] - 50, grains[j]);
    expect_each_once(executor, 0, 3000000, 0);
}

LOOP_TEST(a_task_gets_every_item_done_once)
{
    expect_each_once_for_all_counts(NULL);
    return 0;
}

static void a_plain_thread_gets_every_item_done_once(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 4; workers++) {
        yibu_executor *executor = new_pool(workers);
        expect_each_once_for_all_counts(executor);
        yibu_executor_free(executor);
    }
}

LOOP_TEST(a_range_that_ends_before_it_begins_has_no_items)
{
    record r = {0};
    assert_int_equal(yibu_parallel_for(NULL, 5, 5, 0, note_items, &r), 0);
    assert_int_equal(yibu_parallel_for(NULL, 5, 4, 0, note_items, &r), 0);
    assert_int_equal(yibu_parallel_for(NULL, INT64_MAX, INT64_MIN, 1, note_items, &r), 0);
    assert_int_equal(r.calls, 0);
    return 0;
}

static int add_length(int64_t first, int64_t end, void *arg)
{
    atomic_fetch_add((_Atomic(uint64_t) *)arg, (uint64_t)end - (uint64_t)first);
    return 0;
}

LOOP_TEST(as_many_items_as_numbers_can_count)
{
    _Atomic(uint64_t) total = 0;
    assert_int_equal(yibu_parallel_for(NULL, 0, INT64_MAX, 0, add_length, &total), 0);
    assert_true(total == INT64_MAX);
    total = 0;
    assert_int_equal(yibu_parallel_for(NULL, INT64_MIN, INT64_MAX, 1, add_length, &total), 0);
    assert_true(total == UINT64_MAX);
    return 0;
}

static int do_nothing(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end, (void)arg;
    return 0;
}

LOOP_TEST(wrong_arguments_are_refused)
{
    assert_int_equal(yibu_parallel_for(NULL, 0, 1, 0, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_parallel_for(NULL, 0, 1, -1, do_nothing, NULL), -EINVAL);
    return 0;
}

static void a_plain_thread_has_to_name_an_executor(void **state)
{
    (void)state;
    assert_int_equal(yibu_parallel_for(NULL, 0, 1, 0, do_nothing, NULL), -EINVAL);
}

/* Who does what. */

static int expect_other_thread(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    return gettid() == *(pid_t *)arg ? -EDEADLK : 0;
}

LOOP_TEST(the_thread_of_the_loop_takes_no_part)
{
    pid_t self = gettid();
    assert_int_equal(yibu_parallel_for(NULL, 0, 100000, 1, expect_other_thread, &self), 0);
    return 0;
}

static int meet(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    int r = pthread_barrier_wait(arg);
    return r == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : -r;
}

LOOP_TEST(two_items_are_done_at_once)
{
    if (one_processor())
        return 0;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 100; i++)
        assert_int_equal(yibu_parallel_for(NULL, 0, 2, 1, meet, &barrier), 0);
    pthread_barrier_destroy(&barrier);
    return 0;
}

typedef struct meeting {
    pthread_barrier_t barrier;
    pid_t caller;
    _Atomic(int) by_caller;
} meeting;

static int meet_and_note(int64_t first, int64_t end, void *arg)
{
    meeting *m = arg;
    if (gettid() == m->caller)
        atomic_fetch_add(&m->by_caller, 1);
    return meet(first, end, &m->barrier);
}

static void a_plain_thread_takes_part_and_one_worker_helps(void **state)
{
    (void)state;
    if (one_processor())
        skip();
    yibu_executor *executor = new_pool(1);
    meeting m = {.caller = gettid()};
    pthread_barrier_init(&m.barrier, NULL, 2);
    for (int i = 0; i < 100; i++)
        assert_int_equal(yibu_parallel_for(executor, 0, 2, 1, meet_and_note, &m), 0);
    assert_int_equal(m.by_caller, 100);
    pthread_barrier_destroy(&m.barrier);
    yibu_executor_free(executor);
}

typedef struct crowd {
    _Atomic(int) now, most;
} crowd;

static void enter_crowd(crowd *c)
{
    int now = atomic_fetch_add(&c->now, 1) + 1, most = atomic_load(&c->most);
    while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
        ;
}

static int stay_in_crowd(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    enter_crowd(arg);
    usleep(200);
    atomic_fetch_sub(&((crowd *)arg)->now, 1);
    return 0;
}

static int crowd_within(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    return yibu_parallel_for(NULL, 0, 20, 1, stay_in_crowd, arg);
}

LOOP_TEST(no_more_threads_compute_than_there_are_processors_nested_or_not)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    crowd c = {0};
    assert_int_equal(yibu_parallel_for(NULL, 0, 100, 1, stay_in_crowd, &c), 0);
    assert_in_range(c.most, 1, CPU_COUNT(&set));
    assert_int_equal(yibu_parallel_for(NULL, 0, 20, 1, crowd_within, &c), 0);
    assert_in_range(c.most, 1, CPU_COUNT(&set));
    return 0;
}

/* One item ends when all others are done: whoever has it can have no others.  These take long
 * enough to be given out one by one. */
typedef struct long_item {
    _Atomic(int64_t) others;
    sem_t all_done;
    int64_t count, which;
} long_item;

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void compute_for(int64_t duration_ns)
{
    int64_t start_ns = read_clock(CLOCK_MONOTONIC);
    while (read_clock(CLOCK_MONOTONIC) - start_ns < duration_ns)
        ;
}

static int wait_for_the_others(int64_t first, int64_t end, void *arg)
{
    long_item *l = arg;
    if (end - first != 1)
        return -ERANGE;
    if (first == l->which) {
        wait_on(&l->all_done);
        return 0;
    }
    compute_for(YIBU_US(30));
    if (atomic_fetch_add(&l->others, 1) + 1 == l->count - 1)
        sem_post(&l->all_done);
    return 0;
}

LOOP_TEST(a_long_item_holds_up_no_other)
{
    if (one_processor())
        return 0;
    static const struct {
        int64_t count, which;
    } cases[] = {{2, 0}, {3, 0}, {3, 2}, {100, 0}, {100, 50}, {1000, 1}, {1000, 500}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long_item l = {.count = cases[i].count, .which = cases[i].which};
        sem_init(&l.all_done, 0, 0);
        assert_int_equal(yibu_parallel_for(NULL, 0, l.count, 1, wait_for_the_others, &l), 0);
        assert_int_equal(l.others, l.count - 1);
        sem_destroy(&l.all_done);
    }
    return 0;
}

/* The first call waits until there has been another one. */
static int wait_for_a_second(int64_t first, int64_t end, void *arg)
{
    long_item *l = arg;
    (void)end;
    if (first == 0)
        wait_on(&l->all_done);
    else if (atomic_fetch_add(&l->others, 1) == 0)
        sem_post(&l->all_done);
    return 0;
}

LOOP_TEST(the_first_of_very_many_items_holds_up_no_other)
{
    if (one_processor())
        return 0;
    long_item l = {0};
    sem_init(&l.all_done, 0, 0);
    assert_int_equal(yibu_parallel_for(NULL, 0, 1000000, 0, wait_for_a_second, &l), 0);
    assert_true(l.others > 0);
    sem_destroy(&l.all_done);
    return 0;
}

static int64_t cpu_time_of_this_thread(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return YIBU_SECONDS(now.tv_sec) + now.tv_nsec;
}

typedef struct long_help {
    pthread_t caller;
    sem_t begun;
    int64_t waits_since_ns; /* the caller, by its own CPU time */
} long_help;

static int take_long_beside_the_caller(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    long_help *h = arg;
    if (pthread_equal(h->caller, pthread_self())) {
        wait_on(&h->begun);
        h->waits_since_ns = cpu_time_of_this_thread();
        return 0;
    }
    sem_post(&h->begun);
    const struct timespec a_while = {.tv_nsec = 200000000};
    nanosleep(&a_while, NULL);
    return 0;
}

static void who_waits_for_a_helper_sleeps(void **state)
{
    (void)state;
    if (one_processor())
        return;
    yibu_executor *executor = new_pool(2);
    long_help h = {.caller = pthread_self()};
    sem_init(&h.begun, 0, 0);
    assert_int_equal(yibu_parallel_for(executor, 0, 2, 1, take_long_beside_the_caller, &h), 0);
    assert_true(cpu_time_of_this_thread() - h.waits_since_ns < YIBU_MS(5));
    sem_destroy(&h.begun);
    yibu_executor_free(executor);
}

enum { UNEVEN_ITEMS = 20000 };

typedef struct uneven_work {
    _Atomic(uint64_t) sum;
    pid_t threads[2];
    _Atomic(int64_t) heavy[2];
} uneven_work;

/* The last twentieth costs a thousand times as much. */
static bool is_heavy(int64_t i)
{
    return i >= UNEVEN_ITEMS / 20 * 19;
}

static uint64_t churn(int64_t i)
{
    uint64_t x = (uint64_t)i;
    for (int rounds = is_heavy(i) ? 5000 : 5; rounds > 0; rounds--)
        x = x * 6364136223846793005u + 1442695040888963407u;
    return x;
}

static int churn_items(int64_t first, int64_t end, void *arg)
{
    uint64_t sum = 0;
    for (int64_t i = first; i < end; i++)
        sum += churn(i);
    atomic_fetch_add(&((uneven_work *)arg)->sum, sum);
    return 0;
}

LOOP_TEST(uneven_items_are_all_done)
{
    uneven_work w = {0};
    uint64_t wanted = 0;
    for (int64_t i = 0; i < UNEVEN_ITEMS; i++)
        wanted += churn(i);
    assert_int_equal(yibu_parallel_for(NULL, 0, UNEVEN_ITEMS, 0, churn_items, &w), 0);
    assert_true(w.sum == wanted);
    return 0;
}

/* The loop goes on. */

static intptr_t tick(void *arg)
{
    for (;;) {
        int r = yibu_sleep(YIBU_MS(1));
        if (r < 0)
            return r;
        atomic_fetch_add((_Atomic(int) *)arg, 1);
    }
}

static int wait_for_ticks(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    while (atomic_load((_Atomic(int) *)arg) < 3)
        usleep(100);
    return 0;
}

LOOP_TEST(the_loop_serves_others_meanwhile)
{
    _Atomic(int) ticks = 0;
    yibu_task *ticker = yibu_create_task(tick, &ticks, NULL);
    assert_int_equal(yibu_parallel_for(NULL, 0, 10, 1, wait_for_ticks, &ticks), 0);
    yibu_task_cancel(ticker);
    assert_int_equal(yibu_await(ticker), -ECANCELED);
    yibu_task_unref(ticker);
    return 0;
}

/* Nested. */

typedef struct nest {
    _Atomic(int64_t) items;
    int depth; /* of loops below */
} nest;

static int go_deeper(int64_t first, int64_t end, void *arg)
{
    nest *n = arg, below = {.depth = n->depth - 1};
    for (int64_t i = first; i < end; i++) {
        if (n->depth == 0) {
            atomic_fetch_add(&n->items, 1);
            continue;
        }
        int r = yibu_parallel_for(NULL, 0, 10, 1, go_deeper, &below);
        if (r < 0)
            return r;
    }
    atomic_fetch_add(&n->items, below.items);
    return 0;
}

THREADS_TEST(1, loops_within_loops_end_on_one_thread)
{
    nest n = {.depth = 3};
    assert_int_equal(yibu_parallel_for(NULL, 0, 10, 1, go_deeper, &n), 0);
    assert_int_equal(n.items, 10000);
    return 0;
}

LOOP_TEST(loops_within_loops_end_on_many)
{
    nest n = {.depth = 3};
    assert_int_equal(yibu_parallel_for(NULL, 0, 10, 1, go_deeper, &n), 0);
    assert_int_equal(n.items, 10000);
    return 0;
}

static intptr_t loop_on_a_thread(void *arg)
{
    return yibu_parallel_for(NULL, 0, 10, 1, go_deeper, arg);
}

LOOP_TEST(a_function_on_a_thread_loops_on_its_own_pool)
{
    nest n = {.depth = 2};
    assert_int_equal(yibu_to_thread(loop_on_a_thread, &n), 0);
    assert_int_equal(n.items, 1000);
    return 0;
}

typedef struct caller {
    yibu_executor *executor;
    pthread_t thread;
    nest n;
} caller;

static void *loop_on_an_executor(void *arg)
{
    caller *c = arg;
    for (int i = 0; i < 20; i++)
        assert_int_equal(yibu_parallel_for(c->executor, 0, 10, 1, go_deeper, &c->n), 0);
    return NULL;
}

static void eight_threads_share_an_executor(void **state)
{
    (void)state;
    caller callers[8];
    yibu_executor *executor = new_pool(3);
    for (int i = 0; i < 8; i++) {
        callers[i] = (caller){.executor = executor, .n = {.depth = 2}};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, loop_on_an_executor, &callers[i]),
                         0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].n.items, 20000);
    }
    yibu_executor_free(executor);
}

static intptr_t loop_in_a_task(void *arg)
{
    return yibu_parallel_for(NULL, 0, 100, 1, go_deeper, arg);
}

LOOP_TEST(many_tasks_loop_at_once)
{
    enum { TASKS = 50 };
    nest n[TASKS];
    yibu_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        n[i] = (nest){.depth = 1};
        tasks[i] = yibu_create_task(loop_in_a_task, &n[i], NULL);
    }
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        assert_int_equal(n[i].items, 1000);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

/* Failures. */

typedef struct failing {
    int64_t at;
    _Atomic(int) calls;
} failing;

static int fail_at(int64_t first, int64_t end, void *arg)
{
    failing *f = arg;
    atomic_fetch_add(&f->calls, 1);
    if (first <= f->at && f->at < end)
        return -EDOM;
    usleep(100);
    return 0;
}

LOOP_TEST(a_failure_stops_the_loop_and_is_returned)
{
    failing f = {.at = 0};
    assert_int_equal(yibu_parallel_for(NULL, 0, 20000, 1, fail_at, &f), -EDOM);
    assert_in_range(f.calls, 1, 10000);
    f.at = 19999;
    assert_int_equal(yibu_parallel_for(NULL, 0, 20000, 1000, fail_at, &f), -EDOM);
    return 0;
}

static int fail_each_on_its_own(int64_t first, int64_t end, void *arg)
{
    (void)end;
    usleep(first == 0 ? 1 : 20000);
    (void)arg;
    return first == 0 ? -EDOM : -ERANGE;
}

LOOP_TEST(of_several_failures_the_first_is_returned)
{
    int r = yibu_parallel_for(NULL, 0, 1000, 1, fail_each_on_its_own, NULL);
    assert_true(r == -EDOM || r == -ERANGE);
    return 0;
}

static int fail_within(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    return yibu_parallel_for(NULL, 0, 1000, 1, fail_at, arg);
}

LOOP_TEST(a_failure_of_a_loop_within_goes_outwards)
{
    failing f = {.at = 3};
    assert_int_equal(yibu_parallel_for(NULL, 0, 1000, 1, fail_within, &f), -EDOM);
    assert_in_range(f.calls, 1, 1000);
    return 0;
}

static int compute_until_stopped(int64_t first, int64_t end, void *arg)
{
    (void)end;
    if (first == 0) {
        wait_on(arg);
        return -EDOM;
    }
    sem_post(arg);
    while (yibu_check_cancelled() == 0)
        usleep(100);
    return -ERANGE;
}

LOOP_TEST(a_body_hears_that_the_loop_was_stopped)
{
    if (one_processor())
        return 0;
    sem_t started;
    sem_init(&started, 0, 0);
    assert_int_equal(yibu_parallel_for(NULL, 0, 2, 1, compute_until_stopped, &started), -EDOM);
    sem_destroy(&started);
    assert_int_equal(yibu_check_cancelled(), 0);
    return 0;
}

/* Cancels. */

typedef struct gated {
    gate g;
    _Atomic(int) calls;
    int64_t items, grain;
    int result;
} gated;

static int pass(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    gated *l = arg;
    atomic_fetch_add(&l->calls, 1);
    (void)pass_gate(&l->g);
    return 0;
}

static intptr_t loop_through_gate(void *arg)
{
    gated *l = arg;
    return yibu_parallel_for(NULL, 0, l->items, l->grain, pass, l);
}

static yibu_task *start_gated(gated *l, yibu_coroutine *fn, int64_t items, int64_t grain)
{
    gate_open(&l->g);
    l->calls = 0;
    l->items = items;
    l->grain = grain;
    yibu_task *task = yibu_create_task(fn, l, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    return task;
}

static void let_pass(gated *l)
{
    for (int64_t i = 0; i < l->items; i++)
        sem_post(&l->g.go);
}

/* Cancels once the first item is under way; the result. */
static intptr_t cancel_gated(gated *l, yibu_task *task)
{
    wait_on(&l->g.started);
    yibu_task_cancel(task);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(task));
    let_pass(l);
    intptr_t result = yibu_await(task);
    yibu_task_unref(task);
    gate_close(&l->g);
    return result;
}

LOOP_TEST(a_cancel_stops_the_loop_and_waits_for_what_runs)
{
    gated l;
    yibu_task *task = start_gated(&l, loop_through_gate, 1000, 1);
    assert_int_equal(cancel_gated(&l, task), -ECANCELED);
    assert_in_range(l.calls, 1, sysconf(_SC_NPROCESSORS_ONLN));
    return 0;
}

LOOP_TEST(a_loop_that_is_done_all_the_same_is_not_cancelled)
{
    gated l;
    yibu_task *task = start_gated(&l, loop_through_gate, 10, 10);
    assert_int_equal(cancel_gated(&l, task), 0);
    assert_int_equal(l.calls, 1);
    return 0;
}

static int pass_within(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    gated *l = arg;
    return yibu_parallel_for(NULL, 0, l->items, 1, pass, l);
}

static intptr_t loop_within_a_loop(void *arg)
{
    return yibu_parallel_for(NULL, 0, 10, 1, pass_within, arg);
}

LOOP_TEST(a_cancel_reaches_loops_within)
{
    gated l;
    yibu_task *task = start_gated(&l, loop_within_a_loop, 1000, 1);
    assert_int_equal(cancel_gated(&l, task), -ECANCELED);
    assert_in_range(l.calls, 1, sysconf(_SC_NPROCESSORS_ONLN));
    return 0;
}

static intptr_t loop_in_a_function(void *arg)
{
    return yibu_to_thread(loop_through_gate, arg);
}

LOOP_TEST(a_cancel_reaches_the_loop_of_a_function_on_a_thread)
{
    gated l;
    yibu_task *task = start_gated(&l, loop_in_a_function, 1000, 1);
    assert_int_equal(cancel_gated(&l, task), -ECANCELED);
    assert_in_range(l.calls, 1, sysconf(_SC_NPROCESSORS_ONLN));
    return 0;
}

/* The limit passes while the first item is under way. */
typedef struct limited {
    gated l;
    yibu_timeout limit;
} limited;

static intptr_t loop_within_a_limit(void *arg)
{
    limited *l = arg;
    yibu_timeout_begin(&l->limit, YIBU_FOREVER);
    return yibu_timeout_end(&l->limit, loop_through_gate(&l->l));
}

LOOP_TEST(a_time_limit_stops_the_loop)
{
    limited l;
    yibu_task *task = start_gated(&l.l, loop_within_a_limit, 1000, 1);
    wait_on(&l.l.g.started);
    assert_int_equal(yibu_timeout_reschedule(&l.limit, 0), 0);
    while (!yibu_timeout_expired(&l.limit))
        assert_int_equal(yibu_sleep(0), 0);
    let_pass(&l.l);
    assert_int_equal(yibu_await(task), -ETIMEDOUT);
    assert_in_range(l.l.calls, 1, sysconf(_SC_NPROCESSORS_ONLN));
    yibu_task_unref(task);
    gate_close(&l.l.g);
    return 0;
}

LOOP_TEST(a_cancelled_task_does_not_begin)
{
    record r = {.end = 100};
    yibu_timeout limit;
    yibu_timeout_begin(&limit, 0);
    assert_int_equal(yibu_sleep(0), -ECANCELED);
    int result = yibu_parallel_for(NULL, 0, 100, 1, note_items, &r);
    assert_int_equal(yibu_timeout_end(&limit, result), -ETIMEDOUT);
    assert_int_equal(r.calls, 0);
    return 0;
}

/* Pools. */

THREADS_TEST(1, a_loop_waits_its_turn_and_can_be_cancelled_there)
{
    gate g;
    gate_open(&g);
    yibu_task *blocker = yibu_create_task(pass_gate_on_a_thread, &g, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&g.started);
    gated l;
    yibu_task *task = start_gated(&l, loop_through_gate, 10, 1);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(l.calls, 0);
    gate_close(&l.g);
    sem_post(&g.go);
    assert_int_equal(yibu_await(blocker), 0);
    yibu_task_unref(blocker);
    gate_close(&g);
    return 0;
}

static void on_a_busy_pool_a_plain_thread_works_alone(void **state)
{
    (void)state;
    yibu_executor *executor = new_pool(2);
    gate g;
    gate_open(&g);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(yibu_executor_submit(executor, pass_gate, &g, NULL, NULL), 0);
        wait_on(&g.started);
    }
    expect_each_once(executor, 0, 100000, 1);
    for (int i = 0; i < 2; i++)
        sem_post(&g.go);
    yibu_executor_free(executor);
    gate_close(&g);
}

static void a_pool_with_a_short_line_helps_all_the_same(void **state)
{
    (void)state;
    yibu_thread_pool_options options = {.size = sizeof(options), .max_workers = 2, .max_queue = 1};
    yibu_executor *executor;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    expect_each_once_for_all_counts(executor);
    yibu_executor_free(executor);
}

LOOP_TEST(a_pool_that_was_shut_down_refuses)
{
    yibu_executor *executor = new_pool(2);
    record r = {.end = 100};
    assert_int_equal(yibu_executor_shutdown(executor, true, false, YIBU_FOREVER), 0);
    assert_int_equal(yibu_parallel_for(executor, 0, 100, 1, note_items, &r), YIBU_ESHUTDOWN);
    assert_int_equal(r.calls, 0);
    yibu_executor_free(executor);
    return 0;
}

static void a_pool_that_was_shut_down_refuses_a_plain_thread(void **state)
{
    (void)state;
    yibu_executor *executor = new_pool(2);
    record r = {.end = 100};
    assert_int_equal(yibu_executor_shutdown(executor, true, false, YIBU_FOREVER), 0);
    assert_int_equal(yibu_parallel_for(executor, 0, 100, 1, note_items, &r), YIBU_ESHUTDOWN);
    assert_int_equal(r.calls, 0);
    yibu_executor_free(executor);
}

LOOP_TEST(an_executor_of_processes_is_refused)
{
    yibu_executor *executor;
    record r = {.end = 100};
    assert_int_equal(yibu_process_pool_executor_new(NULL, &executor), 0);
    assert_int_equal(yibu_parallel_for(executor, 0, 100, 1, note_items, &r), -ENOTSUP);
    assert_int_equal(r.calls, 0);
    yibu_executor_free(executor);
    return 0;
}

typedef struct shut_loop {
    gated l;
    yibu_executor *executor;
    int within;
} shut_loop;

static int shut_down_then_loop(int64_t first, int64_t end, void *arg)
{
    (void)first, (void)end;
    shut_loop *s = arg;
    _Atomic(uint64_t) total = 0;
    assert_int_equal(yibu_executor_shutdown(s->executor, false, true, 0), 0);
    s->within = yibu_parallel_for(NULL, 0, 1000, 1, add_length, &total);
    return total == 1000 ? s->within : -ERANGE;
}

static void a_loop_under_way_is_finished_when_its_pool_is_shut_down(void **state)
{
    (void)state;
    shut_loop s = {.executor = new_pool(2)};
    assert_int_equal(yibu_parallel_for(s.executor, 0, 1, 0, shut_down_then_loop, &s), 0);
    yibu_executor_free(s.executor);
}

static void the_child_of_a_fork_cannot_use_its_parents_pool(void **state)
{
    (void)state;
    yibu_executor *executor = new_pool(2);
    expect_each_once(executor, 0, 1000, 1);
    pid_t child = fork();
    if (child == 0)
        _exit(yibu_parallel_for(executor, 0, 10, 0, do_nothing, NULL) == YIBU_EFORKED ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    yibu_executor_free(executor);
}

LOOP_TEST(nothing_spins_on_after_the_loop)
{
    expect_each_once(NULL, 0, 1000000, 0);
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    int64_t before_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    assert_int_equal(yibu_sleep(YIBU_MS(100)), 0);
    assert_in_range(read_clock(CLOCK_PROCESS_CPUTIME_ID) - before_ns, 0, YIBU_MS(30));
    return 0;
}

SIM_TEST(in_a_simulation_the_same_happens_every_time, 20)
{
    record first = {.seen = calloc(20000, 1), .end = 20000};
    record second = {.seen = calloc(20000, 1), .end = 20000};
    nest n = {.depth = 2};
    assert_int_equal(yibu_parallel_for(NULL, 0, 20000, 0, note_items, &first), 0);
    assert_int_equal(yibu_parallel_for(NULL, 0, 20000, 0, note_items, &second), 0);
    assert_in_range(first.calls, 2, 100);
    assert_int_equal(first.calls, second.calls);
    for (int i = 0; i < 20000; i++)
        assert_true(first.seen[i] == 1 && second.seen[i] == 1);
    assert_int_equal(yibu_parallel_for(NULL, 0, 10, 1, go_deeper, &n), 0);
    assert_int_equal(n.items, 1000);
    free(first.seen);
    free(second.seen);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_gets_every_item_done_once),
        cmocka_unit_test(a_plain_thread_gets_every_item_done_once),
        cmocka_unit_test(a_range_that_ends_before_it_begins_has_no_items),
        cmocka_unit_test(as_many_items_as_numbers_can_count),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(a_plain_thread_has_to_name_an_executor),
        cmocka_unit_test(the_thread_of_the_loop_takes_no_part),
        cmocka_unit_test(two_items_are_done_at_once),
        cmocka_unit_test(a_plain_thread_takes_part_and_one_worker_helps),
        cmocka_unit_test(no_more_threads_compute_than_there_are_processors_nested_or_not),
        cmocka_unit_test(a_long_item_holds_up_no_other),
        cmocka_unit_test(the_first_of_very_many_items_holds_up_no_other),
        cmocka_unit_test(who_waits_for_a_helper_sleeps),
        cmocka_unit_test(uneven_items_are_all_done),
        cmocka_unit_test(the_loop_serves_others_meanwhile),
        cmocka_unit_test(loops_within_loops_end_on_one_thread),
        cmocka_unit_test(loops_within_loops_end_on_many),
        cmocka_unit_test(a_function_on_a_thread_loops_on_its_own_pool),
        cmocka_unit_test(eight_threads_share_an_executor),
        cmocka_unit_test(many_tasks_loop_at_once),
        cmocka_unit_test(a_failure_stops_the_loop_and_is_returned),
        cmocka_unit_test(of_several_failures_the_first_is_returned),
        cmocka_unit_test(a_failure_of_a_loop_within_goes_outwards),
        cmocka_unit_test(a_body_hears_that_the_loop_was_stopped),
        cmocka_unit_test(a_cancel_stops_the_loop_and_waits_for_what_runs),
        cmocka_unit_test(a_loop_that_is_done_all_the_same_is_not_cancelled),
        cmocka_unit_test(a_cancel_reaches_loops_within),
        cmocka_unit_test(a_cancel_reaches_the_loop_of_a_function_on_a_thread),
        cmocka_unit_test(a_time_limit_stops_the_loop),
        cmocka_unit_test(a_cancelled_task_does_not_begin),
        cmocka_unit_test(a_loop_waits_its_turn_and_can_be_cancelled_there),
        cmocka_unit_test(on_a_busy_pool_a_plain_thread_works_alone),
        cmocka_unit_test(a_pool_with_a_short_line_helps_all_the_same),
        cmocka_unit_test(a_pool_that_was_shut_down_refuses),
        cmocka_unit_test(a_pool_that_was_shut_down_refuses_a_plain_thread),
        cmocka_unit_test(an_executor_of_processes_is_refused),
        cmocka_unit_test(a_loop_under_way_is_finished_when_its_pool_is_shut_down),
        cmocka_unit_test(the_child_of_a_fork_cannot_use_its_parents_pool),
        cmocka_unit_test(nothing_spins_on_after_the_loop),
        cmocka_unit_test(in_a_simulation_the_same_happens_every_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
