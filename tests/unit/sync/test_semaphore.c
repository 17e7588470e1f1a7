/* Semaphores: fair, and exact about every permit. */
#include "waiting.h"

static intptr_t acquire(void *semaphore)
{
    return yibu_semaphore_acquire(semaphore);
}

LOOP_TEST(permits_are_taken_and_given_back)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(2);
    assert_int_equal(yibu_semaphore_acquire(&s), 0);
    assert_int_equal(yibu_semaphore_try_acquire(&s), 0);
    assert_int_equal(s.value, 0);
    assert_int_equal(yibu_semaphore_try_acquire(&s), -EAGAIN);
    yibu_semaphore_release(&s);
    yibu_semaphore_release(&s);
    yibu_semaphore_release(&s);
    assert_int_equal(s.value, 3);
    return 0;
}

LOOP_TEST(waiters_are_served_in_the_order_they_came)
{
    enum { WAITERS = 5 };
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *tasks[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        tasks[i] = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    for (int i = 0; i < WAITERS; i++) {
        yibu_semaphore_release(&s);
        assert_int_equal(s.value, 0);
        assert_int_equal(yibu_sleep(0), 0);
        for (int j = 0; j < WAITERS; j++)
            assert_int_equal(yibu_task_done(tasks[j]), j <= i);
    }
    for (int i = 0; i < WAITERS; i++)
        await_result(tasks[i], 0);
    return 0;
}

LOOP_TEST(nobody_overtakes_the_waiter_that_a_permit_was_given_to)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *first = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_semaphore_release(&s);
    assert_int_equal(yibu_semaphore_try_acquire(&s), -EAGAIN);
    yibu_task *second = yibu_create_task(acquire, &s, NULL);
    await_result(first, 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(second));
    yibu_semaphore_release(&s);
    await_result(second, 0);
    assert_int_equal(s.value, 0);
    return 0;
}

LOOP_TEST(a_cancelled_waiter_takes_no_permit)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *first = yibu_create_task(acquire, &s, NULL);
    yibu_task *second = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(first);
    yibu_semaphore_release(&s);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    assert_int_equal(s.value, 0);
    return 0;
}

LOOP_TEST(a_waiter_cancelled_after_it_was_woken_passes_its_permit_on)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *first = yibu_create_task(acquire, &s, NULL);
    yibu_task *second = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_semaphore_release(&s);
    yibu_task_cancel(first);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    assert_int_equal(s.value, 0);

    yibu_task *third = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_semaphore_release(&s);
    yibu_task_cancel(third);
    await_result(third, -ECANCELED);
    assert_int_equal(s.value, 1);
    return 0;
}

LOOP_TEST(a_cancelled_task_takes_no_free_permit)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    yibu_task *task = yibu_create_task(acquire, &s, NULL);
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_int_equal(s.value, 1);
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait_and_takes_no_permit)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_semaphore_acquire(&s)), -ETIMEDOUT);
    yibu_semaphore_release(&s);
    assert_int_equal(s.value, 1);
    return 0;
}

/* What asyncio's documentation says, beside the above. */

LOOP_TEST(acquire_returns_at_once_where_the_counter_is_greater_than_zero_and_else_waits)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    yibu_task *first = start(acquire, &s), *second = start(acquire, &s);
    settle();
    assert_true(yibu_task_done(first));
    assert_false(yibu_task_done(second));
    assert_int_equal(yibu_semaphore_release(&s), 0);
    await_result(first, 0);
    await_result(second, 0);
    return 0;
}

LOOP_TEST(locked_says_that_it_cannot_be_acquired_immediately)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    assert_false(yibu_semaphore_locked(&s));
    assert_int_equal(yibu_semaphore_acquire(&s), 0);
    assert_true(yibu_semaphore_locked(&s));
    yibu_task *task = start(acquire, &s);
    settle();
    assert_int_equal(yibu_semaphore_release(&s), 0);
    assert_true(yibu_semaphore_locked(&s)); /* the permit is the waiter's */
    await_result(task, 0);
    assert_int_equal(yibu_semaphore_release(&s), 0);
    assert_false(yibu_semaphore_locked(&s));
    return 0;
}

LOOP_TEST(a_semaphore_may_be_released_more_often_than_it_was_acquired)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(yibu_semaphore_release(&s), 0);
        assert_int_equal(s.value, i);
    }
    return 0;
}

LOOP_TEST(a_bounded_semaphore_refuses_a_release_beyond_its_initial_value)
{
    yibu_semaphore s = YIBU_BOUNDED_SEMAPHORE_INIT(2);
    assert_int_equal(yibu_semaphore_release(&s), -EINVAL);
    assert_int_equal(s.value, 2);
    assert_int_equal(yibu_semaphore_acquire(&s), 0);
    assert_int_equal(yibu_semaphore_release(&s), 0);
    assert_int_equal(yibu_semaphore_release(&s), -EINVAL);
    yibu_semaphore none = YIBU_BOUNDED_SEMAPHORE_INIT(0);
    assert_int_equal(yibu_semaphore_release(&none), -EINVAL);
    return 0;
}

LOOP_TEST(a_bounded_semaphore_hands_its_permits_on)
{
    yibu_semaphore s = YIBU_BOUNDED_SEMAPHORE_INIT(1);
    assert_int_equal(yibu_semaphore_acquire(&s), 0);
    yibu_task *first = start(acquire, &s), *second = start(acquire, &s);
    settle();
    assert_int_equal(yibu_semaphore_release(&s), 0);
    yibu_task_cancel(first);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    assert_int_equal(yibu_semaphore_release(&s), 0);
    assert_int_equal(yibu_semaphore_release(&s), -EINVAL);
    return 0;
}

LOOP_TEST(a_counter_at_its_largest_value_refuses_a_release)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(SIZE_MAX);
    assert_int_equal(yibu_semaphore_release(&s), -EINVAL);
    assert_int_equal(s.value, SIZE_MAX);
    return 0;
}

/* Known of others: the woken waiter is only marked, and its cancel forgets the permit, or a
 * newcomer takes it in between. */
LOOP_TEST(a_permit_is_not_lost_on_the_cancel_of_the_task_it_was_given_to)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    assert_int_equal(yibu_semaphore_acquire(&s), 0);
    yibu_task *woken = start(acquire, &s);
    settle();
    assert_int_equal(yibu_semaphore_release(&s), 0);
    yibu_task_cancel(woken);
    yibu_task *newcomer = start(acquire, &s);
    await_result(woken, -ECANCELED);
    await_result(newcomer, 0);
    assert_int_equal(s.value, 0);
    return 0;
}

static intptr_t acquire_in_a_shield(void *s)
{
    yibu_timeout shield;
    int r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = yibu_semaphore_acquire(s);
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_cancel_does_not_end_a_wait_in_a_shield)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *task = start(acquire_in_a_shield, &s);
    settle();
    yibu_task_cancel(task);
    settle();
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_semaphore_release(&s), 0);
    await_result(task, 0);
    return 0;
}

LOOP_TEST(a_block_holds_a_permit_and_gives_it_back)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    int r, rounds = 0;
    YIBU_WITH_SEMAPHORE(r, &s)
    {
        assert_int_equal(s.value, 0);
        rounds++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(rounds, 1);
    assert_int_equal(s.value, 1);
    return 0;
}

LOOP_TEST(statistics_count_permits_and_waiters)
{
    yibu_semaphore s = YIBU_BOUNDED_SEMAPHORE_INIT(1), unbounded = YIBU_SEMAPHORE_INIT(3);
    yibu_semaphore_stats stats;
    yibu_semaphore_statistics(&unbounded, &stats);
    assert_int_equal(stats.value, 3);
    assert_int_equal(stats.bound, SIZE_MAX);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(yibu_semaphore_acquire(&s), 0);
    yibu_task *tasks[2] = {start(acquire, &s), start(acquire, &s)};
    settle();
    yibu_semaphore_statistics(&s, &stats);
    assert_int_equal(stats.value, 0);
    assert_int_equal(stats.bound, 1);
    assert_int_equal(stats.waiting, 2);
    assert_string_equal(wait_of(tasks[0]), "semaphore");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(yibu_semaphore_release(&s), 0);
        await_result(tasks[i], 0);
    }
    return 0;
}

/* Tasks that acquire, work and release, while a tormentor cancels some of them at any moment. */

enum { PERMITS = 3, WORKERS = 40, ROUNDS = 50 };

typedef struct workshop {
    yibu_semaphore permits;
    int inside, peak;
    long worked;
} workshop;

static intptr_t work(void *arg)
{
    workshop *w = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int r = yibu_semaphore_acquire(&w->permits);
        if (r < 0)
            return r;
        if (++w->inside > w->peak)
            w->peak = w->inside;
        (void)yibu_yield();
        w->inside--;
        w->worked++;
        yibu_semaphore_release(&w->permits);
    }
    return 0;
}

LOOP_TEST(no_permit_is_lost_or_doubled_whatever_is_cancelled)
{
    workshop w = {.permits = YIBU_SEMAPHORE_INIT(PERMITS)};
    yibu_task *tasks[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        tasks[i] = yibu_create_task(work, &w, NULL);
    for (int i = 0; i < WORKERS; i += 2) {
        for (int turns = i % 7; turns >= 0; turns--)
            assert_int_equal(turns % 2 ? yibu_sleep(0) : yibu_yield(), 0);
        yibu_task_cancel(tasks[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        intptr_t r = yibu_await(tasks[i]);
        assert_true(r == 0 || (i % 2 == 0 && r == -ECANCELED));
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(w.permits.value, PERMITS);
    assert_int_equal(w.inside, 0);
    assert_int_equal(w.peak, PERMITS);
    assert_true(w.worked >= WORKERS / 2 * ROUNDS);
    return 0;
}

static void only_tasks_wait_but_anybody_may_try(void **state)
{
    (void)state;
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    assert_int_equal(yibu_semaphore_acquire(&s), YIBU_ENOTASK);
    assert_int_equal(yibu_semaphore_try_acquire(&s), 0);
    yibu_semaphore_release(&s);
    assert_int_equal(s.value, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permits_are_taken_and_given_back),
        cmocka_unit_test(waiters_are_served_in_the_order_they_came),
        cmocka_unit_test(nobody_overtakes_the_waiter_that_a_permit_was_given_to),
        cmocka_unit_test(a_cancelled_waiter_takes_no_permit),
        cmocka_unit_test(a_waiter_cancelled_after_it_was_woken_passes_its_permit_on),
        cmocka_unit_test(a_cancelled_task_takes_no_free_permit),
        cmocka_unit_test(a_time_limit_ends_the_wait_and_takes_no_permit),
        cmocka_unit_test(
            acquire_returns_at_once_where_the_counter_is_greater_than_zero_and_else_waits),
        cmocka_unit_test(locked_says_that_it_cannot_be_acquired_immediately),
        cmocka_unit_test(a_semaphore_may_be_released_more_often_than_it_was_acquired),
        cmocka_unit_test(a_bounded_semaphore_refuses_a_release_beyond_its_initial_value),
        cmocka_unit_test(a_bounded_semaphore_hands_its_permits_on),
        cmocka_unit_test(a_counter_at_its_largest_value_refuses_a_release),
        cmocka_unit_test(a_permit_is_not_lost_on_the_cancel_of_the_task_it_was_given_to),
        cmocka_unit_test(a_cancel_does_not_end_a_wait_in_a_shield),
        cmocka_unit_test(a_block_holds_a_permit_and_gives_it_back),
        cmocka_unit_test(statistics_count_permits_and_waiters),
        cmocka_unit_test(no_permit_is_lost_or_doubled_whatever_is_cancelled),
        cmocka_unit_test(only_tasks_wait_but_anybody_may_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
