/* sleep(0): exactly one turn. */
#include "loop.h"

#include <errno.h>
#include <unistd.h>

enum { TASKS = 300, ROUNDS = 50 }; /* more tasks than one turn's budget */

typedef struct race {
    int rounds[TASKS];
    bool ended;
} race;

typedef struct runner {
    race *race;
    int number;
} runner;

static intptr_t run(void *arg)
{
    runner r = *(runner *)arg;
    for (int i = 0; i < ROUNDS; i++) {
        r.race->rounds[r.number]++;
        if (yibu_sleep(0) < 0)
            return -EIO;
    }
    return 0;
}

/* Between two turns of its own, a task sees that every other one had exactly one. */
static intptr_t check(void *arg)
{
    race *r = arg;
    for (int i = 0; i < ROUNDS; i++) {
        for (int j = 0; j < TASKS; j++)
            assert_int_equal(r->rounds[j], i);
        assert_int_equal(yibu_sleep(0), 0);
    }
    r->ended = true;
    return 0;
}

LOOP_TEST(sleep_0_lets_everything_that_is_ready_run_exactly_once)
{
    race r = {{0}, false};
    runner runners[TASKS];
    assert_int_equal(yibu_spawn(check, &r), 0);
    for (int i = 0; i < TASKS; i++) {
        runners[i] = (runner){&r, i};
        assert_int_equal(yibu_spawn(run, &runners[i]), 0);
    }
    while (!r.ended)
        assert_int_equal(yibu_sleep(0), 0);
    return 0;
}

static intptr_t count_in_task(void *arg)
{
    ++*(int *)arg;
    return 0;
}

LOOP_TEST(sleep_0_lets_tasks_callbacks_and_due_timers_run)
{
    int count = 0;
    yibu_loop *loop = yibu_get_running_loop();
    yibu_timer timer = YIBU_TIMER_INIT;
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(yibu_spawn(count_in_task, &count), 0);
    yibu_call_soon(loop, test_count, &count, NULL);
    yibu_call_at(loop, 0, test_count, &count, NULL);
    yibu_timer_start_at(loop, &timer, 0, test_count, &count);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(count, TASKS + 3);
    return 0;
}

static intptr_t read_one(void *arg)
{
    char byte;
    return yibu_read(*(int *)arg, &byte, 1);
}

LOOP_TEST(sleep_0_lets_io_that_is_there_be_noticed)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    yibu_task *task = yibu_create_task(read_one, &ends[0], NULL);
    assert_int_equal(yibu_sleep(0), 0); /* it waits now */
    assert_false(yibu_task_done(task));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(yibu_sleep(0), 0);
    assert_true(yibu_task_done(task));
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(task);
    yibu_close(ends[0]);
    yibu_close(ends[1]);
    return 0;
}

static intptr_t spawn_another(void *arg)
{
    assert_int_equal(yibu_spawn(count_in_task, arg), 0);
    return 0;
}

LOOP_TEST(what_becomes_ready_meanwhile_waits_for_the_next_turn_or_comes_before_nobody)
{
    int count = 0;
    assert_int_equal(yibu_spawn(spawn_another, &count), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(count, 1);
    return 0;
}

LOOP_TEST(a_sleep_of_less_than_nothing_is_sleep_0)
{
    int count = 0;
    assert_int_equal(yibu_spawn(count_in_task, &count), 0);
    assert_int_equal(yibu_sleep(-5), 0);
    assert_int_equal(count, 1);
    return 0;
}

static intptr_t sleep_0_for_ever(void *arg)
{
    int r;
    while ((r = yibu_sleep(0)) == 0)
        ++*(int *)arg;
    return r;
}

LOOP_TEST(sleep_0_is_a_checkpoint)
{
    int count = 0;
    yibu_task *task = yibu_create_task(sleep_0_for_ever, &count, NULL);
    for (int i = 0; i < 5; i++)
        assert_int_equal(yibu_sleep(0), 0);
    int before = count;
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(count, before);
    yibu_task_unref(task);
    return 0;
}

static void sleep_outside_a_task_is_refused(void **state)
{
    (void)state;
    assert_int_equal(yibu_sleep(0), YIBU_ENOTASK);
    assert_int_equal(yibu_sleep(1), YIBU_ENOTASK);
    assert_int_equal(yibu_yield(), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleep_0_lets_everything_that_is_ready_run_exactly_once),
        cmocka_unit_test(sleep_0_lets_tasks_callbacks_and_due_timers_run),
        cmocka_unit_test(sleep_0_lets_io_that_is_there_be_noticed),
        cmocka_unit_test(
            what_becomes_ready_meanwhile_waits_for_the_next_turn_or_comes_before_nobody),
        cmocka_unit_test(a_sleep_of_less_than_nothing_is_sleep_0),
        cmocka_unit_test(sleep_0_is_a_checkpoint),
        loop_unit_test(sleep_outside_a_task_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
