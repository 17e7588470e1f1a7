/* Bugs that asyncio, its relatives and their users had, each as a test.  docs/asyncio.md links the
 * reports.  What they have in common: between the moment in which a waiter is woken and the moment
 * in which it runs, somebody else does something. */
#include <errno.h>

#include "../task/coroutines.h"

/* Locks. */

typedef struct turns {
    yibu_lock lock;
    char log[16];
    size_t length;
} turns;

typedef struct player {
    turns *turns;
    char name;
} player;

static intptr_t take_turns(void *arg)
{
    player *p = arg;
    for (int i = 0; i < 3; i++) {
        int r = yibu_lock_acquire(&p->turns->lock);
        if (r < 0)
            return r;
        p->turns->log[p->turns->length++] = p->name;
        yibu_sleep(0);
        yibu_lock_release(&p->turns->lock);
    }
    return 0;
}

LOOP_TEST(who_releases_a_lock_and_acquires_it_at_once_waits_for_its_turn)
{
    turns t = {.lock = YIBU_LOCK_INIT};
    player a = {&t, 'a'}, b = {&t, 'b'};
    yibu_task *tasks[] = {yibu_create_task(take_turns, &a, NULL),
                          yibu_create_task(take_turns, &b, NULL)};
    assert_int_equal(yibu_gather(tasks, 2, NULL, 0), 0);
    assert_string_equal(t.log, "ababab");
    unref_all(tasks, 2);
    return 0;
}

typedef struct critical {
    yibu_lock lock;
    int inside, most;
} critical;

static intptr_t enter(void *arg)
{
    critical *c = arg;
    int r = yibu_lock_acquire(&c->lock);
    if (r < 0)
        return r;
    if (++c->inside > c->most)
        c->most = c->inside;
    yibu_sleep(YIBU_US(10));
    c->inside--;
    return yibu_lock_release(&c->lock);
}

static void release_and_cancel_the_next(bool cancel_first)
{
    critical c = {.lock = YIBU_LOCK_INIT};
    assert_int_equal(yibu_lock_acquire(&c.lock), 0);
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = started(enter, &c);
    if (cancel_first)
        yibu_task_cancel(tasks[0]);
    yibu_lock_release(&c.lock);
    yibu_task_cancel(tasks[0]);
    intptr_t results[3];
    assert_int_equal(yibu_gather(tasks, 3, results, YIBU_RETURN_EXCEPTIONS), 0);
    assert_int_equal(results[0], -ECANCELED);
    assert_true(results[1] == 0 && results[2] == 0);
    assert_int_equal(c.most, 1);
    assert_false(yibu_lock_locked(&c.lock));
    unref_all(tasks, 3);
}

LOOP_TEST(a_lock_whose_next_in_line_is_cancelled_in_the_turn_of_its_release_is_held_by_one)
{
    release_and_cancel_the_next(true);
    release_and_cancel_the_next(false);
    return 0;
}

LOOP_TEST(a_newcomer_does_not_barge_into_a_lock_between_release_and_wake_up)
{
    critical c = {.lock = YIBU_LOCK_INIT};
    assert_int_equal(yibu_lock_acquire(&c.lock), 0);
    yibu_task *waiter = started(enter, &c);
    yibu_lock_release(&c.lock);
    assert_int_equal(yibu_lock_try_acquire(&c.lock), -EAGAIN);
    assert_true(yibu_lock_locked(&c.lock));
    assert_int_equal(yibu_await(waiter), 0);
    yibu_task_unref(waiter);
    return 0;
}

/* Semaphores. */

static intptr_t acquire_permit(void *arg)
{
    return yibu_semaphore_acquire(arg);
}

LOOP_TEST(a_permit_is_not_lost_on_a_waiter_cancelled_between_wake_up_and_run)
{
    yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(0);
    yibu_task *first = started(acquire_permit, &semaphore);
    yibu_task *second = started(acquire_permit, &semaphore);
    yibu_semaphore_release(&semaphore);
    yibu_task_cancel(first);
    assert_int_equal(yibu_await(second), 0);
    assert_int_equal(yibu_await(first), -ECANCELED);
    assert_int_equal(semaphore.value, 0);
    yibu_task_unref(first);
    yibu_task_unref(second);
    return 0;
}

LOOP_TEST(a_semaphore_works_on_after_its_only_waiter_was_cancelled)
{
    yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(1);
    assert_int_equal(yibu_semaphore_acquire(&semaphore), 0);
    yibu_task *waiter = started(acquire_permit, &semaphore);
    yibu_semaphore_release(&semaphore);
    yibu_task_cancel(waiter);
    assert_int_equal(yibu_await(waiter), -ECANCELED);
    assert_false(yibu_semaphore_locked(&semaphore));
    assert_int_equal(yibu_semaphore_acquire(&semaphore), 0);
    yibu_task_unref(waiter);
    return 0;
}

/* Conditions. */

static intptr_t wait_for_notify(void *arg)
{
    yibu_condition *condition = arg;
    int r = yibu_condition_acquire(condition);
    if (r < 0)
        return r;
    r = yibu_condition_wait(condition);
    int released = yibu_condition_release(condition);
    return r < 0 ? r : released;
}

LOOP_TEST(a_notify_is_not_lost_on_a_waiter_cancelled_between_wake_up_and_run)
{
    yibu_condition condition = YIBU_CONDITION_INIT;
    yibu_task *first = started(wait_for_notify, &condition);
    yibu_task *second = started(wait_for_notify, &condition);
    assert_int_equal(yibu_condition_acquire(&condition), 0);
    assert_int_equal(yibu_condition_notify(&condition, 1), 0);
    yibu_task_cancel(first);
    assert_int_equal(yibu_condition_release(&condition), 0);
    assert_int_equal(yibu_await(second), 0);
    assert_int_equal(yibu_await(first), -ECANCELED);
    yibu_task_unref(first);
    yibu_task_unref(second);
    return 0;
}

LOOP_TEST(all_who_wait_for_a_condition_hold_its_lock_when_they_are_cancelled)
{
    yibu_condition condition = YIBU_CONDITION_INIT;
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = started(wait_for_notify, &condition);
    assert_int_equal(yibu_condition_acquire(&condition), 0);
    for (int i = 0; i < 3; i++)
        yibu_task_cancel(tasks[i]);
    settle();
    for (int i = 0; i < 3; i++) /* each first needs the lock */
        assert_false(yibu_task_done(tasks[i]));
    assert_int_equal(yibu_condition_release(&condition), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yibu_await(tasks[i]), -ECANCELED); /* and not the release's failure */
        yibu_task_unref(tasks[i]);
    }
    assert_false(yibu_condition_locked(&condition));
    return 0;
}

/* wait_for. */

typedef struct limited {
    yibu_future *future;
    int64_t delay_ns;
    int after; /* what the next checkpoint said */
} limited;

static intptr_t wait_limited(void *arg)
{
    limited *l = arg;
    intptr_t r = yibu_wait_for(l->future, l->delay_ns);
    l->after = yibu_sleep(0);
    return r;
}

LOOP_TEST(wait_for_hides_no_cancel_that_came_with_the_result)
{
    limited l = {yibu_create_future(NULL), YIBU_SECONDS(100), 0};
    yibu_task *task = started(wait_limited, &l);
    yibu_future_set_result(l.future, 3);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 3); /* the result is not lost either */
    assert_int_equal(l.after, -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(l.future);
    return 0;
}

static intptr_t take_item(void *arg)
{
    void *item = NULL;
    int r = yibu_queue_get(arg, &item);
    return r < 0 ? r : (intptr_t)item;
}

/* Lets time pass in which nobody but the caller runs: whatever it makes due falls into one turn,
 * in the order of the deadlines. */
static void pass_time(int64_t ns)
{
    yibu_loop *loop = yibu_get_running_loop();
    for (int64_t end = yibu_loop_time(loop) + ns; yibu_loop_time(loop) < end;)
        ;
}

static void put_42(void *arg)
{
    assert_int_equal(yibu_queue_try_put(arg, (void *)42), 0);
}

/* The item comes put_ns after the wait began, its limit is over after limit_ns, in one turn. */
static intptr_t take_with_limit(yibu_queue *queue, int64_t put_ns, int64_t limit_ns)
{
    limited l = {yibu_create_task(take_item, queue, NULL), limit_ns, 0};
    yibu_task *task = started(wait_limited, &l);
    yibu_timer timer = YIBU_TIMER_INIT;
    assert_int_equal(yibu_timer_start(yibu_get_running_loop(), &timer, put_ns, put_42, queue), 0);
    pass_time(put_ns + limit_ns);
    intptr_t r = yibu_await(task);
    assert_int_equal(l.after, 0);
    yibu_task_unref(task);
    yibu_task_unref(l.future);
    return r;
}

LOOP_TEST(wait_for_loses_no_item_that_came_with_the_time_limit)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    assert_int_equal(take_with_limit(&queue, YIBU_US(100), YIBU_MS(50)), 42);
    assert_int_equal(yibu_queue_qsize(&queue), 0);
    assert_int_equal(take_with_limit(&queue, YIBU_MS(2), YIBU_MS(1)), -ETIMEDOUT);
    assert_int_equal(yibu_queue_qsize(&queue), 1);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Queues. */

LOOP_TEST(a_get_cancelled_between_put_and_run_keeps_its_item)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    yibu_task *task = started(take_item, &queue);
    assert_int_equal(yibu_queue_try_put(&queue, (void *)42), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 42);
    yibu_task_unref(task);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_get_cancelled_before_a_put_leaves_the_item_to_the_next)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    yibu_task *first = started(take_item, &queue), *second = started(take_item, &queue);
    yibu_task_cancel(first);
    assert_int_equal(yibu_queue_try_put(&queue, (void *)42), 0);
    assert_int_equal(yibu_await(first), -ECANCELED);
    assert_int_equal(yibu_await(second), 42);
    yibu_task_unref(first);
    yibu_task_unref(second);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Groups. */

/* Takes its time to clean up. */
static intptr_t clean_up_until(void *arg)
{
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    yibu_event_wait(arg);
    yibu_shield_end(&shield);
    return r;
}

/* Leaves its group early, and is cancelled from outside while the group ends. */
static intptr_t leave_group_early(void *arg)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, clean_up_until, arg);
    yibu_sleep(0);
    yibu_group_cancel(&group);
    return yibu_group_end(&group, 0);
}

LOOP_TEST(a_group_that_was_cancelled_swallows_no_cancel_from_outside)
{
    yibu_event cleaned = YIBU_EVENT_INIT;
    yibu_task *task = started(leave_group_early, &cleaned);
    assert_false(yibu_task_done(task));
    yibu_task_cancel(task);
    settle();
    yibu_event_set(&cleaned);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

typedef struct late_cleaning {
    yibu_timeout limit;
    yibu_event cleaned;
} late_cleaning;

static intptr_t clean_once_it_expired(void *arg)
{
    late_cleaning *l = arg;
    while (!yibu_timeout_expired(&l->limit))
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    yibu_event_set(&l->cleaned);
    return 0;
}

LOOP_TEST(a_group_that_was_cancelled_swallows_no_time_limit_from_outside)
{
    late_cleaning l = {.cleaned = YIBU_EVENT_INIT};
    assert_int_equal(yibu_timeout_begin(&l.limit, YIBU_MS(1)), 0);
    assert_int_equal(yibu_spawn(clean_once_it_expired, &l), 0);
    intptr_t r = leave_group_early(&l.cleaned);
    assert_true(yibu_timeout_expired(&l.limit));
    assert_int_equal(yibu_timeout_end(&l.limit, r), -ETIMEDOUT);
    return 0;
}

static intptr_t fail_in_group(void *arg)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, await_it, arg);
    intptr_t r = yibu_group_end(&group, 0);
    int after = yibu_sleep(0);
    return r == -EIO && after == -ECANCELED ? 1 : -EPROTO;
}

LOOP_TEST(a_group_that_fails_in_the_turn_of_a_cancel_from_outside_swallows_neither)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *task = started(fail_in_group, future);
    yibu_future_set_exception(future, -EIO);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

/* Time limits. */

/* Sleeps until a time of the loop's clock. */
static intptr_t sleep_limited(void *arg)
{
    yibu_timeout limit;
    int r = yibu_timeout_at_begin(&limit, *(const int64_t *)arg);
    return r < 0 ? r : yibu_timeout_end(&limit, yibu_sleep(YIBU_FOREVER));
}

static void cancel_it(void *arg)
{
    yibu_task_cancel(arg);
}

LOOP_TEST(a_cancel_in_the_turn_of_a_time_limit_is_no_timeout)
{
    yibu_loop *loop = yibu_get_running_loop();
    for (int64_t between = -1; between <= 1; between += 2) { /* before it, and after */
        int64_t when = yibu_loop_time(loop) + YIBU_MS(20) * YB_TEST_SLOWDOWN;
        yibu_task *task = started(sleep_limited, &when);
        yibu_timer timer = YIBU_TIMER_INIT;
        assert_int_equal(yibu_timer_start_at(loop, &timer, when + between, cancel_it, task), 0);
        pass_time(YIBU_MS(21) * YB_TEST_SLOWDOWN);
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
    }
    return 0;
}

static intptr_t sleep_limited_after_a_cancel(void *arg)
{
    yibu_task_cancel(yibu_current_task());
    int64_t when = yibu_loop_time(yibu_get_running_loop());
    (void)arg;
    return sleep_limited(&when);
}

LOOP_TEST(a_time_limit_that_is_over_from_the_start_swallows_no_earlier_cancel)
{
    yibu_task *task = yibu_create_task(sleep_limited_after_a_cancel, NULL, NULL);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(yibu_task_cancelling(task), 1);
    yibu_task_unref(task);
    return 0;
}

typedef struct shielded {
    yibu_future *future;
    int64_t until_ns;
} shielded;

static intptr_t await_limited(void *arg)
{
    shielded *s = arg;
    yibu_timeout limit;
    int r = yibu_timeout_at_begin(&limit, s->until_ns);
    if (r < 0)
        return r;
    intptr_t result = yibu_timeout_end(&limit, yibu_shield(s->future));
    r = yibu_sleep(0); /* no cancel of its own is left behind */
    return r < 0 ? r : result;
}

static void set_7(void *arg)
{
    yibu_future_set_result(arg, 7);
}

LOOP_TEST(a_time_limit_that_is_over_in_the_turn_of_completion_leaves_result_and_task_alone)
{
    yibu_loop *loop = yibu_get_running_loop();
    for (int64_t between = -1; between <= 1; between += 2) { /* before it, and after */
        shielded s = {yibu_create_future(NULL), yibu_loop_time(loop) + YIBU_MS(20)};
        yibu_task *task = started(await_limited, &s);
        yibu_timer timer = YIBU_TIMER_INIT;
        assert_int_equal(yibu_timer_start_at(loop, &timer, s.until_ns + between, set_7, s.future),
                         0);
        pass_time(YIBU_MS(21));
        assert_int_equal(yibu_await(task), between < 0 ? 7 : -ETIMEDOUT);
        assert_int_equal(yibu_future_result(s.future), 7);
        yibu_task_unref(task);
        yibu_future_unref(s.future);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_releases_a_lock_and_acquires_it_at_once_waits_for_its_turn),
        cmocka_unit_test(
            a_lock_whose_next_in_line_is_cancelled_in_the_turn_of_its_release_is_held_by_one),
        cmocka_unit_test(a_newcomer_does_not_barge_into_a_lock_between_release_and_wake_up),
        cmocka_unit_test(a_permit_is_not_lost_on_a_waiter_cancelled_between_wake_up_and_run),
        cmocka_unit_test(a_semaphore_works_on_after_its_only_waiter_was_cancelled),
        cmocka_unit_test(a_notify_is_not_lost_on_a_waiter_cancelled_between_wake_up_and_run),
        cmocka_unit_test(all_who_wait_for_a_condition_hold_its_lock_when_they_are_cancelled),
        cmocka_unit_test(wait_for_hides_no_cancel_that_came_with_the_result),
        cmocka_unit_test(wait_for_loses_no_item_that_came_with_the_time_limit),
        cmocka_unit_test(a_get_cancelled_between_put_and_run_keeps_its_item),
        cmocka_unit_test(a_get_cancelled_before_a_put_leaves_the_item_to_the_next),
        cmocka_unit_test(a_group_that_was_cancelled_swallows_no_cancel_from_outside),
        cmocka_unit_test(a_group_that_was_cancelled_swallows_no_time_limit_from_outside),
        cmocka_unit_test(a_group_that_fails_in_the_turn_of_a_cancel_from_outside_swallows_neither),
        cmocka_unit_test(a_cancel_in_the_turn_of_a_time_limit_is_no_timeout),
        cmocka_unit_test(a_time_limit_that_is_over_from_the_start_swallows_no_earlier_cancel),
        cmocka_unit_test(
            a_time_limit_that_is_over_in_the_turn_of_completion_leaves_result_and_task_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
