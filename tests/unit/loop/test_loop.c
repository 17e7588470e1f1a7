/* The loop: its making and end, its turns, what it tells. */
#include "loop.h"
#include "sockets.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* Making and ending. */

static void a_thread_has_one_loop_at_a_time(void **state)
{
    (void)state;
    yibu_loop *loop, *second = NULL;
    assert_null(yibu_get_running_loop());
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_ptr_equal(yibu_get_running_loop(), loop);
    assert_int_equal(yibu_loop_new(NULL, &second), -EBUSY);
    assert_null(second);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_null(yibu_get_running_loop());
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(yibu_loop_free(NULL), 0);
}

static void options_are_checked(void **state)
{
    (void)state;
    yibu_loop *loop = NULL;
    yibu_loop_options options = {.size = sizeof(options), .backend = "kqueue"};
    assert_int_equal(yibu_loop_new(&options, &loop), -EINVAL);
    options = (yibu_loop_options){.size = 0};
    assert_int_equal(yibu_loop_new(&options, &loop), -EINVAL);
    assert_int_equal(yibu_loop_new(NULL, NULL), -EINVAL);
    assert_null(loop);
}

static void the_environment_s_backend_is_checked_too(void **state)
{
    (void)state;
    yibu_loop *loop = NULL;
    char *before = strdup(test_backend() ? test_backend() : "");
    setenv("YIBU_BACKEND", "select", 1);
    assert_int_equal(yibu_loop_new(NULL, &loop), -EINVAL);
    assert_null(loop);
    setenv("YIBU_BACKEND", before, 1);
    free(before);
}

static void the_backend_asked_for_is_the_one_that_is_used(void **state)
{
    (void)state;
    yibu_loop *loop;
    yibu_loop_options options = {.size = sizeof(options), .backend = "epoll"};
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_string_equal(yibu_loop_backend(loop), "epoll");
    assert_int_equal(yibu_loop_free(loop), 0);
}

/* A program built against an older header passes a shorter struct: what follows is default. */
static void options_of_an_older_version_are_taken_as_far_as_they_go(void **state)
{
    (void)state;
    yibu_loop *loop;
    yibu_loop_options options;
    memset(&options, 0xff, sizeof(options));
    options.size = offsetof(yibu_loop_options, debug);
    options.backend = "epoll";
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_string_equal(yibu_loop_backend(loop), "epoll");
    test_loop_drain(loop); /* calls no observer */
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void options_of_a_newer_version_are_accepted(void **state)
{
    (void)state;
    struct {
        yibu_loop_options known;
        uintptr_t unknown[4];
    } options = {.known.size = sizeof(options)};
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(&options.known, &loop), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void many_loops_leave_no_descriptor_behind(void **state)
{
    (void)state;
    int before = test_count_descriptors();
    for (int i = 0; i < 200; i++) {
        yibu_loop *loop;
        assert_int_equal(yibu_loop_new(NULL, &loop), 0);
        assert_true(yibu_loop_fd(loop) >= 0);
        assert_int_equal(yibu_loop_free(loop), 0);
    }
    assert_int_equal(test_count_descriptors(), before);
}

static intptr_t sleep_until_cancelled(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_FOREVER);
}

static void a_loop_with_tasks_is_not_freed(void **state)
{
    yibu_loop *loop = *state;
    yibu_task *task = yibu_create_task(sleep_until_cancelled, NULL, NULL);
    assert_int_equal(yibu_loop_free(loop), YIBU_EBUSY);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(yibu_loop_free(loop), YIBU_EBUSY);
    yibu_task_cancel(task);
    while (!yibu_task_done(task))
        yibu_loop_run_once(loop, YIBU_FOREVER);
    assert_int_equal(yibu_task_result(task), -ECANCELED);
    yibu_task_unref(task);
}

typedef struct nested {
    yibu_loop *loop;
    int free, run_once, run_forever;
    intptr_t run;
    bool done;
} nested;

static intptr_t nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void try_to_nest(void *arg)
{
    nested *n = arg;
    n->free = yibu_loop_free(n->loop);
    n->run_once = yibu_loop_run_once(n->loop, 0);
    n->run_forever = yibu_run_forever(n->loop);
    n->run = yibu_run_until_complete(n->loop, nothing, NULL);
    n->done = true;
}

static void a_running_loop_is_neither_freed_nor_run_again(void **state)
{
    nested n = {.loop = *state};
    yibu_call_soon(n.loop, try_to_nest, &n, NULL);
    test_loop_until(n.loop, &n.done);
    assert_int_equal(n.free, YIBU_EBUSY);
    assert_int_equal(n.run_once, YIBU_EBUSY);
    assert_int_equal(n.run_forever, YIBU_EBUSY);
    assert_int_equal(n.run, YIBU_EBUSY);
}

LOOP_TEST(run_in_a_task_is_refused)
{
    assert_int_equal(yibu_run(nothing, NULL, NULL), -EBUSY);
    assert_int_equal(yibu_loop_run_once(yibu_get_running_loop(), 0), YIBU_EBUSY);
    return 0;
}

/* Of another thread's loop. */

static void *use_foreign_loop(void *arg)
{
    yibu_loop *loop = arg;
    int x = 0;
    yibu_op op = {.callback = NULL};
    if (yibu_call_soon(loop, test_count, &x, NULL) != -EINVAL ||
        yibu_loop_run_once(loop, 0) != -EINVAL || yibu_loop_free(loop) != -EINVAL ||
        yibu_run_forever(loop) != -EINVAL || yibu_add_reader(loop, 0, test_count, &x) != -EINVAL ||
        yibu_op_sleep(loop, &op, 1) != -EINVAL || yibu_loop_fd(loop) != -EINVAL ||
        yibu_create_task(nothing, NULL, NULL) != NULL)
        return arg;
    return NULL;
}

static void a_loop_is_its_thread_s_alone(void **state)
{
    pthread_t thread;
    void *refused;
    assert_int_equal(pthread_create(&thread, NULL, use_foreign_loop, *state), 0);
    pthread_join(thread, &refused);
    assert_null(refused);
}

static void *run_many_tasks(void *arg)
{
    (void)arg;
    intptr_t sum = 0;
    for (int i = 0; i < 20; i++)
        sum += yibu_run(nothing, NULL, NULL);
    return (void *)sum;
}

static intptr_t chat(void *arg)
{
    int *pair = arg;
    char byte = 0;
    for (int i = 0; i < 200; i++) {
        ssize_t n = yibu_send(pair[0], &byte, 1);
        if (n != 1 || yibu_recv(pair[0], &byte, 1) != 1)
            return -EIO;
    }
    return 0;
}

static void *run_chat(void *arg)
{
    return (void *)yibu_run(chat, arg, NULL);
}

static void loops_of_several_threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    enum { PAIRS = 3 };
    pthread_t threads[2 * PAIRS], makers[2];
    int pairs[PAIRS][2];
    int turned[PAIRS][2];
    for (int i = 0; i < PAIRS; i++) {
        test_pair(pairs[i]);
        turned[i][0] = pairs[i][1];
        assert_int_equal(pthread_create(&threads[2 * i], NULL, run_chat, pairs[i]), 0);
        assert_int_equal(pthread_create(&threads[2 * i + 1], NULL, run_chat, turned[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&makers[i], NULL, run_many_tasks, NULL), 0);
    void *result;
    for (int i = 0; i < 2 * PAIRS; i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(makers[i], &result);
        assert_null(result);
    }
    for (int i = 0; i < PAIRS; i++)
        test_close_pair(pairs[i]);
}

/* Turns. */

static void run_once_says_whether_something_could_still_happen(void **state)
{
    yibu_loop *loop = *state;
    int count = 0, pair[2];
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);

    yibu_handle *later;
    yibu_call_later(loop, YIBU_SECONDS(100), test_count, &count, &later);
    assert_int_equal(yibu_loop_run_once(loop, 0), 1);
    yibu_handle_cancel(later);
    yibu_handle_unref(later);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);

    test_pair(pair);
    yibu_add_reader(loop, pair[0], test_count, &count);
    assert_int_equal(yibu_loop_run_once(loop, 0), 1);
    yibu_remove_reader(loop, pair[0]);
    test_loop_drain(loop);
    test_close_pair(pair);

    yibu_task *task = yibu_create_task(sleep_until_cancelled, NULL, NULL);
    assert_int_equal(yibu_loop_run_once(loop, 0), 1);
    yibu_task_cancel(task);
    test_loop_drain(loop);
    yibu_task_unref(task);
    assert_int_equal(count, 0);
}

static void run_once_waits_no_longer_than_it_was_told(void **state)
{
    yibu_loop *loop = *state;
    int64_t start = yibu_loop_time(loop);
    yibu_loop_run_once(loop, YIBU_MS(5));
    assert_true(yibu_loop_time(loop) - start >= YIBU_MS(5));

    int count = 0;
    yibu_call_later(loop, YIBU_MS(2), test_count, &count, NULL);
    for (int turn = 0; turn < 3 && count == 0; turn++) /* the loop has timers of its own, too */
        yibu_loop_run_once(loop, YIBU_SECONDS(1000));
    assert_int_equal(count, 1);

    start = yibu_loop_time(loop);
    yibu_loop_run_once(loop, -1);
    assert_true(yibu_loop_time(loop) - start < YIBU_SECONDS(1));
}

static void stop_soon(void *arg)
{
    yibu_loop_stop(arg);
}

static void run_forever_runs_until_stop(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    yibu_call_later(loop, YIBU_MS(2), stop_soon, loop, NULL);
    yibu_call_soon(loop, test_count, &count, NULL);
    yibu_call_later(loop, YIBU_MS(1), test_count, &count, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(count, 2);
    yibu_call_soon(loop, stop_soon, loop, NULL);
    yibu_call_soon(loop, test_count, &count, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(count, 3); /* what was due in the turn of the stop still ran */
    yibu_call_later(loop, YIBU_MS(1), test_count, &count, NULL);
    yibu_call_later(loop, YIBU_MS(2), stop_soon, loop, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(count, 4); /* the stop before was that run's alone */
}

static void a_stop_before_run_forever_leaves_it_one_turn(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    yibu_call_soon(loop, test_count, &count, NULL);
    yibu_loop_stop(loop);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(count, 1);
}

static void left_over_tasks_go_on_in_the_next_run(void **state)
{
    yibu_loop *loop = *state;
    yibu_task *task = yibu_create_task(sleep_until_cancelled, NULL, NULL);
    assert_int_equal(yibu_run_until_complete(loop, nothing, NULL), 0);
    assert_false(yibu_task_done(task));
    yibu_task_cancel(task);
    while (!yibu_task_done(task))
        assert_int_equal(yibu_run_until_complete(loop, nothing, NULL), 0);
    yibu_task_unref(task);
}

static void the_program_ends_when_main_ends_and_not_later(void **state)
{
    (void)state;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < 10; i++)
        assert_int_equal(yibu_run(nothing, NULL, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    /* 10 waits of a second would be too long. */
    assert_true(end.tv_sec - start.tv_sec < 3 * YB_TEST_SLOWDOWN);
}

/* The observer of turns. */

typedef struct observed {
    int turns;
    bool plausible;
    int64_t previous_end_ns;
    int64_t longest_cpu_ns, longest_ns;
} observed;

static void observe(const yibu_turn *turn, void *arg)
{
    observed *o = arg;
    int64_t duration_ns = turn->end_ns - turn->start_ns;
    o->turns++;
    o->plausible = o->plausible && duration_ns >= 0 && turn->start_ns >= o->previous_end_ns &&
                   turn->cpu_ns >= 0 && turn->cpu_ns <= duration_ns + YIBU_MS(1);
    o->previous_end_ns = turn->end_ns;
    o->longest_ns = duration_ns > o->longest_ns ? duration_ns : o->longest_ns;
    o->longest_cpu_ns = turn->cpu_ns > o->longest_cpu_ns ? turn->cpu_ns : o->longest_cpu_ns;
}

static int64_t cpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * YIBU_SECONDS(1) + now.tv_nsec;
}

static void burn(int64_t cpu_ns)
{
    int64_t end = cpu_now() + cpu_ns;
    while (cpu_now() < end)
        continue;
}

static void burn_in_callback(void *arg)
{
    (void)arg;
    burn(YIBU_MS(3));
}

static void burn_in_completion(yibu_op *op, ssize_t result)
{
    (void)result;
    burn(YIBU_MS(3));
    *(bool *)op->arg = true;
}

static yibu_loop *observed_loop(observed *o)
{
    *o = (observed){.plausible = true};
    yibu_loop *loop;
    yibu_loop_options options = {.size = sizeof(options), .on_turn = observe, .on_turn_arg = o};
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    return loop;
}

static void the_observer_sees_how_long_callbacks_hold_the_loop(void **state)
{
    (void)state;
    observed o;
    yibu_loop *loop = observed_loop(&o);
    yibu_call_later(loop, YIBU_MS(20), burn_in_callback, NULL, NULL);
    test_loop_drain(loop);
    assert_true(o.turns > 0 && o.plausible);
    assert_true(o.longest_cpu_ns >= YIBU_MS(3));
    assert_true(o.longest_ns >= YIBU_MS(3));
    assert_true(o.longest_cpu_ns < YIBU_MS(20)); /* waiting does not count */
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void the_observer_sees_completions_and_watches_too(void **state)
{
    (void)state;
    observed o;
    yibu_loop *loop = observed_loop(&o);
    int pair[2];
    char byte;
    bool done = false;
    test_pair(pair);
    yibu_op op = {.callback = burn_in_completion, .arg = &done};
    assert_int_equal(yibu_op_recv(loop, &op, pair[0], &byte, 1), 0);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    test_loop_until(loop, &done);
    assert_true(o.plausible);
    assert_true(o.longest_cpu_ns >= YIBU_MS(3));
    assert_int_equal(yibu_loop_free(loop), 0);
    test_close_pair(pair);
}

static intptr_t burn_in_task(void *arg)
{
    (void)arg;
    burn(YIBU_MS(3));
    return 0;
}

static void the_observer_sees_the_last_turn(void **state)
{
    (void)state;
    observed o = {.plausible = true};
    yibu_loop_options options = {.size = sizeof(options), .on_turn = observe, .on_turn_arg = &o};
    assert_int_equal(yibu_run(burn_in_task, NULL, &options), 0);
    assert_true(o.plausible);
    assert_true(o.longest_cpu_ns >= YIBU_MS(3));
}

/* What the loop tells. */

typedef struct told {
    int count;
    intptr_t code;
    char message[512];
} told;

static void listen_to(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    told *t = arg;
    assert_non_null(loop);
    t->count++;
    t->code = code;
    snprintf(t->message, sizeof(t->message), "%s", message);
}

static intptr_t go_wrong(void *arg)
{
    (void)arg;
    return -EIO;
}

static intptr_t spawn_a_failure(void *arg)
{
    (void)arg;
    yibu_spawn(go_wrong, NULL);
    return yibu_sleep(0);
}

static void a_failure_that_nobody_retrieved_is_told(void **state)
{
    (void)state;
    told t = {0};
    yibu_loop_options options = {
        .size = sizeof(options), .exception_handler = listen_to, .exception_handler_arg = &t};
    assert_int_equal(yibu_run(spawn_a_failure, NULL, &options), 0);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.code, -EIO);
    assert_non_null(strstr(t.message, "test_loop.c:")); /* where it was created */
}

static intptr_t await_a_failure(void *arg)
{
    (void)arg;
    yibu_task *task = yibu_create_task(go_wrong, NULL, NULL);
    intptr_t result = yibu_await(task);
    yibu_task_unref(task);
    return result == -EIO ? 0 : -EPROTO;
}

static intptr_t spawn_a_sleeper(void *arg)
{
    (void)arg;
    yibu_spawn(sleep_until_cancelled, NULL);
    return yibu_sleep(0);
}

static void what_was_retrieved_or_cancelled_is_not_told(void **state)
{
    (void)state;
    told t = {0};
    yibu_loop_options options = {.size = sizeof(options),
                                 .debug = true,
                                 .slow_callback_duration_ns = YIBU_FOREVER,
                                 .exception_handler = listen_to,
                                 .exception_handler_arg = &t};
    assert_int_equal(yibu_run(await_a_failure, NULL, &options), 0);
    assert_int_equal(yibu_run(spawn_a_sleeper, NULL, &options), 0);
    assert_int_equal(t.count, 0);
}

int main(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_one_loop_at_a_time),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(the_environment_s_backend_is_checked_too),
        cmocka_unit_test(the_backend_asked_for_is_the_one_that_is_used),
        cmocka_unit_test(options_of_an_older_version_are_taken_as_far_as_they_go),
        cmocka_unit_test(options_of_a_newer_version_are_accepted),
        cmocka_unit_test(many_loops_leave_no_descriptor_behind),
        loop_unit_test(a_loop_with_tasks_is_not_freed),
        loop_unit_test(a_running_loop_is_neither_freed_nor_run_again),
        cmocka_unit_test(run_in_a_task_is_refused),
        loop_unit_test(a_loop_is_its_thread_s_alone),
        cmocka_unit_test(loops_of_several_threads_do_not_disturb_each_other),
        loop_unit_test(run_once_says_whether_something_could_still_happen),
        loop_unit_test(run_once_waits_no_longer_than_it_was_told),
        loop_unit_test(run_forever_runs_until_stop),
        loop_unit_test(a_stop_before_run_forever_leaves_it_one_turn),
        loop_unit_test(left_over_tasks_go_on_in_the_next_run),
        cmocka_unit_test(the_program_ends_when_main_ends_and_not_later),
        cmocka_unit_test(the_observer_sees_how_long_callbacks_hold_the_loop),
        cmocka_unit_test(the_observer_sees_completions_and_watches_too),
        cmocka_unit_test(the_observer_sees_the_last_turn),
        cmocka_unit_test(a_failure_that_nobody_retrieved_is_told),
        cmocka_unit_test(what_was_retrieved_or_cancelled_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
