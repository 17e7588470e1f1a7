/* The report of a loop that nothing can wake. */
#include "heard.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static intptr_t wait_for_event(void *arg)
{
    return yibu_event_wait(arg);
}

static void a_loop_that_nothing_can_wake_is_reported_once(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_nothing, &h, YIBU_MS(1)), -ECANCELED);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, -EDEADLK);
    assert_non_null(strstr(h.message, "can wake the 1 task that waits"));
    assert_non_null(strstr(h.message, "task \"main\" (created at yibu_run) waits for "));
}

typedef struct pair {
    heard *heard;
    yibu_task *a, *b;
} pair;

static intptr_t await_b(void *arg)
{
    pair *p = arg;
    return yibu_await(p->b);
}

static intptr_t await_a(void *arg)
{
    pair *p = arg;
    return yibu_await(p->a);
}

static yibu_task *create(const char *name, yibu_coroutine *fn, void *arg)
{
    yibu_task_options options = {.size = sizeof(options), .name = name};
    return yibu_create_task_at(fn, arg, &options, "here.c:7");
}

static intptr_t await_each_other(void *arg)
{
    pair p = {.heard = arg};
    p.a = create("a", await_b, &p);
    p.b = create("b", await_a, &p);
    p.heard->to_cancel = p.a;
    intptr_t r = yibu_await(p.a);
    yibu_task_unref(p.a);
    yibu_task_unref(p.b);
    return r;
}

static void the_report_names_the_cycle(void **state)
{
    (void)state;
    heard h = {0};
    (void)run_with(await_each_other, &h, YIBU_MS(1));
    assert_int_equal(h.count, 1);
    assert_string_equal(h.message,
                        "deadlock: nothing the loop knows of can wake the 3 tasks that wait\n"
                        "  task \"main\" (created at yibu_run) waits for the end of task \"a\"\n"
                        "  task \"a\" (created at here.c:7) waits for the end of task \"b\"\n"
                        "  task \"b\" (created at here.c:7) waits for the end of task \"a\"\n"
                        "  cycle: \"a\" -> \"b\" -> \"a\"");
}

/* The textbook's: two locks, taken in different orders. */
typedef struct account {
    yibu_lock *first, *second;
} account;

static intptr_t take_both(void *arg)
{
    account *a = arg;
    intptr_t r = yibu_lock_acquire(a->first);
    if (r < 0)
        return r;
    yibu_sleep(0);
    r = yibu_lock_acquire(a->second);
    if (r == 0)
        yibu_lock_release(a->second);
    yibu_lock_release(a->first);
    return r;
}

static intptr_t transfer_both_ways(void *arg)
{
    heard *h = arg;
    yibu_lock one = YIBU_LOCK_INIT, two = YIBU_LOCK_INIT;
    account there = {&one, &two}, back = {&two, &one};
    yibu_task *a = create("there", take_both, &there);
    yibu_task *b = create("back", take_both, &back);
    h->to_cancel = a;
    intptr_t r = yibu_await(a);
    assert_int_equal(yibu_await(b), 0);
    yibu_task_unref(a);
    yibu_task_unref(b);
    return r;
}

static void the_report_names_who_holds_a_lock(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(transfer_both_ways, &h, YIBU_MS(1)), -ECANCELED);
    assert_int_equal(h.count, 1);
    assert_string_equal(
        h.message,
        "deadlock: nothing the loop knows of can wake the 3 tasks that wait\n"
        "  task \"main\" (created at yibu_run) waits for the end of task \"there\"\n"
        "  task \"there\" (created at here.c:7) waits for a lock held by task \"back\" (created at "
        "here.c:7)\n"
        "  task \"back\" (created at here.c:7) waits for a lock held by task \"there\" (created at "
        "here.c:7)\n"
        "  cycle: \"there\" -> \"back\" -> \"there\"");
}

enum { RING = 50, RINGS = 3 };

static intptr_t await_next(void *arg)
{
    return yibu_await(*(yibu_task **)arg);
}

static intptr_t await_in_rings(void *arg)
{
    heard *h = arg;
    yibu_task *tasks[RINGS][RING + 1];
    for (int ring = 0; ring < RINGS; ring++) {
        for (int i = 0; i < RING; i++)
            tasks[ring][i] = yibu_create_task(await_next, &tasks[ring][i + 1], NULL);
        tasks[ring][RING] = tasks[ring][0];
    }
    h->to_cancel = yibu_current_task();
    yibu_event never = YIBU_EVENT_INIT;
    intptr_t r = yibu_event_wait(&never);
    for (int ring = 0; ring < RINGS; ring++) {
        yibu_task_cancel(tasks[ring][0]);
        for (int i = 0; i < RING; i++) {
            (void)yibu_await(tasks[ring][i]);
            yibu_task_unref(tasks[ring][i]);
        }
    }
    return r;
}

static void every_cycle_is_named_once(void **state)
{
    (void)state;
    heard h = {0};
    (void)run_with(await_in_rings, &h, YIBU_MS(1));
    int cycles = 0;
    for (const char *at = h.message; (at = strstr(at, "\n  cycle: \"task-")); at++)
        cycles++;
    assert_int_equal(cycles, RINGS);
    assert_non_null(strstr(h.message, "cycle: \"task-2\" -> \"task-3\""));
    assert_non_null(strstr(h.message, "-> \"task-151\" -> \"task-102\""));
}

enum { MANY = 100 };

static intptr_t many_wait(void *arg)
{
    heard *h = arg;
    yibu_event never = YIBU_EVENT_INIT;
    for (int i = 0; i < MANY; i++)
        assert_int_equal(yibu_spawn(wait_for_event, &never), 0);
    h->to_cancel = yibu_current_task();
    return yibu_event_wait(&never);
}

static void of_many_tasks_the_oldest_are_listed(void **state)
{
    (void)state;
    heard h = {0};
    (void)run_with(many_wait, &h, YIBU_MS(1));
    assert_non_null(strstr(h.message, "the 101 tasks that wait\n"));
    assert_non_null(strstr(h.message, "\"task-2\""));
    assert_null(strstr(h.message, "\"task-99\""));
    assert_non_null(strstr(h.message, "\n  and 61 more"));
}

/* What is no deadlock. */

static intptr_t wait_for_timer(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_MS(30));
}

static void a_task_that_sleeps_is_no_deadlock(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_timer, &h, 1), 0);
    assert_int_equal(h.count, 0);
}

static void *write_later(void *arg)
{
    usleep(30000);
    if (write(*(int *)arg, "x", 1) != 1)
        abort();
    return NULL;
}

static intptr_t wait_for_pipe(void *arg)
{
    (void)arg;
    char byte;
    int ends[2];
    pthread_t thread;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_later, &ends[1]), 0);
    assert_int_equal(yibu_read(ends[0], &byte, 1), 1);
    pthread_join(thread, NULL);
    yibu_close(ends[0]);
    yibu_close(ends[1]);
    return 0;
}

static void a_task_that_waits_for_io_is_no_deadlock(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_pipe, &h, 1), 0);
    assert_int_equal(h.count, 0);
}

static intptr_t sleep_on_thread(void *arg)
{
    (void)arg;
    usleep(30000);
    return 0;
}

static intptr_t wait_for_thread(void *arg)
{
    (void)arg;
    return yibu_to_thread(sleep_on_thread, NULL);
}

static void a_function_on_a_pool_thread_is_no_deadlock(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_thread, &h, 1), 0);
    assert_int_equal(h.count, 0);
}

typedef struct watched {
    int ends[2];
    yibu_event event;
} watched;

static void set_watched(void *arg)
{
    watched *w = arg;
    char byte;
    if (read(w->ends[0], &byte, 1) == 1)
        yibu_event_set(&w->event);
}

static intptr_t wait_for_watch(void *arg)
{
    (void)arg;
    watched w = {.event = YIBU_EVENT_INIT};
    pthread_t thread;
    assert_int_equal(pipe(w.ends), 0);
    yibu_loop *loop = yibu_get_running_loop();
    assert_int_equal(yibu_add_reader(loop, w.ends[0], set_watched, &w), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_later, &w.ends[1]), 0);
    assert_int_equal(yibu_event_wait(&w.event), 0);
    pthread_join(thread, NULL);
    yibu_remove_reader(loop, w.ends[0]);
    close(w.ends[0]);
    close(w.ends[1]);
    return 0;
}

static void a_watched_descriptor_is_hope(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_watch, &h, 1), 0);
    assert_int_equal(h.count, 0);
}

typedef struct caller {
    yibu_loop *loop;
    yibu_event *event;
    int64_t before_us, between_us;
} caller;

static void nothing(void *arg)
{
    (void)arg;
}

static void *call_in_twice(void *arg)
{
    caller *c = arg;
    usleep((useconds_t)c->before_us);
    yibu_call_soon_threadsafe(c->loop, nothing, NULL);
    usleep((useconds_t)c->between_us);
    yibu_call_soon_threadsafe(c->loop, set_event, c->event);
    return NULL;
}

static intptr_t wait_for_caller(int64_t before_us, int64_t between_us)
{
    yibu_event event = YIBU_EVENT_INIT;
    caller c = {yibu_get_running_loop(), &event, before_us, between_us};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_in_twice, &c), 0);
    assert_int_equal(yibu_event_wait(&event), 0);
    pthread_join(thread, NULL);
    return 0;
}

static intptr_t wait_for_known_caller(void *arg)
{
    (void)arg;
    return wait_for_caller(0, 400000);
}

static void a_thread_that_has_called_in_may_do_so_again(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_known_caller, &h, YIBU_MS(200)), 0);
    assert_int_equal(h.count, 0);
}

static intptr_t wait_for_new_caller(void *arg)
{
    (void)arg;
    return wait_for_caller(20000, 0);
}

static void a_thread_that_calls_in_within_the_patience_is_not_accused(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_new_caller, &h, YIBU_SECONDS(20)), 0);
    assert_int_equal(h.count, 0);
}

static void a_false_alarm_does_no_harm(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_new_caller, &h, 1), 0);
    assert_int_equal(h.count, 1);
}

static intptr_t wait_for_late_caller(void *arg)
{
    (void)arg;
    return wait_for_caller(100000, 0);
}

static void without_limit_nothing_is_ever_reported(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_late_caller, &h, YIBU_FOREVER), 0);
    assert_int_equal(h.count, 0);
}

static void a_loop_that_is_driven_from_outside_is_not_accused(void **state)
{
    (void)state;
    heard h = {0};
    yibu_loop_options options = {
        .size = sizeof(options),
        .exception_handler = hear,
        .exception_handler_arg = &h,
        .deadlock_after_ns = 1,
    };
    yibu_loop *loop;
    yibu_event event = YIBU_EVENT_INIT;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_int_equal(yibu_spawn(wait_for_event, &event), 0);
    assert_true(yibu_loop_fd(loop) >= 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(yibu_loop_run_once(loop, YIBU_MS(2)), 1);
    yibu_event_set(&event);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(h.count, 0);
}

static void stop_loop(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    hear(loop, message, code, arg);
    yibu_loop_stop(loop);
}

static void the_handler_may_stop_a_loop_that_runs_for_ever(void **state)
{
    (void)state;
    heard h = {0};
    yibu_loop_options options = {
        .size = sizeof(options),
        .exception_handler = stop_loop,
        .exception_handler_arg = &h,
        .deadlock_after_ns = YIBU_MS(1),
    };
    yibu_loop *loop;
    yibu_event event = YIBU_EVENT_INIT;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_int_equal(yibu_spawn(wait_for_event, &event), 0);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(h.count, 1);
    yibu_event_set(&event);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static int abort_on_failure(void **state)
{
    (void)state;
    return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_nothing_can_wake_is_reported_once),
        cmocka_unit_test(the_report_names_the_cycle),
        cmocka_unit_test(the_report_names_who_holds_a_lock),
        cmocka_unit_test(every_cycle_is_named_once),
        cmocka_unit_test(of_many_tasks_the_oldest_are_listed),
        cmocka_unit_test(a_task_that_sleeps_is_no_deadlock),
        cmocka_unit_test(a_task_that_waits_for_io_is_no_deadlock),
        cmocka_unit_test(a_function_on_a_pool_thread_is_no_deadlock),
        cmocka_unit_test(a_watched_descriptor_is_hope),
        cmocka_unit_test(a_thread_that_has_called_in_may_do_so_again),
        cmocka_unit_test(a_thread_that_calls_in_within_the_patience_is_not_accused),
        cmocka_unit_test(a_false_alarm_does_no_harm),
        cmocka_unit_test(without_limit_nothing_is_ever_reported),
        cmocka_unit_test(a_loop_that_is_driven_from_outside_is_not_accused),
        cmocka_unit_test(the_handler_may_stop_a_loop_that_runs_for_ever),
    };
    return cmocka_run_group_tests(tests, abort_on_failure, NULL);
}
