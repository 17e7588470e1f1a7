/* Locks: exclusive, and strictly first come, first served, whatever is cancelled. */
#include "waiting.h"

static intptr_t acquire(void *lock)
{
    return yibu_lock_acquire(lock);
}

static intptr_t acquire_and_release(void *lock)
{
    int r = yibu_lock_acquire(lock);
    return r < 0 ? r : yibu_lock_release(lock);
}

static size_t waiting_for(const yibu_lock *lock)
{
    yibu_lock_stats stats;
    yibu_lock_statistics(lock, &stats);
    return stats.waiting;
}

/* What asyncio's documentation says. */

LOOP_TEST(acquire_waits_until_the_lock_is_unlocked_and_then_locks_it)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *waiter = start(acquire, &lock);
    settle();
    assert_false(yibu_task_done(waiter));
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(waiter, 0);
    assert_true(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(only_one_of_several_waiters_proceeds)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *first = start(acquire, &lock), *second = start(acquire, &lock);
    settle();
    assert_int_equal(yibu_lock_release(&lock), 0);
    settle();
    assert_true(yibu_task_done(first));
    assert_false(yibu_task_done(second));
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(first, 0);
    await_result(second, 0);
    return 0;
}

LOOP_TEST(acquiring_is_fair_the_first_that_waited_proceeds_first)
{
    enum { WAITERS = 5 };
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_task *tasks[WAITERS];
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    for (int i = 0; i < WAITERS; i++)
        tasks[i] = start(acquire, &lock);
    settle();
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(yibu_lock_release(&lock), 0);
        settle();
        for (int j = 0; j < WAITERS; j++)
            assert_int_equal(yibu_task_done(tasks[j]), j <= i);
    }
    for (int i = 0; i < WAITERS; i++)
        await_result(tasks[i], 0);
    return 0;
}

LOOP_TEST(release_makes_a_locked_lock_unlocked)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_false(yibu_lock_locked(&lock));
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    return 0;
}

LOOP_TEST(release_of_an_unlocked_lock_is_refused)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_release(&lock), -EPERM);
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_int_equal(yibu_lock_release(&lock), -EPERM);
    return 0;
}

LOOP_TEST(locked_says_whether_the_lock_is_locked)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_false(yibu_lock_locked(&lock));
    assert_int_equal(yibu_lock_try_acquire(&lock), 0);
    assert_true(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(a_task_may_release_what_another_acquired)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    await_result(start(acquire, &lock), 0);
    assert_true(yibu_lock_locked(&lock));
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_false(yibu_lock_locked(&lock));
    return 0;
}

/* Nobody barges in. */

LOOP_TEST(a_newcomer_does_not_barge_into_a_lock_that_was_just_released)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *waiter = start(acquire, &lock);
    settle();
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_true(yibu_lock_locked(&lock));
    assert_int_equal(yibu_lock_try_acquire(&lock), -EAGAIN);
    yibu_task *newcomer = start(acquire, &lock);
    await_result(waiter, 0);
    settle();
    assert_false(yibu_task_done(newcomer));
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(newcomer, 0);
    return 0;
}

typedef struct turns {
    yibu_lock lock;
    char order[32];
} turns;

static void note(turns *t, char name)
{
    t->order[strlen(t->order)] = name;
}

static intptr_t take_three_turns(turns *t, char name)
{
    for (int i = 0; i < 3; i++) {
        int r = yibu_lock_acquire(&t->lock);
        if (r < 0)
            return r;
        note(t, name);
        r = yibu_yield();
        (void)yibu_lock_release(&t->lock);
        if (r < 0)
            return r;
    }
    return 0;
}

static intptr_t take_turns_a(void *t)
{
    return take_three_turns(t, 'a');
}

static intptr_t take_turns_b(void *t)
{
    return take_three_turns(t, 'b');
}

LOOP_TEST(who_releases_and_acquires_again_at_once_does_not_barge_in)
{
    turns t = {YIBU_LOCK_INIT, ""};
    yibu_task *a = start(take_turns_a, &t), *b = start(take_turns_b, &t);
    await_result(a, 0);
    await_result(b, 0);
    assert_string_equal(t.order, "ababab");
    return 0;
}

/* Cancels. */

LOOP_TEST(a_task_cancelled_before_it_waits_does_not_take_a_free_lock)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_task *task = start(acquire, &lock);
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_false(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(a_task_cancelled_while_it_waits_leaves_the_line)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = start(acquire_and_release, &lock);
    settle();
    assert_int_equal(waiting_for(&lock), 3);
    yibu_task_cancel(tasks[1]);
    assert_int_equal(waiting_for(&lock), 2);
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(tasks[0], 0);
    await_result(tasks[1], -ECANCELED);
    await_result(tasks[2], 0);
    assert_false(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(a_task_cancelled_after_it_was_handed_the_lock_passes_it_on)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *first = start(acquire, &lock), *second = start(acquire, &lock);
    settle();
    assert_int_equal(yibu_lock_release(&lock), 0);
    yibu_task_cancel(first);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    assert_true(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(a_lock_passed_on_by_the_last_in_line_is_free)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_task *tasks[3];
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    for (int i = 0; i < 3; i++)
        tasks[i] = start(acquire, &lock);
    settle();
    assert_int_equal(yibu_lock_release(&lock), 0);
    for (int i = 0; i < 3; i++)
        yibu_task_cancel(tasks[i]);
    for (int i = 0; i < 3; i++)
        await_result(tasks[i], -ECANCELED);
    assert_false(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(a_cancelled_task_does_not_pass_on_what_somebody_else_has_released)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = start(acquire, &lock);
    settle();
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_int_equal(yibu_lock_release(&lock), 0); /* in the first one's stead */
    yibu_task_cancel(tasks[0]);
    await_result(tasks[0], -ECANCELED);
    await_result(tasks[1], 0);
    settle();
    assert_false(yibu_task_done(tasks[2]));
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(tasks[2], 0);
    return 0;
}

LOOP_TEST(a_cancel_taken_back_before_the_task_runs_leaves_it_the_lock)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *task = start(acquire, &lock);
    settle();
    assert_int_equal(yibu_lock_release(&lock), 0);
    yibu_task_cancel(task);
    yibu_task_uncancel(task);
    await_result(task, 0);
    assert_true(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait_and_the_lock_is_not_taken)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_timeout limit;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_lock_acquire(&lock)), -ETIMEDOUT);
    assert_int_equal(waiting_for(&lock), 0);
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_false(yibu_lock_locked(&lock));
    return 0;
}

static intptr_t acquire_in_a_shield(void *lock)
{
    yibu_timeout shield;
    int r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = yibu_lock_acquire(lock);
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_cancel_does_not_end_a_wait_in_a_shield)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *waits = start(acquire_in_a_shield, &lock);
    settle();
    yibu_task_cancel(waits);
    settle();
    assert_false(yibu_task_done(waits));
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(waits, 0);
    assert_true(yibu_lock_locked(&lock));
    return 0;
}

/* Blocks. */

static int leave_early(yibu_lock *lock, int how)
{
    int r, rounds = 0;
    YIBU_WITH_LOCK(r, lock)
    {
        rounds++;
        assert_true(yibu_lock_locked(lock));
        if (how == 1)
            break;
        if (how == 2)
            continue;
        if (how == 3)
            return 7;
    }
    assert_int_equal(r, 0);
    return rounds;
}

LOOP_TEST(a_block_holds_the_lock_and_releases_it_on_every_way_out)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    for (int how = 0; how < 4; how++) {
        assert_int_equal(leave_early(&lock, how), how == 3 ? 7 : 1);
        assert_false(yibu_lock_locked(&lock));
    }
    return 0;
}

static intptr_t enter_block(void *lock)
{
    int r;
    YIBU_WITH_LOCK(r, (yibu_lock *)lock)
    {
        return 1;
    }
    return r;
}

LOOP_TEST(a_block_is_skipped_where_the_lock_was_not_acquired)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *task = start(enter_block, &lock);
    settle();
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_true(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(blocks_nest)
{
    yibu_lock outer = YIBU_LOCK_INIT, inner = YIBU_LOCK_INIT;
    int r, count = 0;
    YIBU_WITH_LOCK(r, &outer)
    {
        YIBU_WITH_LOCK(r, &inner)
        {
            count += yibu_lock_locked(&outer) && yibu_lock_locked(&inner);
        }
        count += yibu_lock_locked(&outer) && !yibu_lock_locked(&inner);
    }
    assert_int_equal(count, 2);
    assert_false(yibu_lock_locked(&outer));
    return 0;
}

/* Looking at a lock. */

LOOP_TEST(statistics_say_who_holds_the_lock_and_how_many_wait)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_lock_stats stats;
    yibu_lock_statistics(&lock, &stats);
    assert_false(stats.locked);
    assert_null(stats.owner);
    assert_int_equal(stats.waiting, 0);

    assert_int_equal(yibu_lock_acquire(&lock), 0);
    yibu_task *first = start(acquire, &lock), *second = start(acquire, &lock);
    settle();
    yibu_lock_statistics(&lock, &stats);
    assert_true(stats.locked);
    assert_ptr_equal(stats.owner, yibu_current_task());
    assert_int_equal(stats.waiting, 2);

    assert_int_equal(yibu_lock_release(&lock), 0);
    yibu_lock_statistics(&lock, &stats);
    assert_ptr_equal(stats.owner, first);
    assert_int_equal(stats.waiting, 1);
    await_result(first, 0);
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(second, 0);
    return 0;
}

LOOP_TEST(an_owner_that_has_ended_is_forgotten_and_the_lock_stays_locked)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_lock_stats stats;
    await_result(start(acquire, &lock), 0);
    yibu_lock_statistics(&lock, &stats);
    assert_true(stats.locked);
    assert_null(stats.owner);
    yibu_task *waiter = start(acquire, &lock);
    settle();
    assert_non_null(strstr(wait_of(waiter), "which has ended"));
    assert_null(owner_of_wait(waiter));
    assert_int_equal(yibu_lock_release(&lock), 0);
    await_result(waiter, 0);
    return 0;
}

static intptr_t hold_until_cancelled(void *lock)
{
    int r = yibu_lock_acquire(lock);
    if (r == 0)
        r = yibu_sleep(YIBU_FOREVER);
    (void)yibu_lock_release(lock);
    return r;
}

LOOP_TEST(a_report_names_the_lock_and_who_holds_it)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_task *holder = start(hold_until_cancelled, &lock);
    assert_int_equal(yibu_task_set_name(holder, "x"), 0);
    yibu_task *waiter = start(acquire, &lock);
    settle();
    assert_non_null(strstr(wait_of(waiter), "lock held by task \"x\""));
    assert_ptr_equal(owner_of_wait(waiter), holder);
    yibu_task_cancel(holder);
    await_result(holder, -ECANCELED);
    await_result(waiter, 0);
    return 0;
}

/* Who may call. */

static yibu_lock file_scope = YIBU_LOCK_INIT;

LOOP_TEST(a_lock_at_file_scope_serves_one_loop_after_another)
{
    assert_int_equal(yibu_lock_acquire(&file_scope), 0);
    yibu_task *waiter = start(acquire_and_release, &file_scope);
    settle();
    assert_int_equal(yibu_lock_release(&file_scope), 0);
    await_result(waiter, 0);
    assert_false(yibu_lock_locked(&file_scope));
    return 0;
}

static void release_lock(void *lock)
{
    assert_int_equal(yibu_lock_release(lock), 0);
}

LOOP_TEST(a_callback_may_release_a_lock)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    assert_int_equal(yibu_call_soon(yibu_get_running_loop(), release_lock, &lock, NULL), 0);
    return yibu_lock_acquire(&lock);
}

static void only_tasks_wait_but_anybody_may_try(void **state)
{
    (void)state;
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_lock_stats stats;
    assert_int_equal(yibu_lock_acquire(&lock), YIBU_ENOTASK);
    assert_false(yibu_lock_locked(&lock));
    assert_int_equal(yibu_lock_try_acquire(&lock), 0);
    assert_int_equal(yibu_lock_try_acquire(&lock), -EAGAIN);
    yibu_lock_statistics(&lock, &stats);
    assert_true(stats.locked);
    assert_null(stats.owner);
    assert_int_equal(yibu_lock_release(&lock), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acquire_waits_until_the_lock_is_unlocked_and_then_locks_it),
        cmocka_unit_test(only_one_of_several_waiters_proceeds),
        cmocka_unit_test(acquiring_is_fair_the_first_that_waited_proceeds_first),
        cmocka_unit_test(release_makes_a_locked_lock_unlocked),
        cmocka_unit_test(release_of_an_unlocked_lock_is_refused),
        cmocka_unit_test(locked_says_whether_the_lock_is_locked),
        cmocka_unit_test(a_task_may_release_what_another_acquired),
        cmocka_unit_test(a_newcomer_does_not_barge_into_a_lock_that_was_just_released),
        cmocka_unit_test(who_releases_and_acquires_again_at_once_does_not_barge_in),
        cmocka_unit_test(a_task_cancelled_before_it_waits_does_not_take_a_free_lock),
        cmocka_unit_test(a_task_cancelled_while_it_waits_leaves_the_line),
        cmocka_unit_test(a_task_cancelled_after_it_was_handed_the_lock_passes_it_on),
        cmocka_unit_test(a_lock_passed_on_by_the_last_in_line_is_free),
        cmocka_unit_test(a_cancelled_task_does_not_pass_on_what_somebody_else_has_released),
        cmocka_unit_test(a_cancel_taken_back_before_the_task_runs_leaves_it_the_lock),
        cmocka_unit_test(a_time_limit_ends_the_wait_and_the_lock_is_not_taken),
        cmocka_unit_test(a_cancel_does_not_end_a_wait_in_a_shield),
        cmocka_unit_test(a_block_holds_the_lock_and_releases_it_on_every_way_out),
        cmocka_unit_test(a_block_is_skipped_where_the_lock_was_not_acquired),
        cmocka_unit_test(blocks_nest),
        cmocka_unit_test(statistics_say_who_holds_the_lock_and_how_many_wait),
        cmocka_unit_test(an_owner_that_has_ended_is_forgotten_and_the_lock_stays_locked),
        cmocka_unit_test(a_report_names_the_lock_and_who_holds_it),
        cmocka_unit_test(a_lock_at_file_scope_serves_one_loop_after_another),
        cmocka_unit_test(a_lock_at_file_scope_serves_one_loop_after_another),
        cmocka_unit_test(a_callback_may_release_a_lock),
        cmocka_unit_test(only_tasks_wait_but_anybody_may_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
