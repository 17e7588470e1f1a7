/* Barriers: they fill, drain, reset and abort. */
#include <yibu/error.h>

#include "waiting.h"

static intptr_t pass(void *barrier)
{
    return yibu_barrier_wait(barrier);
}

static void start_all(yibu_task **tasks, int count, yibu_barrier *barrier)
{
    for (int i = 0; i < count; i++)
        tasks[i] = start(pass, barrier);
    settle();
}

static void await_all(yibu_task **tasks, int count, intptr_t expected)
{
    for (int i = 0; i < count; i++)
        await_result(tasks[i], expected);
}

/* What asyncio's documentation says. */

LOOP_TEST(tasks_block_until_all_parties_have_come)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *tasks[3];
    for (int i = 0; i < 2; i++) {
        start_all(tasks + i, 1, &barrier);
        assert_int_equal(yibu_barrier_n_waiting(&barrier), i + 1);
    }
    assert_false(yibu_task_done(tasks[0]) || yibu_task_done(tasks[1]));
    start_all(tasks + 2, 1, &barrier);
    for (int i = 0; i < 3; i++)
        assert_true(yibu_task_done(tasks[i]));
    for (int i = 0; i < 3; i++)
        await_result(tasks[i], i);
    return 0;
}

LOOP_TEST(each_task_gets_an_index_of_its_own_from_0_to_parties_less_1)
{
    enum { PARTIES = 5 };
    yibu_barrier barrier = YIBU_BARRIER_INIT(PARTIES);
    yibu_task *tasks[PARTIES];
    start_all(tasks, PARTIES, &barrier);
    for (int i = 0; i < PARTIES; i++)
        await_result(tasks[i], i);
    return 0;
}

LOOP_TEST(the_barrier_can_be_used_any_number_of_times)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    for (int round = 0; round < 5; round++) {
        yibu_task *task = start(pass, &barrier);
        settle();
        assert_int_equal(yibu_barrier_wait(&barrier), 1);
        await_result(task, 0);
    }
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 0);
    return 0;
}

LOOP_TEST(a_cancelled_task_leaves_and_the_number_of_waiting_tasks_decreases_by_one)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *tasks[4];
    start_all(tasks, 2, &barrier);
    yibu_task_cancel(tasks[0]);
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 1);
    assert_false(yibu_barrier_broken(&barrier));
    await_result(tasks[0], -ECANCELED);
    start_all(tasks + 2, 1, &barrier);
    assert_false(yibu_task_done(tasks[1]));
    start_all(tasks + 3, 1, &barrier);
    /* No index is given twice, although one of the first two left. */
    for (int i = 1; i < 4; i++)
        await_result(tasks[i], i - 1);
    return 0;
}

LOOP_TEST(reset_returns_the_barrier_to_the_empty_state_and_waiting_tasks_get_broken)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *tasks[3];
    start_all(tasks, 2, &barrier);
    yibu_barrier_reset(&barrier);
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 0);
    assert_false(yibu_barrier_broken(&barrier));
    await_all(tasks, 2, YIBU_EBROKEN);
    start_all(tasks, 3, &barrier);
    for (int i = 0; i < 3; i++)
        await_result(tasks[i], i);
    return 0;
}

LOOP_TEST(reset_of_an_empty_barrier_changes_nothing)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(1);
    yibu_barrier_reset(&barrier);
    assert_false(yibu_barrier_broken(&barrier));
    assert_int_equal(yibu_barrier_wait(&barrier), 0);
    return 0;
}

LOOP_TEST(abort_makes_active_and_future_waits_fail)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *tasks[2];
    start_all(tasks, 2, &barrier);
    yibu_barrier_abort(&barrier);
    assert_true(yibu_barrier_broken(&barrier));
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 0);
    assert_int_equal(yibu_barrier_wait(&barrier), YIBU_EBROKEN);
    await_all(tasks, 2, YIBU_EBROKEN);
    return 0;
}

LOOP_TEST(reset_repairs_a_broken_barrier)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    yibu_barrier_abort(&barrier);
    yibu_barrier_reset(&barrier);
    assert_false(yibu_barrier_broken(&barrier));
    yibu_task *task = start(pass, &barrier);
    settle();
    assert_int_equal(yibu_barrier_wait(&barrier), 1);
    await_result(task, 0);
    return 0;
}

LOOP_TEST(parties_says_how_many_tasks_pass_together)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(7);
    assert_int_equal(yibu_barrier_parties(&barrier), 7);
    return 0;
}

LOOP_TEST(n_waiting_counts_only_while_the_barrier_fills)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    yibu_task *first = start(pass, &barrier);
    settle();
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 1);
    assert_int_equal(yibu_barrier_wait(&barrier), 1);
    /* The first was let pass and has not run. */
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 0);
    await_result(first, 0);
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 0);
    return 0;
}

LOOP_TEST(a_barrier_of_one_party_never_suspends)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_barrier_wait(&barrier), 0);
    return 0;
}

LOOP_TEST(a_barrier_of_no_parties_is_refused)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(0);
    assert_int_equal(yibu_barrier_wait(&barrier), -EINVAL);
    return 0;
}

/* Draining. */

/* Lets two tasks and the caller pass a barrier of three.  The newcomers, and the task `meanwhile`
 * where there is one, are ready before those two: they run while the barrier drains. */
static yibu_task *drain_half(yibu_barrier *barrier, yibu_task **passed, yibu_task **newcomers,
                             int count, yibu_coroutine *meanwhile, void *arg)
{
    for (int i = 0; i < 2; i++)
        passed[i] = start(pass, barrier);
    settle();
    for (int i = 0; i < count; i++)
        newcomers[i] = start(pass, barrier);
    yibu_task *task = meanwhile ? start(meanwhile, arg) : NULL;
    assert_int_equal(yibu_barrier_wait(barrier), 2);
    return task;
}

LOOP_TEST(who_comes_while_the_barrier_drains_waits_for_the_next_time)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_barrier_stats stats;
    yibu_task *passed[2], *newcomer;
    drain_half(&barrier, passed, &newcomer, 1, NULL, NULL);
    yibu_barrier_statistics(&barrier, &stats);
    assert_int_equal(stats.draining, 2);
    for (int i = 0; i < 2; i++)
        await_result(passed[i], i);
    settle();
    assert_false(yibu_task_done(newcomer));
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 1);
    yibu_task *more[2];
    start_all(more, 2, &barrier);
    await_result(newcomer, 0);
    for (int i = 0; i < 2; i++)
        await_result(more[i], i + 1);
    return 0;
}

LOOP_TEST(those_who_came_while_the_barrier_drained_pass_at_once_where_they_are_enough)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *passed[2], *newcomers[7];
    drain_half(&barrier, passed, newcomers, 7, NULL, NULL);
    for (int i = 0; i < 2; i++)
        await_result(passed[i], i);
    settle();
    for (int i = 0; i < 6; i++)
        await_result(newcomers[i], i % 3);
    assert_false(yibu_task_done(newcomers[6]));
    yibu_barrier_abort(&barrier);
    await_result(newcomers[6], YIBU_EBROKEN);
    return 0;
}

/* Comes back before the other one has left: as if it had passed in its stead, if nobody looked. */
static intptr_t pass_twice(void *barrier)
{
    ssize_t first = yibu_barrier_wait(barrier);
    ssize_t second = yibu_barrier_wait(barrier);
    return first * 10 + second;
}

LOOP_TEST(a_fast_task_does_not_pass_twice_in_one_round)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    yibu_task *slow = start(pass, &barrier);
    settle();
    yibu_task *fast = start(pass_twice, &barrier);
    settle();
    await_result(slow, 0);
    assert_false(yibu_task_done(fast));
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 1);
    assert_int_equal(yibu_barrier_wait(&barrier), 1);
    await_result(fast, 10);
    return 0;
}

static intptr_t reset(void *barrier)
{
    yibu_barrier_stats stats;
    yibu_barrier_statistics(barrier, &stats);
    assert_int_equal(stats.draining, 2);
    yibu_barrier_reset(barrier);
    return 0;
}

static intptr_t break_it(void *barrier)
{
    yibu_barrier_abort(barrier);
    return 0;
}

LOOP_TEST(a_reset_while_the_barrier_drains_breaks_only_those_who_wait_for_the_next_time)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *passed[2], *newcomer, *more[3];
    yibu_task *resets = drain_half(&barrier, passed, &newcomer, 1, reset, &barrier);
    for (int i = 0; i < 2; i++)
        await_result(passed[i], i);
    await_result(resets, 0);
    await_result(newcomer, YIBU_EBROKEN);
    start_all(more, 3, &barrier);
    for (int i = 0; i < 3; i++)
        await_result(more[i], i);
    return 0;
}

LOOP_TEST(an_abort_while_the_barrier_drains_breaks_only_those_who_wait_for_the_next_time)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *passed[2], *newcomer;
    yibu_task *breaks = drain_half(&barrier, passed, &newcomer, 1, break_it, &barrier);
    for (int i = 0; i < 2; i++)
        await_result(passed[i], i);
    await_result(breaks, 0);
    await_result(newcomer, YIBU_EBROKEN);
    assert_true(yibu_barrier_broken(&barrier));
    return 0;
}

/* Cancels. */

LOOP_TEST(a_task_cancelled_before_it_waits_does_not_count)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    yibu_task *task = start(pass, &barrier);
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 0);
    return 0;
}

static intptr_t pass_and_look(void *barrier)
{
    ssize_t index = yibu_barrier_wait(barrier);
    assert_int_equal(yibu_check_cancelled(), -ECANCELED);
    return index;
}

LOOP_TEST(a_task_cancelled_after_it_was_let_pass_has_passed)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    yibu_task *task = start(pass_and_look, &barrier);
    settle();
    assert_int_equal(yibu_barrier_wait(&barrier), 1);
    yibu_task_cancel(task);
    await_result(task, 0);
    return 0;
}

static intptr_t cancel(void *task)
{
    assert_true(yibu_task_cancel(*(yibu_task **)task));
    return 0;
}

LOOP_TEST(a_task_cancelled_while_others_drain_leaves)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *passed[2], *newcomers[3];
    yibu_task *cancels = drain_half(&barrier, passed, newcomers, 3, cancel, &newcomers[1]);
    for (int i = 0; i < 2; i++)
        await_result(passed[i], i);
    await_result(cancels, 0);
    await_result(newcomers[1], -ECANCELED);
    settle();
    assert_false(yibu_task_done(newcomers[0]) || yibu_task_done(newcomers[2]));
    assert_int_equal(yibu_barrier_wait(&barrier), 2);
    await_result(newcomers[0], 0);
    await_result(newcomers[2], 1);
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait_and_the_barrier_is_not_broken)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_barrier_wait(&barrier)), -ETIMEDOUT);
    assert_false(yibu_barrier_broken(&barrier));
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 0);
    return 0;
}

static intptr_t pass_in_a_shield(void *barrier)
{
    yibu_timeout shield;
    ssize_t r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = yibu_barrier_wait(barrier);
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_cancel_does_not_end_a_wait_in_a_shield)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(2);
    yibu_task *task = start(pass_in_a_shield, &barrier);
    settle();
    yibu_task_cancel(task);
    settle();
    assert_int_equal(yibu_barrier_n_waiting(&barrier), 1);
    assert_int_equal(yibu_barrier_wait(&barrier), 1);
    await_result(task, 0);
    return 0;
}

/* Looking at a barrier. */

LOOP_TEST(statistics_say_who_has_come_and_who_has_not_left)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_barrier_stats stats;
    yibu_task *tasks[2];
    start_all(tasks, 2, &barrier);
    yibu_barrier_statistics(&barrier, &stats);
    assert_int_equal(stats.parties, 3);
    assert_int_equal(stats.waiting, 2);
    assert_int_equal(stats.draining, 0);
    assert_false(stats.broken);
    assert_int_equal(yibu_barrier_wait(&barrier), 2);
    yibu_barrier_statistics(&barrier, &stats);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.draining, 2);
    for (int i = 0; i < 2; i++)
        await_result(tasks[i], i);
    yibu_barrier_abort(&barrier);
    yibu_barrier_statistics(&barrier, &stats);
    assert_int_equal(stats.draining, 0);
    assert_true(stats.broken);
    return 0;
}

LOOP_TEST(a_report_says_how_many_have_come)
{
    yibu_barrier barrier = YIBU_BARRIER_INIT(3);
    yibu_task *tasks[2];
    start_all(tasks, 2, &barrier);
    assert_non_null(strstr(wait_of(tasks[0]), "barrier that 2 of 3 tasks have come to"));
    yibu_barrier_abort(&barrier);
    await_all(tasks, 2, YIBU_EBROKEN);
    return 0;
}

static void only_tasks_wait(void **state)
{
    (void)state;
    yibu_barrier barrier = YIBU_BARRIER_INIT(1);
    assert_int_equal(yibu_barrier_wait(&barrier), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_block_until_all_parties_have_come),
        cmocka_unit_test(each_task_gets_an_index_of_its_own_from_0_to_parties_less_1),
        cmocka_unit_test(the_barrier_can_be_used_any_number_of_times),
        cmocka_unit_test(a_cancelled_task_leaves_and_the_number_of_waiting_tasks_decreases_by_one),
        cmocka_unit_test(reset_returns_the_barrier_to_the_empty_state_and_waiting_tasks_get_broken),
        cmocka_unit_test(reset_of_an_empty_barrier_changes_nothing),
        cmocka_unit_test(abort_makes_active_and_future_waits_fail),
        cmocka_unit_test(reset_repairs_a_broken_barrier),
        cmocka_unit_test(parties_says_how_many_tasks_pass_together),
        cmocka_unit_test(n_waiting_counts_only_while_the_barrier_fills),
        cmocka_unit_test(a_barrier_of_one_party_never_suspends),
        cmocka_unit_test(a_barrier_of_no_parties_is_refused),
        cmocka_unit_test(who_comes_while_the_barrier_drains_waits_for_the_next_time),
        cmocka_unit_test(
            those_who_came_while_the_barrier_drained_pass_at_once_where_they_are_enough),
        cmocka_unit_test(a_fast_task_does_not_pass_twice_in_one_round),
        cmocka_unit_test(
            a_reset_while_the_barrier_drains_breaks_only_those_who_wait_for_the_next_time),
        cmocka_unit_test(
            an_abort_while_the_barrier_drains_breaks_only_those_who_wait_for_the_next_time),
        cmocka_unit_test(a_task_cancelled_before_it_waits_does_not_count),
        cmocka_unit_test(a_task_cancelled_after_it_was_let_pass_has_passed),
        cmocka_unit_test(a_task_cancelled_while_others_drain_leaves),
        cmocka_unit_test(a_time_limit_ends_the_wait_and_the_barrier_is_not_broken),
        cmocka_unit_test(a_cancel_does_not_end_a_wait_in_a_shield),
        cmocka_unit_test(statistics_say_who_has_come_and_who_has_not_left),
        cmocka_unit_test(a_report_says_how_many_have_come),
        cmocka_unit_test(only_tasks_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
