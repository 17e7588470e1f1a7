/* Events. */
#include "waiting.h"

typedef struct waiter {
    yibu_event *event;
    char *order, name;
} waiter;

static intptr_t wait_and_note(void *arg)
{
    waiter *w = arg;
    int r = yibu_event_wait(w->event);
    char *end = w->order + strlen(w->order);
    end[0] = r == 0 ? w->name : '!';
    end[1] = '\0';
    return r;
}

static intptr_t wait_for_event(void *event)
{
    return yibu_event_wait(event);
}

LOOP_TEST(a_set_event_is_not_waited_for)
{
    yibu_event event = YIBU_EVENT_INIT;
    assert_false(yibu_event_is_set(&event));
    yibu_event_set(&event);
    assert_true(yibu_event_is_set(&event));
    assert_int_equal(yibu_event_wait(&event), 0);
    assert_int_equal(yibu_event_wait(&event), 0);
    yibu_event_clear(&event);
    assert_false(yibu_event_is_set(&event));
    return 0;
}

LOOP_TEST(setting_wakes_every_waiter_in_the_order_they_came)
{
    yibu_event event = YIBU_EVENT_INIT;
    char order[8] = "";
    waiter waiters[4];
    yibu_task *tasks[4];
    for (int i = 0; i < 4; i++) {
        waiters[i] = (waiter){&event, order, (char)('a' + i)};
        tasks[i] = yibu_create_task(wait_and_note, &waiters[i], NULL);
    }
    assert_int_equal(yibu_sleep(0), 0);
    assert_string_equal(order, "");
    yibu_event_set(&event);
    assert_string_equal(order, "");
    for (int i = 0; i < 4; i++)
        await_result(tasks[i], 0);
    assert_string_equal(order, "abcd");
    return 0;
}

/* More tasks than the caches hold: their stacks are fetched ahead, past callbacks and new tasks. */
enum { MANY = 5000 };
static int woken;

static intptr_t wait_for_own_turn(void *arg)
{
    yibu_event *event = arg;
    assert_int_equal(yibu_event_wait(event), 0);
    return woken++;
}

static intptr_t count_on(void *arg)
{
    (void)arg;
    return woken;
}

static void call_between(void *arg)
{
    ++*(int *)arg;
}

LOOP_TEST(thousands_of_waiters_on_events_of_their_own_run_in_the_order_of_setting)
{
    yibu_event *events = calloc(MANY, sizeof(*events));
    yibu_task **tasks = calloc(MANY, sizeof(*tasks)), *young;
    int calls = 0;
    woken = 0;
    for (int i = 0; i < MANY; i++)
        tasks[i] = yibu_create_task(wait_for_own_turn, &events[i], NULL);
    assert_int_equal(yibu_sleep(0), 0);
    for (int i = 0; i < MANY; i++) {
        yibu_event_set(&events[i]);
        if (i % 100 == 50)
            assert_int_equal(yibu_call_soon(yibu_get_running_loop(), call_between, &calls, NULL),
                             0);
    }
    young = yibu_create_task(count_on, NULL, NULL);
    for (int i = 0; i < MANY; i++)
        await_result(tasks[i], i);
    await_result(young, MANY);
    assert_int_equal(calls, MANY / 100);
    free(events);
    free(tasks);
    return 0;
}

LOOP_TEST(a_woken_waiter_has_succeeded_although_the_event_was_cleared_again)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task *task = yibu_create_task(wait_for_event, &event, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_event_set(&event);
    yibu_event_clear(&event);
    yibu_task *late = yibu_create_task(wait_for_event, &event, NULL);
    await_result(task, 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(late));
    yibu_event_set(&event);
    await_result(late, 0);
    return 0;
}

LOOP_TEST(a_cancelled_waiter_leaves_and_the_others_stay)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = yibu_create_task(wait_for_event, &event, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(tasks[1]);
    await_result(tasks[1], -ECANCELED);
    yibu_event_set(&event);
    await_result(tasks[0], 0);
    await_result(tasks[2], 0);
    return 0;
}

LOOP_TEST(a_waiter_cancelled_after_it_was_woken_has_succeeded)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task *task = yibu_create_task(wait_for_event, &event, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_event_set(&event);
    yibu_task_cancel(task);
    await_result(task, 0);
    return 0;
}

LOOP_TEST(a_cancelled_task_does_not_pass_a_set_event)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_event_set(&event);
    yibu_task *task = yibu_create_task(wait_for_event, &event, NULL);
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_event_wait(&event)), -ETIMEDOUT);
    yibu_event_set(&event);
    yibu_timeout_begin(&limit, YIBU_SECONDS(60));
    assert_int_equal(yibu_timeout_end(&limit, yibu_event_wait(&event)), 0);
    return 0;
}

LOOP_TEST(tasks_that_wait_after_clear_block_until_the_event_is_set_again)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_event_set(&event);
    await_result(start(wait_for_event, &event), 0);
    yibu_event_clear(&event);
    yibu_task *task = start(wait_for_event, &event);
    settle();
    assert_false(yibu_task_done(task));
    yibu_event_set(&event);
    await_result(task, 0);
    return 0;
}

static intptr_t wait_in_a_shield(void *event)
{
    yibu_timeout shield;
    int r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = yibu_event_wait(event);
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_cancel_does_not_end_a_wait_in_a_shield)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task *task = start(wait_in_a_shield, &event);
    settle();
    yibu_task_cancel(task);
    settle();
    assert_false(yibu_task_done(task));
    yibu_event_set(&event);
    await_result(task, 0);
    return 0;
}

LOOP_TEST(statistics_count_those_who_wait)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_event_stats stats;
    yibu_task *tasks[2] = {start(wait_for_event, &event), start(wait_for_event, &event)};
    settle();
    yibu_event_statistics(&event, &stats);
    assert_false(stats.set);
    assert_int_equal(stats.waiting, 2);
    assert_string_equal(wait_of(tasks[0]), "event");
    yibu_event_set(&event);
    yibu_event_statistics(&event, &stats);
    assert_true(stats.set);
    assert_int_equal(stats.waiting, 0);
    await_result(tasks[0], 0);
    await_result(tasks[1], 0);
    return 0;
}

static void set_event(void *event)
{
    yibu_event_set(event);
}

LOOP_TEST(a_callback_may_set_an_event)
{
    yibu_event event = YIBU_EVENT_INIT;
    assert_int_equal(yibu_call_soon(yibu_get_running_loop(), set_event, &event, NULL), 0);
    assert_int_equal(yibu_event_wait(&event), 0);
    return 0;
}

static yibu_event file_scope = YIBU_EVENT_INIT;

static intptr_t set_file_scope(void *arg)
{
    (void)arg;
    yibu_event_set(&file_scope);
    return 0;
}

LOOP_TEST(an_event_at_file_scope_serves_one_loop_after_another)
{
    yibu_event_clear(&file_scope);
    assert_int_equal(yibu_spawn(set_file_scope, NULL), 0);
    return yibu_event_wait(&file_scope);
}

static void only_tasks_wait(void **state)
{
    (void)state;
    yibu_event event = YIBU_EVENT_INIT;
    assert_int_equal(yibu_event_wait(&event), YIBU_ENOTASK);
    yibu_event_set(&event);
    assert_int_equal(yibu_event_wait(&event), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_event_is_not_waited_for),
        cmocka_unit_test(setting_wakes_every_waiter_in_the_order_they_came),
        cmocka_unit_test(thousands_of_waiters_on_events_of_their_own_run_in_the_order_of_setting),
        cmocka_unit_test(a_woken_waiter_has_succeeded_although_the_event_was_cleared_again),
        cmocka_unit_test(a_cancelled_waiter_leaves_and_the_others_stay),
        cmocka_unit_test(a_waiter_cancelled_after_it_was_woken_has_succeeded),
        cmocka_unit_test(a_cancelled_task_does_not_pass_a_set_event),
        cmocka_unit_test(a_time_limit_ends_the_wait),
        cmocka_unit_test(tasks_that_wait_after_clear_block_until_the_event_is_set_again),
        cmocka_unit_test(a_cancel_does_not_end_a_wait_in_a_shield),
        cmocka_unit_test(statistics_count_those_who_wait),
        cmocka_unit_test(a_callback_may_set_an_event),
        cmocka_unit_test(an_event_at_file_scope_serves_one_loop_after_another),
        cmocka_unit_test(only_tasks_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
