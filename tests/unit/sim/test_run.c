/* A simulated run: its clock, its order, what it refuses, how it ends. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "process.h"
#include "sim.h"

typedef struct lines {
    char text[65536];
    size_t length;
} lines;

static void keep_line(const char *line, void *arg)
{
    lines *l = arg;
    int n = snprintf(l->text + l->length, sizeof(l->text) - l->length, "%s\n", line);
    l->length += (size_t)n;
    assert_true(l->length < sizeof(l->text));
}

static int64_t real_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The clock. */

static intptr_t sleep_a_day(void *arg)
{
    (void)arg;
    int64_t begin_ns = yibu_loop_time(yibu_get_running_loop());
    for (int second = 0; second < 24 * 60 * 60; second++)
        if (yibu_sleep(YIBU_SECONDS(1)) < 0)
            return -ECANCELED;
    int64_t took_ns = yibu_loop_time(yibu_get_running_loop()) - begin_ns;
    return took_ns == YIBU_SECONDS(24 * 60 * 60) ? 0 : -ETIME;
}

static void a_day_of_sleeps_passes_in_milliseconds(void **state)
{
    (void)state;
    int64_t begin_ns = real_now_ns();
    assert_int_equal(yibu_sim_run(1, sleep_a_day, NULL, NULL), 0);
    assert_true(real_now_ns() - begin_ns < YIBU_MS(500) * YB_TEST_SLOWDOWN);
}

static intptr_t look_at_the_clock_until_it_has_moved(void *arg)
{
    (void)arg;
    int64_t begin_ns = yibu_loop_time(yibu_get_running_loop());
    while (yibu_loop_time(yibu_get_running_loop()) - begin_ns < YIBU_MS(1))
        (void)yibu_sleep(0);
    return 0;
}

static void a_program_that_polls_the_clock_sees_it_move(void **state)
{
    (void)state;
    assert_int_equal(yibu_sim_run(1, look_at_the_clock_until_it_has_moved, NULL, NULL), 0);
}

/* The order. */

typedef struct order {
    int seen[8];
    int count;
} order;

typedef struct entrant {
    order *race;
    int number;
} entrant;

static intptr_t arrive(void *arg)
{
    entrant *e = arg;
    e->race->seen[e->race->count++] = e->number;
    return 0;
}

static intptr_t race(void *arg)
{
    order *o = arg;
    entrant entrants[8];
    yibu_task *tasks[8];
    for (int i = 0; i < 8; i++) {
        entrants[i] = (entrant){o, i};
        tasks[i] = yibu_create_task(arrive, &entrants[i], NULL);
    }
    for (int i = 0; i < 8; i++) {
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

static order race_with(uint64_t seed, lines *trace)
{
    order o = {.count = 0};
    yibu_sim_options options = {.size = sizeof(options)};
    if (trace) {
        trace->length = 0;
        options.trace = keep_line;
        options.trace_arg = trace;
    }
    assert_int_equal(yibu_sim_run(seed, race, &o, &options), 0);
    assert_int_equal(o.count, 8);
    return o;
}

static void the_same_seed_gives_the_same_trace_to_the_byte(void **state)
{
    (void)state;
    static lines first, second;
    for (uint64_t seed = 0; seed < 50; seed++) {
        race_with(seed, &first);
        race_with(seed, &second);
        assert_int_equal(first.length, second.length);
        assert_memory_equal(first.text, second.text, first.length);
    }
}

static void different_seeds_give_different_orders(void **state)
{
    (void)state;
    order first = race_with(1, NULL);
    int different = 0;
    for (uint64_t seed = 2; seed < 102; seed++) {
        order other = race_with(seed, NULL);
        different += memcmp(&first, &other, sizeof(first)) != 0;
    }
    assert_true(different > 50);
}

static void fifo_keeps_the_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        order o = {.count = 0};
        yibu_sim_options options = {.size = sizeof(options), .fifo = true};
        assert_int_equal(yibu_sim_run(seed, race, &o, &options), 0);
        for (int i = 0; i < 8; i++)
            assert_int_equal(o.seen[i], i);
    }
}

/* How a run ends. */

static intptr_t return_seven(void *arg)
{
    (void)arg;
    return 7;
}

static intptr_t fail_with_pipe(void *arg)
{
    (void)arg;
    return -EPIPE;
}

static void the_result_is_mains(void **state)
{
    (void)state;
    assert_int_equal(yibu_sim_run(1, return_seven, NULL, NULL), 7);
    assert_int_equal(yibu_sim_run(1, fail_with_pipe, NULL, NULL), -EPIPE);
}

static intptr_t sleep_until_cancelled(void *arg)
{
    int *cancelled = arg;
    *cancelled += yibu_sleep(YIBU_FOREVER) == -ECANCELED;
    return 0;
}

static intptr_t leave_two_tasks(void *arg)
{
    (void)yibu_spawn(sleep_until_cancelled, arg);
    (void)yibu_spawn(sleep_until_cancelled, arg);
    return yibu_sleep(YIBU_MS(1));
}

static void left_over_tasks_are_cancelled_and_waited_for(void **state)
{
    (void)state;
    int cancelled = 0;
    assert_int_equal(yibu_sim_run(1, leave_two_tasks, &cancelled, NULL), 0);
    assert_int_equal(cancelled, 2);
}

static void ignore_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)code;
    if (arg)
        snprintf(arg, 1024, "%s", message);
}

/* Options of a run that is to fail without a word on standard error. */
static yibu_sim_options failing(yibu_sim_report *report)
{
    *report = (yibu_sim_report){.size = sizeof(*report)};
    return (yibu_sim_options){
        .size = sizeof(yibu_sim_options), .exception_handler = ignore_report, .report = report};
}

static intptr_t yield_for_ever(void *arg)
{
    (void)arg;
    while (yibu_yield() == 0)
        ;
    return -ECANCELED;
}

static void a_run_that_never_ends_fails_at_its_step_limit(void **state)
{
    (void)state;
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    options.step_limit = 500;
    assert_int_equal(yibu_sim_run(1, yield_for_ever, NULL, &options), -ELOOP);
    assert_int_equal(report.failure, -ELOOP);
    assert_int_equal(report.stranded, 0);
    assert_non_null(strstr(report.text, "500 steps"));
}

static intptr_t embrace_beside_a_ticker(void *arg);

/* Others go on, so it is no deadlock; but the report tells of it. */
static void a_run_at_its_limit_tells_who_waits_for_whom(void **state)
{
    (void)state;
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    options.time_limit_ns = YIBU_SECONDS(10);
    assert_int_equal(yibu_sim_run(1, embrace_beside_a_ticker, NULL, &options), -ETIME);
    assert_non_null(strstr(report.text, "cycle: \"ann\" -> \"bob\" -> \"ann\""));
    assert_null(strstr(report.text, "deadlock"));
}

static void a_run_fails_at_its_limit_of_virtual_time(void **state)
{
    (void)state;
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    options.time_limit_ns = YIBU_SECONDS(60);
    assert_int_equal(yibu_sim_run(1, sleep_a_day, NULL, &options), -ETIME);
    assert_true(report.time_ns >= YIBU_SECONDS(59) && report.time_ns <= YIBU_SECONDS(60));
}

static intptr_t ignore_cancels(void *arg)
{
    const bool *enough = arg;
    while (!*enough)
        (void)yibu_yield();
    return 0;
}

static intptr_t leave_one_that_ignores_cancels(void *arg)
{
    static bool enough;
    (void)arg;
    return yibu_spawn(ignore_cancels, &enough);
}

static void a_task_that_ignores_its_cancel_is_named_and_dropped(void **state)
{
    (void)state;
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    options.step_limit = 200;
    assert_int_equal(yibu_sim_run(1, leave_one_that_ignores_cancels, NULL, &options), -ELOOP);
    assert_int_equal(report.stranded, 1);
    assert_non_null(strstr(report.text, "\"task-2\" (created at "));
    assert_non_null(strstr(report.text, "did not end when it was cancelled"));
}

static intptr_t grow_to(void *arg)
{
    int *count = arg;
    for (; *count < 100; ++*count)
        if (yibu_sleep(YIBU_MS(1)) < 0)
            return -ECANCELED;
    return 0;
}

static intptr_t check_that_it_is_small(void *arg)
{
    return *(int *)arg < 10 ? 0 : -EDOM;
}

static void a_broken_invariant_ends_the_run(void **state)
{
    (void)state;
    int count = 0;
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    options.check = check_that_it_is_small;
    options.check_arg = &count;
    assert_int_equal(yibu_sim_run(1, grow_to, &count, &options), -EDOM);
    assert_int_equal(count, 10);
    assert_int_equal(report.time_ns, YIBU_MS(10));
}

static void a_failure_is_told_to_the_exception_handler_with_its_seed(void **state)
{
    (void)state;
    char said[1024] = "";
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    options.step_limit = 10;
    options.exception_handler_arg = said;
    assert_int_equal(yibu_sim_run(77, yield_for_ever, NULL, &options), -ELOOP);
    assert_non_null(strstr(said, "seed 77"));
}

/* Deadlocks. */

typedef struct pair_of_locks {
    yibu_lock left, right;
} pair_of_locks;

static intptr_t lock_both(yibu_lock *first, yibu_lock *second)
{
    int r = yibu_lock_acquire(first);
    if (r < 0)
        return r;
    (void)yibu_sleep(YIBU_MS(1));
    r = yibu_lock_acquire(second);
    if (r == 0)
        (void)yibu_lock_release(second);
    (void)yibu_lock_release(first);
    return r;
}

static intptr_t left_then_right(void *arg)
{
    pair_of_locks *locks = arg;
    return lock_both(&locks->left, &locks->right);
}

static intptr_t right_then_left(void *arg)
{
    pair_of_locks *locks = arg;
    return lock_both(&locks->right, &locks->left);
}

static intptr_t embrace(void *arg)
{
    (void)arg;
    pair_of_locks locks = {YIBU_LOCK_INIT, YIBU_LOCK_INIT};
    yibu_task_options ann = {.size = sizeof(ann), .name = "ann"};
    yibu_task_options bob = {.size = sizeof(bob), .name = "bob"};
    yibu_task *tasks[] = {yibu_create_task(left_then_right, &locks, &ann),
                          yibu_create_task(right_then_left, &locks, &bob)};
    intptr_t r = yibu_gather(tasks, 2, NULL, 0);
    yibu_task_unref(tasks[0]);
    yibu_task_unref(tasks[1]);
    return r;
}

static intptr_t tick(void *arg)
{
    (void)arg;
    while (yibu_sleep(YIBU_SECONDS(1)) == 0)
        ;
    return 0;
}

static intptr_t embrace_beside_a_ticker(void *arg)
{
    (void)yibu_spawn(tick, NULL);
    return embrace(arg);
}

static void a_deadlock_names_who_waits_for_what_and_the_cycle(void **state)
{
    (void)state;
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    assert_int_equal(yibu_sim_run(1, embrace, NULL, &options), -EDEADLK);
    assert_int_equal(report.stranded, 0);
    assert_non_null(strstr(report.text, "task \"ann\" (created at "));
    assert_non_null(strstr(report.text, "waits for a lock held by task \"bob\""));
    assert_non_null(strstr(report.text, "cycle: \"ann\" -> \"bob\" -> \"ann\""));
}

static intptr_t await_the_other(void *arg)
{
    return yibu_await(*(yibu_task **)arg);
}

static intptr_t await_in_a_circle(void *arg)
{
    (void)arg;
    static yibu_task *tasks[2];
    tasks[0] = yibu_create_task(await_the_other, &tasks[1], NULL);
    tasks[1] = yibu_create_task(await_the_other, &tasks[0], NULL);
    yibu_task *first = tasks[0], *second = tasks[1];
    intptr_t r = yibu_await(first);
    yibu_task_unref(first);
    yibu_task_unref(second);
    return r;
}

static void a_deadlock_that_no_cancel_resolves_does_not_hang(void **state)
{
    (void)state;
    yibu_sim_report report;
    yibu_sim_options options = failing(&report);
    assert_int_equal(yibu_sim_run(1, await_in_a_circle, NULL, &options), -EDEADLK);
    assert_non_null(strstr(report.text, "cycle: \"task-2\" -> \"task-3\" -> \"task-2\""));
}

static intptr_t wait_for_oneself(void *arg)
{
    static yibu_lock lock;
    (void)arg;
    lock = (yibu_lock)YIBU_LOCK_INIT;
    (void)yibu_lock_acquire(&lock);
    yibu_timeout shield;
    (void)yibu_shield_begin(&shield, YIBU_FOREVER);
    intptr_t r = yibu_lock_acquire(&lock);
    yibu_shield_end(&shield);
    return r;
}

static intptr_t sleep_under_a_shield(void *arg)
{
    yibu_timeout shield;
    (void)arg;
    (void)yibu_shield_begin(&shield, YIBU_FOREVER);
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    yibu_shield_end(&shield);
    return r;
}

static void a_task_that_no_cancel_reaches_is_named_and_dropped(void **state)
{
    (void)state;
    yibu_coroutine *const mains[] = {wait_for_oneself, sleep_under_a_shield};
    for (int i = 0; i < 2; i++) {
        yibu_sim_report report;
        yibu_sim_options options = failing(&report);
        assert_int_equal(yibu_sim_run(1, mains[i], NULL, &options), -EDEADLK);
        assert_int_equal(report.stranded, 1);
        assert_non_null(strstr(report.text, "\"main\" (created at yibu_sim_run) did not end"));
    }
}

static void never_called(yibu_op *op, ssize_t result)
{
    (void)op;
    fail_msg("an operation that was left was called back with %zd", result);
}

static intptr_t leave_operations(void *arg)
{
    yibu_op *ops = arg;
    yibu_loop *loop = yibu_get_running_loop();
    int listener = yibu_tcp_listen("10.0.0.1", 80, NULL);
    assert_int_equal(yibu_op_accept(loop, &ops[0], listener, NULL), 0);
    assert_int_equal(yibu_op_sleep(loop, &ops[1], YIBU_SECONDS(1)), 0);
    return 0;
}

static void operations_that_are_left_are_forgotten(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        yibu_op ops[2] = {{.callback = never_called}, {.callback = never_called}};
        assert_int_equal(yibu_sim_run(1, leave_operations, ops, NULL), 0);
    }
}

static void a_failed_run_leaves_nothing_to_the_next(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        yibu_sim_report report;
        yibu_sim_options options = failing(&report);
        options.step_limit = 200;
        assert_int_equal(yibu_sim_run(1, leave_one_that_ignores_cancels, NULL, &options), -ELOOP);
        assert_int_equal(yibu_sim_run(1, embrace, NULL, &options), -EDEADLK);
        race_with(1, NULL);
    }
}

/* Misuse. */

static intptr_t run_another(void *arg)
{
    (void)arg;
    return yibu_sim_run(1, return_seven, NULL, NULL);
}

static void a_run_inside_a_run_is_refused(void **state)
{
    (void)state;
    assert_int_equal(yibu_sim_run(1, run_another, NULL, NULL), -EBUSY);
}

static void a_run_inside_a_loop_is_refused(void **state)
{
    (void)state;
    assert_int_equal(yibu_run(run_another, NULL, NULL), -EBUSY);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    yibu_sim_options small = {.size = 1};
    yibu_sim_options chance = {.size = sizeof(chance), .cancel = 1.5};
    yibu_sim_options negative = {.size = sizeof(negative), .latency_ns = -1};
    yibu_sim_options choices = {.size = sizeof(choices), .choices = "1:2,nonsense"};
    assert_int_equal(yibu_sim_run(1, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_sim_run(1, return_seven, NULL, &small), -EINVAL);
    assert_int_equal(yibu_sim_run(1, return_seven, NULL, &chance), -EINVAL);
    assert_int_equal(yibu_sim_run(1, return_seven, NULL, &negative), -EINVAL);
    assert_int_equal(yibu_sim_run(1, return_seven, NULL, &choices), -EINVAL);
    assert_int_equal(yibu_sim_run(1, return_seven, NULL, NULL), 7);
}

static intptr_t drive_the_loop_from_outside(void *arg)
{
    (void)arg;
    return yibu_loop_fd(yibu_get_running_loop()) < 0 ? 0 : -EINVAL;
}

static void a_simulated_loop_has_no_descriptor(void **state)
{
    (void)state;
    assert_int_equal(yibu_sim_run(1, drive_the_loop_from_outside, NULL, NULL), 0);
}

static intptr_t stop_and_go_on(void *arg)
{
    (void)arg;
    yibu_loop_stop(yibu_get_running_loop());
    for (int i = 0; i < 10; i++)
        (void)yibu_sleep(YIBU_MS(1));
    return 3;
}

static void a_stop_does_not_end_a_run(void **state)
{
    (void)state;
    assert_int_equal(yibu_sim_run(1, stop_and_go_on, NULL, NULL), 3);
}

/* Threads and processes. */

static void *race_on_a_thread(void *arg)
{
    for (uint64_t seed = 0; seed < 100; seed++)
        ((order *)arg)[seed] = race_with(seed, NULL);
    return NULL;
}

static void every_thread_has_runs_of_its_own_that_are_the_same(void **state)
{
    (void)state;
    static order orders[3][100];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race_on_a_thread, orders[i]), 0);
    (void)race_on_a_thread(orders[2]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_memory_equal(orders[i], orders[2], sizeof(orders[2]));
    }
}

static int race_in_a_process(void *arg)
{
    order o = race_with(5, NULL);
    return memcmp(&o, arg, sizeof(o)) == 0 ? 0 : 1;
}

static void a_forked_child_runs_as_its_parent_does(void **state)
{
    (void)state;
    order o = race_with(5, NULL);
    test_result result;
    test_in_process(race_in_a_process, &o, &result);
    assert_true(test_exited(&result, 0));
}

static intptr_t fork_inside(void *arg)
{
    test_result result;
    test_in_process(race_in_a_process, arg, &result);
    return test_exited(&result, 0) ? 0 : -ECHILD;
}

static void a_child_that_is_forked_inside_a_run_has_runs_of_its_own(void **state)
{
    (void)state;
    order o = race_with(5, NULL);
    assert_int_equal(yibu_sim_run(1, fork_inside, &o, NULL), 0);
    race_with(5, NULL);
}

/* What a program may ask. */

static intptr_t ask(void *arg)
{
    uint64_t *seed = arg;
    *seed = yibu_sim_seed();
    assert_string_equal(yibu_loop_backend(yibu_get_running_loop()), "simulation");
    for (int i = 0; i < 100; i++)
        assert_true(yibu_sim_random(6) < 6);
    assert_int_equal(yibu_sim_random(1), 0);
    assert_int_equal(yibu_sim_random(0), 0);
    assert_false(yibu_sim_chance(0));
    assert_true(yibu_sim_chance(1));
    return yibu_sim_running() ? 0 : -EINVAL;
}

static void a_program_knows_its_seed(void **state)
{
    (void)state;
    uint64_t seed = 0;
    assert_int_equal(yibu_sim_run(4711, ask, &seed, NULL), 0);
    assert_int_equal(seed, 4711);
}

static void outside_a_run_everything_is_plain(void **state)
{
    (void)state;
    assert_false(yibu_sim_running());
    assert_int_equal(yibu_sim_seed(), 0);
    assert_int_equal(yibu_sim_random(100), 0);
    assert_false(yibu_sim_chance(1));
    assert_int_equal(yibu_sim_partition("10.0.0.1", NULL), -ENOTSUP);
    yibu_sim_trace("nobody %s", "hears this");
}

static intptr_t trace_a_line(void *arg)
{
    (void)arg;
    yibu_sim_trace("the answer is %d", 42);
    return 0;
}

static void a_program_adds_lines_to_the_trace(void **state)
{
    (void)state;
    static lines trace;
    trace.length = 0;
    yibu_sim_options options = {.size = sizeof(options), .trace = keep_line, .trace_arg = &trace};
    assert_int_equal(yibu_sim_run(1, trace_a_line, NULL, &options), 0);
    assert_non_null(strstr(trace.text, "main        the answer is 42\n"));
}

/* Many runs. */

static void ten_thousand_runs_take_about_a_second(void **state)
{
    (void)state;
    bool plain = YB_TEST_SLOWDOWN == 1; /* instruments follow every stack */
    uint64_t runs = plain ? 10000 : 300;
    int64_t begin_ns = real_now_ns();
    for (uint64_t seed = 0; seed < runs; seed++)
        race_with(seed, NULL);
    assert_true(!plain || real_now_ns() - begin_ns < YIBU_SECONDS(5));
}

SIM_TEST(a_sim_test_runs_its_body_with_every_seed, 200)
{
    static uint64_t last;
    assert_true(yibu_sim_seed() == 1 || yibu_sim_seed() == last + 1 || getenv("YIBU_SIM_SEED"));
    last = yibu_sim_seed();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_sleeps_passes_in_milliseconds),
        cmocka_unit_test(a_program_that_polls_the_clock_sees_it_move),
        cmocka_unit_test(the_same_seed_gives_the_same_trace_to_the_byte),
        cmocka_unit_test(different_seeds_give_different_orders),
        cmocka_unit_test(fifo_keeps_the_order),
        cmocka_unit_test(the_result_is_mains),
        cmocka_unit_test(left_over_tasks_are_cancelled_and_waited_for),
        cmocka_unit_test(a_run_that_never_ends_fails_at_its_step_limit),
        cmocka_unit_test(a_run_fails_at_its_limit_of_virtual_time),
        cmocka_unit_test(a_run_at_its_limit_tells_who_waits_for_whom),
        cmocka_unit_test(a_task_that_ignores_its_cancel_is_named_and_dropped),
        cmocka_unit_test(a_broken_invariant_ends_the_run),
        cmocka_unit_test(a_failure_is_told_to_the_exception_handler_with_its_seed),
        cmocka_unit_test(a_deadlock_names_who_waits_for_what_and_the_cycle),
        cmocka_unit_test(a_deadlock_that_no_cancel_resolves_does_not_hang),
        cmocka_unit_test(a_task_that_no_cancel_reaches_is_named_and_dropped),
        cmocka_unit_test(operations_that_are_left_are_forgotten),
        cmocka_unit_test(a_failed_run_leaves_nothing_to_the_next),
        cmocka_unit_test(a_run_inside_a_run_is_refused),
        cmocka_unit_test(a_run_inside_a_loop_is_refused),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_simulated_loop_has_no_descriptor),
        cmocka_unit_test(a_stop_does_not_end_a_run),
        cmocka_unit_test(every_thread_has_runs_of_its_own_that_are_the_same),
        cmocka_unit_test(a_forked_child_runs_as_its_parent_does),
        cmocka_unit_test(a_child_that_is_forked_inside_a_run_has_runs_of_its_own),
        cmocka_unit_test(a_program_knows_its_seed),
        cmocka_unit_test(outside_a_run_everything_is_plain),
        cmocka_unit_test(a_program_adds_lines_to_the_trace),
        cmocka_unit_test(ten_thousand_runs_take_about_a_second),
        cmocka_unit_test(a_sim_test_runs_its_body_with_every_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
