/* Debug mode: what holds the loop too long, and what uses it from a wrong thread, is named. */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "process.h"

typedef struct heard {
    const char *about; /* other messages are not counted: the machine may be busy */
    int count;
    intptr_t code;
    char message[1024];
} heard;

static void hear(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    heard *h = arg;
    if (h->about && !strstr(message, h->about))
        return;
    h->count++;
    h->code = code;
    snprintf(h->message, sizeof(h->message), "%s", message);
}

static yibu_loop_options options_with(heard *h, int64_t slow_ns)
{
    return (yibu_loop_options){
        .size = sizeof(yibu_loop_options),
        .debug = true,
        .exception_handler = hear,
        .exception_handler_arg = h,
        .slow_callback_duration_ns = slow_ns,
    };
}

static intptr_t run_debugged(yibu_coroutine *main, heard *h, int64_t slow_ns)
{
    yibu_loop_options options = options_with(h, slow_ns);
    return yibu_run(main, h, &options);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void compute(int64_t duration_ns)
{
    for (int64_t end = now() + duration_ns; now() < end;)
        ;
}

enum { SLOW_MS = 20 };

static void compute_long(void *arg)
{
    (void)arg;
    compute(YIBU_MS(SLOW_MS) + 1);
}

static intptr_t compute_in_task(void *arg)
{
    compute_long(arg);
    return 0;
}

static yibu_task *create(const char *name, yibu_coroutine *fn)
{
    yibu_task_options options = {.size = sizeof(options), .name = name};
    return yibu_create_task_at(fn, NULL, &options, "here.c:7");
}

static intptr_t await_a_slow_task(void *arg)
{
    heard *h = arg;
    yibu_task *task = create("cruncher", compute_in_task);
    yibu_await(task);
    yibu_task_unref(task);
    assert_int_equal(h->count, 1); /* it alone, though it has ended */
    return 0;
}

static void a_task_that_holds_the_loop_is_named_with_the_place_of_its_creation(void **state)
{
    (void)state;
    heard h = {.about = "cruncher"};
    assert_int_equal(run_debugged(await_a_slow_task, &h, YIBU_MS(SLOW_MS)), 0);
    assert_non_null(
        strstr(h.message, "task \"cruncher\", created at here.c:7, held the loop for "));
    assert_int_equal(h.code, 0);
}

static intptr_t compute_in_parts(void *arg)
{
    (void)arg;
    for (int i = 0; i < 40; i++) {
        compute(YIBU_MS(1));
        yibu_yield();
    }
    return 0;
}

/* A busy machine may take the processor away from any part: hence the wide margin. */
static void a_task_that_suspends_in_between_is_not_slow(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_debugged(compute_in_parts, &h, YIBU_SECONDS(20)), 0);
    assert_int_equal(h.count, 0);
    assert_int_equal(run_debugged(await_a_slow_task, &(heard){.count = 1}, YIBU_SECONDS(20)), 0);
}

static intptr_t sleep_long(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_MS(300));
}

static void time_spent_waiting_is_not_counted(void **state)
{
    (void)state;
    heard h = {0};
    yibu_loop_options options = options_with(&h, YIBU_MS(250));
    for (int attempt = 0; attempt < 20; attempt++) { /* the machine may be busy */
        h.count = 0;
        assert_int_equal(yibu_run(sleep_long, NULL, &options), 0);
        if (h.count == 0)
            return;
    }
    fail();
}

/* Every way in which the loop calls back. */

typedef struct ways {
    heard *heard;
    yibu_loop *loop;
    int ends[2];
    int expected;
    yibu_op op;
} ways;

static void expect_one_more(ways *w)
{
    while (w->heard->count == w->expected)
        assert_int_equal(yibu_sleep(0), 0);
    w->expected++;
    assert_int_equal(w->heard->count, w->expected);
    assert_non_null(strstr(w->heard->message, "+0x"));
}

static void compute_and_remove(void *arg)
{
    ways *w = arg;
    compute_long(NULL);
    yibu_remove_reader(w->loop, w->ends[0]);
}

static void compute_on_op(yibu_op *op, ssize_t result)
{
    (void)op;
    (void)result;
    compute_long(NULL);
}

static void compute_when_done(yibu_future *future, void *arg)
{
    (void)future;
    compute_long(arg);
}

static void *post(void *arg)
{
    yibu_call_soon_threadsafe(arg, compute_long, NULL);
    return NULL;
}

static void call_in_all_ways(ways *w)
{
    yibu_timer timer = YIBU_TIMER_INIT;
    pthread_t thread;
    yibu_call_soon(w->loop, compute_long, NULL, NULL);
    expect_one_more(w);
    yibu_call_later(w->loop, 1, compute_long, NULL, NULL);
    expect_one_more(w);
    yibu_timer_start(w->loop, &timer, 1, compute_long, NULL);
    expect_one_more(w);
    assert_int_equal(pthread_create(&thread, NULL, post, w->loop), 0);
    expect_one_more(w);
    pthread_join(thread, NULL);
    yibu_add_signal_handler(w->loop, SIGUSR1, compute_long, NULL);
    raise(SIGUSR1);
    expect_one_more(w);
    yibu_remove_signal_handler(w->loop, SIGUSR1);
    assert_int_equal(write(w->ends[1], "x", 1), 1);
    yibu_add_reader(w->loop, w->ends[0], compute_and_remove, w);
    expect_one_more(w);
    w->op.callback = compute_on_op;
    assert_int_equal(yibu_op_sleep(w->loop, &w->op, 1), 0);
    expect_one_more(w);
}

static intptr_t call_back_in_every_way(void *arg)
{
    ways w = {.heard = arg, .loop = yibu_get_running_loop()};
    assert_int_equal(pipe(w.ends), 0);
    call_in_all_ways(&w);
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, compute_when_done, NULL);
    yibu_future_set_result(future, 1);
    expect_one_more(&w);
    yibu_future_unref(future);
    close(w.ends[0]);
    close(w.ends[1]);
    return 0;
}

static void a_slow_callback_is_told_by_its_address_whoever_calls_it(void **state)
{
    (void)state;
    heard h = {.about = "the callback "};
    assert_int_equal(run_debugged(call_back_in_every_way, &h, YIBU_MS(SLOW_MS)), 0);
    assert_int_equal(h.count, 8);
}

/* Settings. */

static void debug_mode_can_be_changed_at_any_time(void **state)
{
    yibu_loop *loop = *state;
    heard h = {0};
    assert_int_equal(yibu_loop_get_slow_callback_duration(loop), YIBU_MS(100));
    assert_int_equal(yibu_loop_set_slow_callback_duration(loop, 1), 0);
    assert_int_equal(yibu_loop_set_slow_callback_duration(loop, -1), -EINVAL);
    assert_int_equal(yibu_loop_get_slow_callback_duration(loop), 1);
    assert_int_equal(yibu_loop_set_exception_handler(loop, hear, &h), 0);
    assert_int_equal(yibu_loop_set_debug(loop, false), 0); /* whatever $YIBU_DEBUG is */
    yibu_call_soon(loop, compute_long, NULL, NULL);
    test_loop_drain(loop);
    assert_int_equal(h.count, 0);
    assert_int_equal(yibu_loop_set_debug(loop, true), 0);
    assert_true(yibu_loop_get_debug(loop));
    yibu_call_soon(loop, compute_long, NULL, NULL);
    test_loop_drain(loop);
    assert_int_equal(h.count, 1);
    assert_int_equal(yibu_loop_set_debug(loop, false), 0);
    assert_false(yibu_loop_get_debug(loop));
    yibu_call_soon(loop, compute_long, NULL, NULL);
    test_loop_drain(loop);
    assert_int_equal(h.count, 1);
}

static intptr_t switch_debug_all_the_time(void *arg)
{
    (void)arg;
    yibu_loop *loop = yibu_get_running_loop();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(yibu_loop_set_debug(loop, i % 2 == 0), 0);
        assert_int_equal(i % 3 ? yibu_yield() : yibu_sleep(0), 0);
    }
    return 0;
}

static void a_task_may_change_debug_mode_while_others_run(void **state)
{
    (void)state;
    heard h = {0};
    yibu_loop_options options = options_with(&h, YIBU_SECONDS(20));
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(yibu_spawn(switch_debug_all_the_time, NULL), 0);
    test_loop_drain(loop);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(h.count, 0);
}

static void the_environment_turns_debug_mode_on(void **state)
{
    (void)state;
    yibu_loop *loop;
    const char *before = getenv("YIBU_DEBUG");
    char *kept = before ? strdup(before) : NULL;
    setenv("YIBU_DEBUG", "1", 1);
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_true(yibu_loop_get_debug(loop));
    assert_int_equal(yibu_loop_free(loop), 0);
    unsetenv("YIBU_DEBUG");
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_false(yibu_loop_get_debug(loop));
    assert_int_equal(yibu_loop_free(loop), 0);
    if (kept)
        setenv("YIBU_DEBUG", kept, 1);
    free(kept);
}

/* Wrong threads. */

typedef struct misuse {
    void (*call)(yibu_loop *loop, yibu_task *task);
    yibu_loop *loop;
    yibu_task *task;
    bool debug;
} misuse;

static void *misuse_in_thread(void *arg)
{
    misuse *m = arg;
    m->call(m->loop, m->task);
    return NULL;
}

static intptr_t misuse_in_loop(void *arg)
{
    misuse *m = arg;
    pthread_t thread;
    m->loop = yibu_get_running_loop();
    m->task = yibu_current_task();
    yibu_task_set_name(m->task, "victim");
    if (pthread_create(&thread, NULL, misuse_in_thread, m) == 0)
        pthread_join(thread, NULL);
    return 0;
}

static int run_misuse(void *arg)
{
    misuse *m = arg;
    yibu_loop_options options = {.size = sizeof(options), .debug = m->debug};
    return (int)yibu_run(misuse_in_loop, m, &options);
}

static void assert_aborts_saying(void (*call)(yibu_loop *, yibu_task *), bool debug,
                                 const char *object, const char *what)
{
    misuse m = {.call = call, .debug = debug};
    test_result result;
    test_in_process(run_misuse, &m, &result);
    assert_true(test_died_of(&result, SIGABRT));
    if (!strstr(result.said, object) || !strstr(result.said, what) ||
        !strstr(result.said, "use yibu_call_soon_threadsafe"))
        fail_msg("it said: %s", result.said);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void call_soon(yibu_loop *loop, yibu_task *task)
{
    (void)task;
    yibu_call_soon(loop, nothing, NULL, NULL);
}

static void add_signal_handler(yibu_loop *loop, yibu_task *task)
{
    (void)task;
    yibu_add_signal_handler(loop, SIGUSR1, nothing, NULL);
}

static void stop(yibu_loop *loop, yibu_task *task)
{
    (void)task;
    yibu_loop_stop(loop);
}

static void cancel(yibu_loop *loop, yibu_task *task)
{
    (void)loop;
    yibu_task_cancel(task);
}

static void cancel_with(yibu_loop *loop, yibu_task *task)
{
    (void)loop;
    yibu_task_cancel_with(task, "why");
}

static void in_debug_mode_calls_for_another_threads_loop_abort_and_name_it(void **state)
{
    (void)state;
    const char *object = "the loop created at yibu_run";
    assert_aborts_saying(call_soon, true, object, "a thread that is not its own");
    assert_aborts_saying(add_signal_handler, true, object, "a thread that is not its own");
}

static void what_cannot_fail_aborts_on_another_thread_and_names_its_object(void **state)
{
    (void)state;
    const char *object = "task \"victim\", created at yibu_run";
    assert_aborts_saying(stop, false, "the loop created at yibu_run", "a stop was requested");
    assert_aborts_saying(cancel, false, object, "a cancel was requested");
    assert_aborts_saying(cancel_with, false, object, "a cancel was requested");
}

static yibu_timer shared_timer = YIBU_TIMER_INIT;
static yibu_handle *shared_handle;

static void stop_timer(yibu_loop *loop, yibu_task *task)
{
    (void)loop;
    (void)task;
    yibu_timer_stop(&shared_timer);
}

static void cancel_handle(yibu_loop *loop, yibu_task *task)
{
    (void)loop;
    (void)task;
    yibu_handle_cancel(shared_handle);
}

static intptr_t arm_and_misuse(void *arg)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_timer_start(loop, &shared_timer, YIBU_SECONDS(100), nothing, NULL);
    yibu_call_later(loop, YIBU_SECONDS(100), nothing, NULL, &shared_handle);
    return misuse_in_loop(arg);
}

static int run_armed(void *arg)
{
    return (int)yibu_run(arm_and_misuse, arg, NULL);
}

static void timers_and_handles_abort_on_another_thread(void **state)
{
    (void)state;
    misuse m = {.call = stop_timer};
    test_result result;
    test_in_process(run_armed, &m, &result);
    assert_true(test_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "the loop created at yibu_run: a timer was stopped"));
    m.call = cancel_handle;
    test_in_process(run_armed, &m, &result);
    assert_true(test_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "the loop created at yibu_run: a call was cancelled"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_holds_the_loop_is_named_with_the_place_of_its_creation),
        cmocka_unit_test(a_task_that_suspends_in_between_is_not_slow),
        cmocka_unit_test(time_spent_waiting_is_not_counted),
        cmocka_unit_test(a_slow_callback_is_told_by_its_address_whoever_calls_it),
        loop_unit_test(debug_mode_can_be_changed_at_any_time),
        cmocka_unit_test(a_task_may_change_debug_mode_while_others_run),
        cmocka_unit_test(the_environment_turns_debug_mode_on),
        cmocka_unit_test(in_debug_mode_calls_for_another_threads_loop_abort_and_name_it),
        cmocka_unit_test(what_cannot_fail_aborts_on_another_thread_and_names_its_object),
        cmocka_unit_test(timers_and_handles_abort_on_another_thread),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
