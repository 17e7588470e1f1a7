/* Conditions: no wake-up is spurious and none is lost. */
#include "waiting.h"

static intptr_t wait_once(void *condition)
{
    int r = yibu_condition_acquire(condition);
    if (r < 0)
        return r;
    r = yibu_condition_wait(condition);
    int released = yibu_condition_release(condition); /* it is held, whatever the wait returned */
    return released < 0 ? released : r;
}

static void notify(yibu_condition *c, size_t count)
{
    assert_int_equal(yibu_condition_acquire(c), 0);
    assert_int_equal(yibu_condition_notify(c, count), 0);
    assert_int_equal(yibu_condition_release(c), 0);
}

static size_t waiting_for(const yibu_condition *c)
{
    yibu_condition_stats stats;
    yibu_condition_statistics(c, &stats);
    return stats.waiting;
}

/* What asyncio's documentation says. */

LOOP_TEST(acquire_and_release_are_those_of_the_underlying_lock)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_condition c = YIBU_CONDITION_INIT_WITH(&lock);
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_true(yibu_lock_locked(&lock));
    assert_true(yibu_condition_locked(&c));
    assert_int_equal(yibu_condition_try_acquire(&c), -EAGAIN);
    assert_int_equal(yibu_condition_release(&c), 0);
    assert_false(yibu_lock_locked(&lock));
    assert_false(yibu_condition_locked(&c));
    assert_int_equal(yibu_condition_try_acquire(&c), 0);
    return 0;
}

LOOP_TEST(a_condition_without_a_lock_has_one_of_its_own)
{
    yibu_condition first = YIBU_CONDITION_INIT, second = YIBU_CONDITION_INIT;
    assert_int_equal(yibu_condition_acquire(&first), 0);
    assert_false(yibu_condition_locked(&second));
    return yibu_condition_acquire(&second);
}

LOOP_TEST(release_of_an_unlocked_lock_is_refused)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    assert_int_equal(yibu_condition_release(&c), -EPERM);
    return 0;
}

LOOP_TEST(several_conditions_share_one_lock)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_condition full = YIBU_CONDITION_INIT_WITH(&lock), empty = YIBU_CONDITION_INIT_WITH(&lock);
    yibu_task *a = start(wait_once, &full), *b = start(wait_once, &empty);
    settle();
    notify(&empty, 1);
    await_result(b, 0);
    assert_false(yibu_task_done(a));
    notify(&full, 1);
    await_result(a, 0);
    return 0;
}

static intptr_t wait_without_the_lock(void *condition)
{
    return yibu_condition_wait(condition);
}

LOOP_TEST(wait_is_refused_where_the_calling_task_has_not_acquired_the_lock)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    assert_int_equal(yibu_condition_wait(&c), -EPERM);
    assert_int_equal(yibu_condition_acquire(&c), 0);
    await_result(start(wait_without_the_lock, &c), -EPERM);
    assert_true(yibu_condition_locked(&c));
    return 0;
}

LOOP_TEST(wait_releases_the_lock_and_blocks_until_it_is_notified)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_once, &c);
    settle();
    assert_false(yibu_condition_locked(&c));
    assert_int_equal(waiting_for(&c), 1);
    settle();
    assert_false(yibu_task_done(task));
    notify(&c, 1);
    await_result(task, 0);
    return 0;
}

LOOP_TEST(once_awakened_it_acquires_the_lock_again)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    settle();
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_condition_release(&c), 0);
    assert_true(yibu_condition_locked(&c));
    await_result(task, 0);
    assert_false(yibu_condition_locked(&c));
    return 0;
}

static int count_done(yibu_task **tasks, int count)
{
    int done = 0;
    for (int i = 0; i < count; i++)
        done += yibu_task_done(tasks[i]);
    return done;
}

LOOP_TEST(notify_wakes_n_tasks_in_the_order_they_waited)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *tasks[5];
    for (int i = 0; i < 5; i++)
        tasks[i] = start(wait_once, &c);
    settle();
    notify(&c, 0);
    settle();
    assert_int_equal(count_done(tasks, 5), 0);
    notify(&c, 1);
    settle();
    assert_int_equal(count_done(tasks, 5), 1);
    assert_true(yibu_task_done(tasks[0]));
    notify(&c, 2);
    settle();
    assert_int_equal(count_done(tasks, 5), 3);
    assert_true(yibu_task_done(tasks[1]) && yibu_task_done(tasks[2]));
    notify(&c, 2);
    for (int i = 0; i < 5; i++)
        await_result(tasks[i], 0);
    return 0;
}

LOOP_TEST(notify_wakes_all_where_fewer_than_n_wait)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *tasks[2] = {start(wait_once, &c), start(wait_once, &c)};
    settle();
    notify(&c, 10);
    await_result(tasks[0], 0);
    await_result(tasks[1], 0);
    /* What was too much is not kept for those who come later. */
    yibu_task *late = start(wait_once, &c);
    settle();
    assert_false(yibu_task_done(late));
    notify(&c, 1);
    await_result(late, 0);
    return 0;
}

LOOP_TEST(notify_all_wakes_all)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify_all(&c), 0);
    assert_int_equal(yibu_condition_release(&c), 0);
    for (int i = 0; i < 4; i++)
        await_result(tasks[i], 0);
    return 0;
}

static intptr_t notify_without_the_lock(void *condition)
{
    return yibu_condition_notify(condition, 1);
}

LOOP_TEST(notify_is_refused_without_the_lock)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    assert_int_equal(yibu_condition_notify(&c, 1), -EPERM);
    assert_int_equal(yibu_condition_notify_all(&c), -EPERM);
    assert_int_equal(yibu_condition_acquire(&c), 0);
    await_result(start(notify_without_the_lock, &c), -EPERM);
    return 0;
}

typedef struct box {
    yibu_condition condition;
    int value, asked;
} box;

static bool is_three(void *arg)
{
    box *b = arg;
    b->asked++;
    assert_true(yibu_condition_locked(&b->condition));
    return b->value == 3;
}

static intptr_t wait_for_three(void *arg)
{
    box *b = arg;
    int r = yibu_condition_acquire(&b->condition);
    if (r < 0)
        return r;
    r = yibu_condition_wait_for(&b->condition, is_three, b);
    assert_true(r < 0 || b->value == 3);
    assert_int_equal(yibu_condition_release(&b->condition), 0);
    return r;
}

LOOP_TEST(wait_for_waits_again_until_the_predicate_is_true)
{
    box b = {.condition = YIBU_CONDITION_INIT};
    yibu_task *task = start(wait_for_three, &b);
    for (b.value = 0; b.value < 3; b.value++) {
        settle();
        assert_false(yibu_task_done(task));
        assert_int_equal(b.asked, b.value + 1);
        notify(&b.condition, 1);
    }
    await_result(task, 0);
    assert_int_equal(b.asked, 4);
    return 0;
}

LOOP_TEST(wait_for_does_not_wait_where_the_predicate_is_true)
{
    box b = {.condition = YIBU_CONDITION_INIT, .value = 3};
    assert_int_equal(yibu_condition_acquire(&b.condition), 0);
    assert_int_equal(yibu_condition_wait_for(&b.condition, is_three, &b), 0);
    assert_true(yibu_condition_locked(&b.condition));
    assert_int_equal(b.asked, 1);
    return 0;
}

LOOP_TEST(wait_for_is_refused_without_the_lock)
{
    box b = {.condition = YIBU_CONDITION_INIT, .value = 3};
    assert_int_equal(yibu_condition_wait_for(&b.condition, is_three, &b), -EPERM);
    assert_int_equal(b.asked, 0);
    return 0;
}

LOOP_TEST(no_wake_up_is_spurious)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_once, &c), *other = start(wait_once, &c);
    settle();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yibu_condition_acquire(&c), 0);
        settle();
        assert_int_equal(yibu_condition_release(&c), 0);
        settle();
    }
    yibu_task_cancel(other);
    await_result(other, -ECANCELED);
    settle();
    assert_false(yibu_task_done(task));
    notify(&c, 1);
    await_result(task, 0);
    return 0;
}

LOOP_TEST(the_notified_are_in_line_for_the_lock_before_those_who_come_later)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    yibu_task *newcomer = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_release(&c), 0);
    await_result(task, 0);
    settle();
    assert_int_equal(waiting_for(&c), 1);
    notify(&c, 1);
    await_result(newcomer, 0);
    return 0;
}

/* Cancels. */

static intptr_t wait_once_cancelled(void *condition)
{
    int r = yibu_condition_acquire(condition);
    if (r < 0)
        return r;
    yibu_task_cancel(yibu_current_task());
    r = yibu_condition_wait(condition);
    assert_true(yibu_condition_locked(condition));
    int released = yibu_condition_release(condition);
    return released < 0 ? released : r;
}

LOOP_TEST(a_task_cancelled_before_it_waits_keeps_the_lock)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    await_result(start(wait_once_cancelled, &c), -ECANCELED);
    assert_false(yibu_condition_locked(&c));
    assert_int_equal(waiting_for(&c), 0);
    return 0;
}

LOOP_TEST(a_task_cancelled_while_it_waits_acquires_the_lock_again)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_once, &c);
    settle();
    yibu_task_cancel(task);
    assert_true(yibu_condition_locked(&c));
    await_result(task, -ECANCELED); /* wait_once released it */
    assert_false(yibu_condition_locked(&c));
    return 0;
}

LOOP_TEST(a_cancelled_task_waits_for_the_lock_to_the_end)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    yibu_task_cancel(task);
    yibu_task_cancel(task);
    settle();
    assert_false(yibu_task_done(task));
    assert_int_equal(waiting_for(&c), 0);
    assert_int_equal(yibu_condition_release(&c), 0);
    await_result(task, -ECANCELED);
    return 0;
}

LOOP_TEST(a_notify_is_not_lost_on_a_waiter_cancelled_after_it)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *first = start(wait_once, &c), *second = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    yibu_task_cancel(first);
    assert_int_equal(yibu_condition_release(&c), 0);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    return 0;
}

LOOP_TEST(a_notify_is_not_lost_on_a_waiter_cancelled_after_it_was_handed_the_lock)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *first = start(wait_once, &c), *second = start(wait_once, &c);
    settle();
    notify(&c, 1);
    yibu_task_cancel(first);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    return 0;
}

LOOP_TEST(a_notify_is_not_lost_on_a_waiter_cancelled_before_it)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *first = start(wait_once, &c), *second = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    yibu_task_cancel(first);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    assert_int_equal(yibu_condition_release(&c), 0);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    return 0;
}

LOOP_TEST(a_notify_passed_on_goes_through_several_cancelled_waiters)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 2), 0);
    yibu_task_cancel(tasks[0]);
    yibu_task_cancel(tasks[1]);
    assert_int_equal(yibu_condition_release(&c), 0);
    await_result(tasks[0], -ECANCELED);
    await_result(tasks[1], -ECANCELED);
    await_result(tasks[2], 0);
    await_result(tasks[3], 0);
    return 0;
}

LOOP_TEST(a_cancel_taken_back_leaves_the_notify_where_it_was)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *first = start(wait_once, &c), *second = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    yibu_task_cancel(first);
    yibu_task_uncancel(first);
    assert_int_equal(yibu_condition_release(&c), 0);
    await_result(first, 0);
    settle();
    assert_false(yibu_task_done(second));
    notify(&c, 1);
    await_result(second, 0);
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait_with_the_lock_held)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_timeout limit;
    assert_int_equal(yibu_condition_acquire(&c), 0);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_condition_wait(&c)), -ETIMEDOUT);
    assert_true(yibu_condition_locked(&c));
    assert_int_equal(waiting_for(&c), 0);
    return yibu_condition_release(&c);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

LOOP_TEST(a_time_limit_ends_wait_for)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_timeout limit;
    assert_int_equal(yibu_condition_acquire(&c), 0);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_condition_wait_for(&c, never, NULL)),
                     -ETIMEDOUT);
    return yibu_condition_release(&c);
}

static intptr_t wait_in_a_shield(void *condition)
{
    yibu_timeout shield;
    int r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = (int)wait_once(condition);
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_cancel_does_not_end_a_wait_in_a_shield)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_in_a_shield, &c);
    settle();
    yibu_task_cancel(task);
    settle();
    assert_false(yibu_task_done(task));
    notify(&c, 1);
    await_result(task, 0);
    return 0;
}

/* Blocks, and looking at a condition. */

LOOP_TEST(a_block_holds_the_lock_and_releases_it)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    int r, rounds = 0;
    YIBU_WITH_CONDITION(r, &c)
    {
        rounds++;
        assert_true(yibu_condition_locked(&c));
        assert_int_equal(yibu_condition_notify_all(&c), 0);
    }
    assert_int_equal(r, 0);
    assert_int_equal(rounds, 1);
    assert_false(yibu_condition_locked(&c));
    return 0;
}

LOOP_TEST(statistics_count_those_who_wait_to_be_notified_and_show_the_lock)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_condition_stats stats;
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = start(wait_once, &c);
    settle();
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    yibu_condition_statistics(&c, &stats);
    assert_int_equal(stats.waiting, 2);
    assert_true(stats.lock.locked);
    assert_ptr_equal(stats.lock.owner, yibu_current_task());
    assert_int_equal(stats.lock.waiting, 1);
    assert_int_equal(yibu_condition_notify_all(&c), 0);
    assert_int_equal(yibu_condition_release(&c), 0);
    for (int i = 0; i < 3; i++)
        await_result(tasks[i], 0);
    return 0;
}

LOOP_TEST(a_report_tells_a_wait_for_a_notify_from_one_for_the_lock)
{
    yibu_condition c = YIBU_CONDITION_INIT;
    yibu_task *task = start(wait_once, &c);
    settle();
    assert_non_null(strstr(wait_of(task), "condition"));
    assert_null(owner_of_wait(task));
    assert_int_equal(yibu_condition_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    assert_non_null(strstr(wait_of(task), "lock held by task"));
    assert_ptr_equal(owner_of_wait(task), yibu_current_task());
    assert_int_equal(yibu_condition_release(&c), 0);
    await_result(task, 0);
    return 0;
}

static void only_tasks_wait_but_a_callback_may_notify(void **state)
{
    (void)state;
    yibu_condition c = YIBU_CONDITION_INIT;
    assert_int_equal(yibu_condition_acquire(&c), YIBU_ENOTASK);
    assert_int_equal(yibu_condition_wait(&c), YIBU_ENOTASK);
    assert_int_equal(yibu_condition_wait_for(&c, never, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_condition_notify(&c, 1), -EPERM);
    assert_int_equal(yibu_condition_try_acquire(&c), 0);
    assert_int_equal(yibu_condition_notify(&c, 1), 0);
    assert_int_equal(yibu_condition_release(&c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acquire_and_release_are_those_of_the_underlying_lock),
        cmocka_unit_test(a_condition_without_a_lock_has_one_of_its_own),
        cmocka_unit_test(release_of_an_unlocked_lock_is_refused),
        cmocka_unit_test(several_conditions_share_one_lock),
        cmocka_unit_test(wait_is_refused_where_the_calling_task_has_not_acquired_the_lock),
        cmocka_unit_test(wait_releases_the_lock_and_blocks_until_it_is_notified),
        cmocka_unit_test(once_awakened_it_acquires_the_lock_again),
        cmocka_unit_test(notify_wakes_n_tasks_in_the_order_they_waited),
        cmocka_unit_test(notify_wakes_all_where_fewer_than_n_wait),
        cmocka_unit_test(notify_all_wakes_all),
        cmocka_unit_test(notify_is_refused_without_the_lock),
        cmocka_unit_test(wait_for_waits_again_until_the_predicate_is_true),
        cmocka_unit_test(wait_for_does_not_wait_where_the_predicate_is_true),
        cmocka_unit_test(wait_for_is_refused_without_the_lock),
        cmocka_unit_test(no_wake_up_is_spurious),
        cmocka_unit_test(the_notified_are_in_line_for_the_lock_before_those_who_come_later),
        cmocka_unit_test(a_task_cancelled_before_it_waits_keeps_the_lock),
        cmocka_unit_test(a_task_cancelled_while_it_waits_acquires_the_lock_again),
        cmocka_unit_test(a_cancelled_task_waits_for_the_lock_to_the_end),
        cmocka_unit_test(a_notify_is_not_lost_on_a_waiter_cancelled_after_it),
        cmocka_unit_test(a_notify_is_not_lost_on_a_waiter_cancelled_after_it_was_handed_the_lock),
        cmocka_unit_test(a_notify_is_not_lost_on_a_waiter_cancelled_before_it),
        cmocka_unit_test(a_notify_passed_on_goes_through_several_cancelled_waiters),
        cmocka_unit_test(a_cancel_taken_back_leaves_the_notify_where_it_was),
        cmocka_unit_test(a_time_limit_ends_the_wait_with_the_lock_held),
        cmocka_unit_test(a_time_limit_ends_wait_for),
        cmocka_unit_test(a_cancel_does_not_end_a_wait_in_a_shield),
        cmocka_unit_test(a_block_holds_the_lock_and_releases_it),
        cmocka_unit_test(statistics_count_those_who_wait_to_be_notified_and_show_the_lock),
        cmocka_unit_test(a_report_tells_a_wait_for_a_notify_from_one_for_the_lock),
        cmocka_unit_test(only_tasks_wait_but_a_callback_may_notify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
