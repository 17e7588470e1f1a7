/* Tasks that run at once until they first suspend. */
#include "loop.h"

#include <errno.h>
#include <fenv.h>
#include <sys/socket.h>
#include <unistd.h>

static const yibu_task_options eager = {.size = sizeof(eager), .eager = true};

static char order[64];

static void note(const char *what)
{
    strcat(order, what);
}

static intptr_t note_and_return(void *arg)
{
    note(arg);
    return 7;
}

static intptr_t note_sleep_note(void *arg)
{
    note(arg);
    intptr_t r = yibu_sleep(0);
    note(arg);
    return r;
}

/* asyncio: "If the coroutine finishes eagerly it is never scheduled to the event loop". */
LOOP_TEST(an_eager_task_that_does_not_suspend_has_ended_when_it_was_created)
{
    order[0] = '\0';
    yibu_task *task = yibu_create_task(note_and_return, "a", &eager);
    assert_string_equal(order, "a");
    assert_true(yibu_task_done(task));
    assert_int_equal(yibu_task_result(task), 7);
    assert_int_equal(yibu_await(task), 7);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(an_eager_task_runs_until_it_first_suspends_before_anybody_else)
{
    order[0] = '\0';
    yibu_task *first = yibu_create_task(note_and_return, "1", NULL);
    yibu_task *task = yibu_create_task(note_sleep_note, "a", &eager);
    note("b");
    assert_string_equal(order, "ab");
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_await(task), 0);
    assert_string_equal(order, "ab1a");
    yibu_task_unref(first);
    yibu_task_unref(task);
    return 0;
}

static intptr_t who_am_i(void *arg)
{
    *(yibu_task **)arg = yibu_current_task();
    return 0;
}

LOOP_TEST(the_current_task_is_the_eager_one_and_then_its_creator_again)
{
    yibu_task *self = yibu_current_task(), *seen = NULL;
    yibu_task *task = yibu_create_task(who_am_i, &seen, &eager);
    assert_ptr_equal(seen, task);
    assert_ptr_equal(yibu_current_task(), self);
    yibu_task_unref(task);
    return 0;
}

static intptr_t start_deeper(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return 0;
    yibu_task *task = yibu_create_task(start_deeper, (void *)(depth - 1), &eager);
    bool done = yibu_task_done(task);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return done && r == depth - 1 ? depth : -EIO;
}

LOOP_TEST(eager_tasks_may_start_eager_tasks)
{
    yibu_task *task = yibu_create_task(start_deeper, (void *)200, &eager);
    assert_true(yibu_task_done(task));
    assert_int_equal(yibu_await(task), 200);
    yibu_task_unref(task);
    return 0;
}

static intptr_t sleep_deeper(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return yibu_sleep(0);
    yibu_task *task = yibu_create_task(sleep_deeper, (void *)(depth - 1), &eager);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r < 0 ? r : r + 1;
}

LOOP_TEST(each_of_nested_eager_tasks_suspends_into_its_own_creator)
{
    yibu_task *task = yibu_create_task(sleep_deeper, (void *)50, &eager);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_await(task), 50);
    yibu_task_unref(task);
    return 0;
}

static intptr_t spawn_and_yield(void *arg)
{
    note("x");
    assert_int_equal(yibu_spawn(note_and_return, "y"), 0);
    intptr_t r = yibu_yield();
    note(arg);
    return r;
}

LOOP_TEST(what_an_eager_task_starts_or_wakes_waits_for_its_turn)
{
    order[0] = '\0';
    yibu_task *task = yibu_create_task(spawn_and_yield, "z", &eager);
    note("b");
    assert_string_equal(order, "xb");
    assert_int_equal(yibu_await(task), 0);
    assert_string_equal(order, "xbyz");
    yibu_task_unref(task);
    return 0;
}

static intptr_t cancel_arg(void *arg)
{
    return yibu_task_cancel(arg);
}

LOOP_TEST(an_eager_task_may_cancel_its_creator)
{
    yibu_task *task = yibu_create_task(cancel_arg, yibu_current_task(), &eager);
    yibu_task_unref(task);
    assert_int_equal(yibu_check_cancelled(), -ECANCELED);
    assert_int_equal(yibu_task_uncancel(yibu_current_task()), 0);
    return 0;
}

static intptr_t await_arg(void *arg)
{
    return yibu_await(arg);
}

LOOP_TEST(an_eager_task_may_await_its_creators_other_tasks)
{
    yibu_task *plain = yibu_create_task(note_and_return, "", NULL);
    yibu_task *task = yibu_create_task(await_arg, plain, &eager);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_await(task), 7);
    yibu_task_unref(task);
    yibu_task_unref(plain);
    return 0;
}

static intptr_t change_errno(void *arg)
{
    errno = EDOM;
    intptr_t r = arg ? yibu_sleep(0) : 0;
    assert_int_equal(errno, EDOM);
    return r;
}

LOOP_TEST(errno_of_an_eager_task_is_its_own)
{
    errno = ERANGE;
    yibu_task *ended = yibu_create_task(change_errno, NULL, &eager);
    assert_int_equal(errno, ERANGE);
    yibu_task *suspended = yibu_create_task(change_errno, "", &eager);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(yibu_await(suspended), 0);
    yibu_task_unref(ended);
    yibu_task_unref(suspended);
    return 0;
}

static intptr_t rounding(void *arg)
{
    (void)arg;
    return fegetround();
}

static intptr_t round_up_and_start_eagerly(void *arg)
{
    (void)arg;
    fesetround(FE_UPWARD);
    yibu_task *task = yibu_create_task(rounding, NULL, &eager);
    intptr_t seen = yibu_task_result(task);
    yibu_task_unref(task);
    return seen == FE_TONEAREST && fegetround() == FE_UPWARD ? 0 : -EIO;
}

LOOP_TEST(an_eager_task_has_the_threads_floating_point_environment)
{
    const yibu_task_options own = {
        .size = sizeof(own), .own_float_environment = true, .eager = true};
    yibu_task *task = yibu_create_task(round_up_and_start_eagerly, NULL, &own);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(fegetround(), FE_TONEAREST);
    yibu_task_unref(task);
    return 0;
}

typedef struct reads {
    int fd, count;
} reads;

/* Receives that are done at once. */
static intptr_t read_much(void *arg)
{
    reads *r = arg;
    char byte;
    for (; r->count > 0; r->count--)
        if (yibu_recv(r->fd, &byte, 1) != 1)
            return -EIO;
    return 0;
}

static yibu_task *read_eagerly(reads *r, int ends[2], int count)
{
    char bytes[1000] = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(write(ends[1], bytes, (size_t)count), count);
    *r = (reads){ends[0], count};
    return yibu_create_task(read_much, r, &eager);
}

static void finish_reading(yibu_task *task, int ends[2])
{
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    yibu_close(ends[0]);
    yibu_close(ends[1]);
}

/* On io_uring, none of these is. */
LOOP_TEST(operations_that_are_done_at_once_do_not_suspend_an_eager_task)
{
    reads r;
    int ends[2];
    assert_int_equal(yibu_sleep(0), 0); /* a fresh budget */
    yibu_task *task = read_eagerly(&r, ends, 5);
    bool at_once = strcmp(yibu_loop_backend(yibu_get_running_loop()), "epoll") == 0;
    assert_int_equal(yibu_task_done(task), at_once);
    finish_reading(task, ends);
    return 0;
}

LOOP_TEST(an_eager_task_that_never_has_to_wait_still_comes_back)
{
    reads r;
    int ends[2];
    yibu_task *task = read_eagerly(&r, ends, 1000);
    assert_false(yibu_task_done(task)); /* the turn's budget is its limit too */
    finish_reading(task, ends);
    return 0;
}

LOOP_TEST(many_eager_tasks_do_not_use_up_anything)
{
    for (int i = 0; i < 100000 / YB_TEST_SLOWDOWN; i++) {
        yibu_task *task = yibu_create_task(rounding, NULL, &eager);
        assert_true(yibu_task_done(task));
        yibu_task_unref(task);
        if (i % 1000 == 0)
            assert_int_equal(yibu_sleep(0), 0);
    }
    return 0;
}

/* From elsewhere than a task. */

static void create_in_callback(void *arg)
{
    *(yibu_task **)arg = yibu_create_task(note_sleep_note, "a", &eager);
    note("b");
}

static void a_callback_may_start_an_eager_task(void **state)
{
    yibu_loop *loop = *state;
    yibu_task *task = NULL;
    order[0] = '\0';
    yibu_call_soon(loop, create_in_callback, &task, NULL);
    assert_int_equal(yibu_spawn(note_and_return, "1"), 0);
    test_loop_drain(loop);
    assert_string_equal(order, "ab1a");
    assert_true(yibu_task_done(task));
    yibu_task_unref(task);
}

static void an_eager_task_runs_outside_the_loop_too(void **state)
{
    yibu_loop *loop = *state;
    order[0] = '\0';
    yibu_task *ended = yibu_create_task(note_and_return, "1", &eager);
    yibu_task *task = yibu_create_task(note_sleep_note, "a", &eager);
    assert_null(yibu_current_task());
    assert_true(yibu_task_done(ended));
    assert_string_equal(order, "1a");
    test_loop_drain(loop);
    assert_string_equal(order, "1aa");
    assert_int_equal(yibu_task_result(task), 0);
    yibu_task_unref(ended);
    yibu_task_unref(task);
}

static intptr_t try_to_run_the_loop(void *arg)
{
    return yibu_loop_run_once(arg, 0);
}

static void an_eager_task_cannot_run_the_loop_it_is_in(void **state)
{
    yibu_loop *loop = *state;
    yibu_task *task = yibu_create_task(try_to_run_the_loop, loop, &eager);
    assert_int_equal(yibu_task_result(task), YIBU_EBUSY);
    yibu_task_unref(task);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
}

static void eager_tasks_run_in_debug_mode_too(void **state)
{
    (void)state;
    const yibu_loop_options options = {.size = sizeof(options), .debug = true};
    assert_int_equal(yibu_run(an_eager_task_runs_until_it_first_suspends_before_anybody_else_body,
                              NULL, &options),
                     0);
    assert_int_equal(
        yibu_run(each_of_nested_eager_tasks_suspends_into_its_own_creator_body, NULL, &options), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_eager_task_that_does_not_suspend_has_ended_when_it_was_created),
        cmocka_unit_test(an_eager_task_runs_until_it_first_suspends_before_anybody_else),
        cmocka_unit_test(the_current_task_is_the_eager_one_and_then_its_creator_again),
        cmocka_unit_test(eager_tasks_may_start_eager_tasks),
        cmocka_unit_test(each_of_nested_eager_tasks_suspends_into_its_own_creator),
        cmocka_unit_test(what_an_eager_task_starts_or_wakes_waits_for_its_turn),
        cmocka_unit_test(an_eager_task_may_cancel_its_creator),
        cmocka_unit_test(an_eager_task_may_await_its_creators_other_tasks),
        cmocka_unit_test(errno_of_an_eager_task_is_its_own),
        cmocka_unit_test(an_eager_task_has_the_threads_floating_point_environment),
        cmocka_unit_test(operations_that_are_done_at_once_do_not_suspend_an_eager_task),
        cmocka_unit_test(an_eager_task_that_never_has_to_wait_still_comes_back),
        cmocka_unit_test(many_eager_tasks_do_not_use_up_anything),
        loop_unit_test(a_callback_may_start_an_eager_task),
        loop_unit_test(an_eager_task_runs_outside_the_loop_too),
        loop_unit_test(an_eager_task_cannot_run_the_loop_it_is_in),
        cmocka_unit_test(eager_tasks_run_in_debug_mode_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
