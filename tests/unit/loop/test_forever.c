/* run_forever and stop: what asyncio's documentation says of them. */
#include "loop.h"

#include <errno.h>
#include <unistd.h>

static void stop(void *arg)
{
    yibu_loop_stop(arg);
}

enum { MANY = 1000 };

/* "If stop() is called before run_forever(), the loop will poll the I/O selector once with a
 * timeout of zero, run all callbacks scheduled in response to I/O events (and those that were
 * already scheduled), and then exit." */
static void a_stop_before_run_forever_still_runs_all_that_was_scheduled(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    for (int i = 0; i < MANY; i++)
        yibu_call_soon(loop, test_count, &count, NULL);
    yibu_loop_stop(loop);
    for (int i = 0; i < MANY; i++)
        yibu_call_soon(loop, test_count, &count, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(count, 2 * MANY);
}

typedef struct reader {
    yibu_loop *loop;
    int fd, count;
} reader;

static void read_byte(void *arg)
{
    reader *r = arg;
    char byte;
    r->count += (int)read(r->fd, &byte, 1);
}

static void a_stop_before_run_forever_still_looks_at_io_once(void **state)
{
    yibu_loop *loop = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    reader r = {loop, ends[0], 0};
    assert_int_equal(yibu_add_reader(loop, ends[0], read_byte, &r), 0);
    yibu_loop_stop(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(r.count, 1);
    assert_int_equal(yibu_remove_reader(loop, ends[0]), 1);
    close(ends[0]);
    close(ends[1]);
}

static void a_stop_before_run_forever_does_not_wait(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    yibu_call_later(loop, YIBU_SECONDS(1000), test_count, &count, NULL);
    yibu_loop_stop(loop);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(count, 0);
}

/* "If stop() is called while run_forever() is running, the loop will run the current batch of
 * callbacks and then exit." */
static void a_stop_while_running_lets_what_is_ready_run(void **state)
{
    yibu_loop *loop = *state;
    int before = 0, after = 0;
    for (int i = 0; i < MANY; i++)
        yibu_call_soon(loop, test_count, &before, NULL);
    yibu_call_soon(loop, stop, loop, NULL);
    for (int i = 0; i < 10; i++)
        yibu_call_soon(loop, test_count, &after, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(before, MANY);
    assert_int_equal(after, 10);
}

typedef struct scheduler {
    yibu_loop *loop;
    int count;
} scheduler;

static void schedule_another(void *arg)
{
    scheduler *s = arg;
    s->count++;
    yibu_call_soon(s->loop, test_count, &s->count, NULL);
}

/* "Note that new callbacks scheduled by callbacks will not run in this case; instead, they will run
 * the next time run_forever() or run_until_complete() is called." */
static void what_callbacks_schedule_after_the_stop_runs_in_the_next_run(void **state)
{
    yibu_loop *loop = *state;
    scheduler s = {loop, 0};
    yibu_call_soon(loop, stop, loop, NULL);
    yibu_call_soon(loop, schedule_another, &s, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(s.count, 1);
    yibu_loop_stop(loop);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(s.count, 2);
}

static void several_stops_are_one(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    yibu_loop_stop(loop);
    yibu_loop_stop(loop);
    yibu_call_soon(loop, stop, loop, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    yibu_call_later(loop, YIBU_MS(1), test_count, &count, NULL);
    yibu_call_later(loop, YIBU_MS(2), stop, loop, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_int_equal(count, 1);
}

static intptr_t stop_and_go_on(void *arg)
{
    yibu_loop *loop = arg;
    yibu_loop_stop(loop);
    return yibu_sleep(YIBU_MS(1));
}

static void a_task_may_stop_the_loop_and_goes_on_in_the_next_run(void **state)
{
    yibu_loop *loop = *state;
    yibu_task *task = yibu_create_task(stop_and_go_on, loop, NULL);
    assert_int_equal(yibu_run_forever(loop), 0);
    assert_false(yibu_task_done(task));
    test_loop_drain(loop);
    assert_int_equal(yibu_task_result(task), 0);
    yibu_task_unref(task);
}

static intptr_t ask_whether_running(void *arg)
{
    return yibu_loop_is_running(arg);
}

static void ask(void *arg)
{
    scheduler *s = arg;
    s->count = yibu_loop_is_running(s->loop);
}

static void is_running_tells_inside_from_outside(void **state)
{
    yibu_loop *loop = *state;
    scheduler s = {loop, 0};
    assert_false(yibu_loop_is_running(loop));
    assert_false(yibu_loop_is_running(NULL));
    assert_int_equal(yibu_run_until_complete(loop, ask_whether_running, loop), 1);
    yibu_call_soon(loop, ask, &s, NULL);
    test_loop_drain(loop);
    assert_int_equal(s.count, 1);
    assert_false(yibu_loop_is_running(loop));
}

static void a_loop_may_be_freed_with_a_stop_pending(void **state)
{
    (void)state;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_loop_stop(loop);
    assert_int_equal(yibu_loop_free(loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(a_stop_before_run_forever_still_runs_all_that_was_scheduled),
        loop_unit_test(a_stop_before_run_forever_still_looks_at_io_once),
        loop_unit_test(a_stop_before_run_forever_does_not_wait),
        loop_unit_test(a_stop_while_running_lets_what_is_ready_run),
        loop_unit_test(what_callbacks_schedule_after_the_stop_runs_in_the_next_run),
        loop_unit_test(several_stops_are_one),
        loop_unit_test(a_task_may_stop_the_loop_and_goes_on_in_the_next_run),
        loop_unit_test(is_running_tells_inside_from_outside),
        cmocka_unit_test(a_loop_may_be_freed_with_a_stop_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
