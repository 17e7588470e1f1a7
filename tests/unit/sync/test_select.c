/* Select: exactly one case happens. */
#include "queue_callers.h"

#include "task/task.h"

/* A task that selects among a few cases. */
typedef struct selector {
    yibu_case cases[4];
    size_t count;
    yibu_task *task;
} selector;

static intptr_t call_select(void *arg)
{
    selector *s = arg;
    return yibu_select(s->cases, s->count);
}

static void start_select(selector *s, size_t count)
{
    s->count = count;
    s->task = yibu_create_task(call_select, s, NULL);
    let_run();
}

static void assert_selects(selector *s, intptr_t expected)
{
    assert_int_equal(yibu_await(s->task), expected);
    yibu_task_unref(s->task);
}

static void assert_still_selects(const selector *s)
{
    assert_false(yibu_task_done(s->task));
}

static intptr_t answer(void *arg)
{
    return (intptr_t)arg;
}

static intptr_t wait_for_event(void *event)
{
    return yibu_event_wait(event);
}

/* What can happen at once. */

LOOP_TEST(a_case_that_can_happen_does_at_once)
{
    yibu_queue full = YIBU_QUEUE_INIT(0), empty = YIBU_QUEUE_INIT(0);
    void *item = NO_ITEM, *other = NO_ITEM;
    put_items(&full, 7, 8);
    yibu_case cases[] = {YIBU_CASE_GET(&empty, &other), YIBU_CASE_GET(&full, &item)};
    assert_int_equal(yibu_select(cases, 2), 1);
    assert_int_equal(cases[1].result, 0);
    assert_ptr_equal(item, ITEM(7));
    assert_ptr_equal(other, NO_ITEM);
    assert_int_equal(yibu_queue_qsize(&full), 1);
    yibu_queue_destroy(&full);
    return 0;
}

LOOP_TEST(of_several_cases_that_can_happen_the_first_one_does)
{
    yibu_queue queue = YIBU_QUEUE_INIT(2);
    yibu_event event = YIBU_EVENT_INIT;
    yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(1);
    void *item = NO_ITEM;
    put_items(&queue, 1, 1);
    yibu_event_set(&event);
    yibu_case cases[] = {YIBU_CASE_NEVER,
                         YIBU_CASE_ACQUIRE(&semaphore),
                         YIBU_CASE_EVENT(&event),
                         YIBU_CASE_GET(&queue, &item),
                         YIBU_CASE_PUT(&queue, ITEM(2)),
                         YIBU_CASE_AFTER(0)};
    assert_int_equal(yibu_select(cases, 6), 1);
    assert_int_equal(semaphore.value, 0);
    assert_int_equal(yibu_select(cases, 6), 2);
    yibu_event_clear(&event);
    assert_int_equal(yibu_select(cases, 6), 3);
    assert_ptr_equal(item, ITEM(1));
    assert_int_equal(yibu_select(cases, 6), 4);
    assert_int_equal(yibu_queue_qsize(&queue), 1);
    assert_int_equal(yibu_select(&cases[4], 2), 0);
    assert_int_equal(yibu_select(&cases[4], 2), 1);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(the_result_of_each_kind_is_that_of_its_call)
{
    yibu_queue shut = YIBU_QUEUE_INIT(0);
    yibu_task *task = yibu_create_task(answer, (void *)42, NULL);
    void *item = NO_ITEM;
    yibu_queue_shutdown(&shut, false);
    yibu_case cases[] = {YIBU_CASE_GET(&shut, &item), YIBU_CASE_PUT(&shut, ITEM(1)),
                         YIBU_CASE_AWAIT(task), YIBU_CASE_AWAIT(NULL),
                         YIBU_CASE_AWAIT(yibu_current_task())};
    assert_int_equal(yibu_select(&cases[0], 1), 0);
    assert_int_equal(cases[0].result, YIBU_ESHUTDOWN);
    assert_ptr_equal(item, NO_ITEM);
    assert_int_equal(yibu_select(&cases[1], 1), 0);
    assert_int_equal(cases[1].result, YIBU_ESHUTDOWN);
    assert_int_equal(yibu_select(&cases[2], 1), 0);
    assert_int_equal(cases[2].result, 42);
    assert_int_equal(yibu_select(&cases[2], 1), 0);
    assert_int_equal(cases[2].result, 42);
    assert_int_equal(yibu_select(&cases[3], 1), 0);
    assert_int_equal(cases[3].result, -ENOMEM);
    assert_int_equal(yibu_select(&cases[4], 1), 0);
    assert_int_equal(cases[4].result, -EDEADLK);
    yibu_task_unref(task);
    yibu_queue_destroy(&shut);
    return 0;
}

/* What is waited for. */

LOOP_TEST(get_waits_for_an_item_and_a_shutdown_ends_it)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *item = NO_ITEM;
    selector s = {.cases = {YIBU_CASE_GET(&queue, &item)}};
    start_select(&s, 1);
    assert_still_selects(&s);
    put_items(&queue, 3, 3);
    assert_true(yibu_queue_empty(&queue));
    assert_selects(&s, 0);
    assert_ptr_equal(item, ITEM(3));
    start_select(&s, 1);
    yibu_queue_shutdown(&queue, false);
    assert_selects(&s, 0);
    assert_int_equal(s.cases[0].result, YIBU_ESHUTDOWN);
    assert_ptr_equal(item, ITEM(3));
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(put_waits_for_room_and_a_shutdown_ends_it)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    selector s = {.cases = {YIBU_CASE_PUT(&queue, ITEM(2))}};
    put_items(&queue, 1, 1);
    start_select(&s, 1);
    assert_still_selects(&s);
    assert_next(&queue, 1);
    assert_int_equal(yibu_queue_qsize(&queue), 1);
    assert_selects(&s, 0);
    start_select(&s, 1);
    yibu_queue_shutdown(&queue, false);
    assert_selects(&s, 0);
    assert_int_equal(s.cases[0].result, YIBU_ESHUTDOWN);
    assert_next(&queue, 2);
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(await_waits_for_a_task_and_has_its_result_also_a_failure)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task *task = yibu_create_task(wait_for_event, &event, NULL);
    selector s = {.cases = {YIBU_CASE_AWAIT(task)}};
    start_select(&s, 1);
    assert_still_selects(&s);
    yibu_event_set(&event);
    assert_selects(&s, 0);
    assert_int_equal(s.cases[0].result, 0);
    yibu_task_unref(task);

    yibu_event_clear(&event);
    task = yibu_create_task(wait_for_event, &event, NULL);
    s.cases[0] = YIBU_CASE_AWAIT(task);
    start_select(&s, 1);
    yibu_task_cancel(task);
    assert_selects(&s, 0);
    assert_int_equal(s.cases[0].result, -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_failure_of_a_future_is_a_result_also_eagain)
{
    yibu_future *future = yibu_create_future(NULL);
    selector s = {.cases = {YIBU_CASE_AWAIT(future)}};
    start_select(&s, 1);
    assert_still_selects(&s);
    assert_int_equal(yibu_future_set_exception(future, -EAGAIN), 0);
    assert_selects(&s, 0);
    assert_int_equal(s.cases[0].result, -EAGAIN);
    s.cases[0].result = 0;
    start_select(&s, 1);
    assert_selects(&s, 0);
    assert_int_equal(s.cases[0].result, -EAGAIN);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(an_event_that_was_set_has_happened_although_it_was_cleared_again)
{
    yibu_event event = YIBU_EVENT_INIT;
    selector s = {.cases = {YIBU_CASE_EVENT(&event)}};
    start_select(&s, 1);
    assert_still_selects(&s);
    yibu_event_set(&event);
    yibu_event_clear(&event);
    assert_selects(&s, 0);
    return 0;
}

LOOP_TEST(a_lock_or_permit_that_was_acquired_is_the_callers_to_release)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(0);
    yibu_lock_stats stats;
    selector s = {.cases = {YIBU_CASE_ACQUIRE(&lock), YIBU_CASE_ACQUIRE(&semaphore)}};
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    start_select(&s, 2);
    assert_still_selects(&s);
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_true(yibu_lock_locked(&lock));
    yibu_lock_statistics(&lock, &stats);
    assert_ptr_equal(stats.owner, s.task);
    assert_selects(&s, 0);
    start_select(&s, 2);
    yibu_semaphore_release(&semaphore);
    assert_selects(&s, 1);
    assert_int_equal(semaphore.value, 0);
    assert_int_equal(yibu_lock_release(&lock), 0);
    assert_false(yibu_lock_locked(&lock));
    return 0;
}

LOOP_TEST(the_earliest_moment_happens_and_of_equal_ones_the_first)
{
    int64_t now = yibu_loop_time(yibu_get_running_loop());
    yibu_case cases[] = {YIBU_CASE_AFTER(YIBU_SECONDS(60)), YIBU_CASE_AFTER(YIBU_MS(2)),
                         YIBU_CASE_AFTER(YIBU_FOREVER), YIBU_CASE_AT(now + YIBU_SECONDS(30))};
    assert_int_equal(yibu_select(cases, 4), 1);
    int64_t then = yibu_loop_time(yibu_get_running_loop());
    assert_true(then - now >= YIBU_MS(2) && then - now < YIBU_SECONDS(30));

    yibu_case equal[] = {YIBU_CASE_AT(then + YIBU_SECONDS(60)), YIBU_CASE_AT(then + YIBU_MS(1)),
                         YIBU_CASE_AT(then + YIBU_MS(1))};
    assert_int_equal(yibu_select(equal, 3), 1);
    equal[1] = YIBU_CASE_AFTER(-1);
    assert_int_equal(yibu_select(equal, 3), 1);
    equal[1] = YIBU_CASE_AT(now);
    assert_int_equal(yibu_select(equal, 3), 1);
    return 0;
}

LOOP_TEST(a_moment_that_lost_leaves_no_timer_behind)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *item = NO_ITEM;
    selector s = {.cases = {YIBU_CASE_AFTER(YIBU_MS(1)), YIBU_CASE_GET(&queue, &item)}};
    start_select(&s, 2);
    put_items(&queue, 1, 1);
    assert_selects(&s, 1);
    assert_int_equal(yibu_sleep(YIBU_MS(3)), 0);
    start_select(&s, 2);
    yibu_task_cancel(s.task);
    assert_selects(&s, -ECANCELED);
    assert_int_equal(yibu_sleep(YIBU_MS(3)), 0);
    return 0;
}

/* Exactly one. */

/* A bug of kanal, channels for Rust: the items of cases that did not happen were lost. */
LOOP_TEST(two_items_put_before_the_selecting_task_runs_are_not_both_taken)
{
    yibu_queue first = YIBU_QUEUE_INIT(0), second = YIBU_QUEUE_INIT(0);
    void *items[] = {NO_ITEM, NO_ITEM};
    selector s = {.cases = {YIBU_CASE_GET(&first, &items[0]), YIBU_CASE_GET(&second, &items[1])}};
    start_select(&s, 2);
    put_items(&second, 2, 2);
    put_items(&first, 1, 1);
    assert_selects(&s, 1);
    assert_ptr_equal(items[0], NO_ITEM);
    assert_ptr_equal(items[1], ITEM(2));
    assert_next(&first, 1);
    assert_no_item(&second, -EAGAIN);
    yibu_queue_destroy(&first);
    yibu_queue_destroy(&second);
    return 0;
}

LOOP_TEST(the_other_cases_leave_their_lines_the_moment_one_has_happened)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    yibu_event event = YIBU_EVENT_INIT;
    yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(0);
    caller putter;
    yibu_queue_stats stats;
    put_items(&queue, 1, 1);
    selector s = {.cases = {YIBU_CASE_PUT(&queue, ITEM(2)), YIBU_CASE_EVENT(&event),
                            YIBU_CASE_ACQUIRE(&semaphore)}};
    start_select(&s, 3);
    start_put(&putter, &queue, 3);
    yibu_event_set(&event);
    yibu_queue_statistics(&queue, &stats);
    assert_int_equal(stats.putters, 1);
    yibu_semaphore_release(&semaphore);
    assert_int_equal(semaphore.value, 1);
    assert_next(&queue, 1);
    assert_selects(&s, 1);
    assert_returns(&putter, 0);
    assert_next(&queue, 3);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(the_same_queue_twice_gives_one_item_to_the_first_case)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *items[] = {NO_ITEM, NO_ITEM};
    selector s = {.cases = {YIBU_CASE_GET(&queue, &items[0]), YIBU_CASE_GET(&queue, &items[1])}};
    start_select(&s, 2);
    put_items(&queue, 1, 2);
    assert_selects(&s, 0);
    assert_ptr_equal(items[0], ITEM(1));
    assert_ptr_equal(items[1], NO_ITEM);
    assert_next(&queue, 2);
    start_select(&s, 2);
    yibu_queue_shutdown(&queue, true);
    assert_selects(&s, 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(the_same_queue_twice_takes_one_item_in_from_the_first_case)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    put_items(&queue, 1, 1);
    selector s = {.cases = {YIBU_CASE_PUT(&queue, ITEM(2)), YIBU_CASE_PUT(&queue, ITEM(3))}};
    start_select(&s, 2);
    assert_next(&queue, 1);
    assert_selects(&s, 0);
    assert_next(&queue, 2);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(the_same_event_twice_happens_once)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task *waiter = yibu_create_task(wait_for_event, &event, NULL);
    selector s = {.cases = {YIBU_CASE_EVENT(&event), YIBU_CASE_EVENT(&event)}};
    start_select(&s, 2);
    yibu_event_set(&event);
    assert_selects(&s, 0);
    assert_int_equal(yibu_await(waiter), 0);
    yibu_task_unref(waiter);
    return 0;
}

LOOP_TEST(two_selects_that_wait_for_each_other_exchange_one_item)
{
    yibu_queue there = YIBU_QUEUE_INIT(1), back = YIBU_QUEUE_INIT(1);
    void *items[] = {NO_ITEM, NO_ITEM};
    put_items(&there, 1, 1);
    put_items(&back, 2, 2);
    selector a = {.cases = {YIBU_CASE_PUT(&there, ITEM(3)), YIBU_CASE_PUT(&back, ITEM(4))}};
    start_select(&a, 2);
    selector b = {.cases = {YIBU_CASE_GET(&there, &items[0]), YIBU_CASE_GET(&back, &items[1])}};
    start_select(&b, 2);
    assert_selects(&a, 0);
    assert_selects(&b, 0);
    assert_ptr_equal(items[0], ITEM(1));
    assert_ptr_equal(items[1], NO_ITEM);
    assert_next(&there, 3);
    assert_next(&back, 2);
    assert_no_item(&there, -EAGAIN);
    assert_no_item(&back, -EAGAIN);
    yibu_queue_destroy(&there);
    yibu_queue_destroy(&back);
    return 0;
}

LOOP_TEST(a_select_may_wait_for_tasks_that_select)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *items[2] = {NO_ITEM, NO_ITEM};
    selector inner[2] = {{.cases = {YIBU_CASE_GET(&queue, &items[0])}},
                         {.cases = {YIBU_CASE_GET(&queue, &items[1])}}};
    start_select(&inner[0], 1);
    start_select(&inner[1], 1);
    selector outer = {.cases = {YIBU_CASE_AWAIT(inner[1].task), YIBU_CASE_AWAIT(inner[0].task)}};
    start_select(&outer, 2);
    put_items(&queue, 1, 1);
    assert_selects(&outer, 1);
    assert_still_selects(&inner[1]);
    put_items(&queue, 2, 2);
    assert_selects(&inner[1], 0);
    assert_selects(&inner[0], 0);
    assert_ptr_equal(items[0], ITEM(1));
    assert_ptr_equal(items[1], ITEM(2));
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_select_stands_in_line_with_all_others)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *item = NO_ITEM;
    caller before, after;
    selector s = {.cases = {YIBU_CASE_GET(&queue, &item)}};
    start_get(&before, &queue);
    start_select(&s, 1);
    start_get(&after, &queue);
    put_items(&queue, 1, 3);
    assert_gets(&before, 1);
    assert_selects(&s, 0);
    assert_ptr_equal(item, ITEM(2));
    assert_gets(&after, 3);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_future_that_lost_is_not_cancelled)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task *task = yibu_create_task(wait_for_event, &event, NULL);
    selector s = {.cases = {YIBU_CASE_AWAIT(task), YIBU_CASE_AFTER(YIBU_MS(1))}};
    start_select(&s, 2);
    assert_selects(&s, 1);
    start_select(&s, 2);
    yibu_task_cancel(s.task);
    assert_selects(&s, -ECANCELED);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_task_cancelling(task), 0);
    yibu_event_set(&event);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(only_the_result_of_the_case_that_happened_is_written)
{
    yibu_event events[2] = {YIBU_EVENT_INIT, YIBU_EVENT_INIT};
    yibu_case cases[] = {YIBU_CASE_EVENT(&events[0]), YIBU_CASE_EVENT(&events[1])};
    cases[0].result = cases[1].result = 77;
    yibu_event_set(&events[1]);
    assert_int_equal(yibu_select(cases, 2), 1);
    assert_int_equal(cases[0].result, 77);
    assert_int_equal(cases[1].result, 0);
    return 0;
}

enum { MANY = 100 };

LOOP_TEST(a_hundred_cases_are_as_good_as_two)
{
    static yibu_queue queues[MANY];
    yibu_case cases[MANY];
    void *items[MANY];
    for (int i = 0; i < MANY; i++) {
        queues[i] = (yibu_queue)YIBU_QUEUE_INIT(0);
        items[i] = NO_ITEM;
        cases[i] = YIBU_CASE_GET(&queues[i], &items[i]);
    }
    for (int i = 0; i < MANY; i += 33) {
        caller putter;
        start_call(&putter, call_put, &queues[i], ITEM(i));
        assert_int_equal(yibu_select(cases, MANY), i);
        assert_ptr_equal(items[i], ITEM(i));
        assert_returns(&putter, 0);
    }
    for (int i = 0; i < MANY; i++)
        yibu_queue_destroy(&queues[i]);
    return 0;
}

/* Default, and no cases. */

LOOP_TEST(default_happens_where_no_other_case_can_wherever_it_stands)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *item = NO_ITEM;
    yibu_case cases[] = {YIBU_CASE_DEFAULT, YIBU_CASE_GET(&queue, &item),
                         YIBU_CASE_AFTER(YIBU_MS(1)), YIBU_CASE_DEFAULT};
    assert_int_equal(yibu_select(cases, 4), 0);
    assert_int_equal(yibu_select(&cases[1], 3), 2);
    put_items(&queue, 1, 1);
    assert_int_equal(yibu_select(cases, 4), 1);
    assert_ptr_equal(item, ITEM(1));
    yibu_queue_destroy(&queue);
    return 0;
}

static intptr_t set_true(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

static intptr_t select_default_while_cancelled(void *arg)
{
    yibu_case fallback = YIBU_CASE_DEFAULT;
    bool *others_ran = arg;
    *others_ran = false;
    ssize_t r = yibu_select(&fallback, 1);
    return *others_ran ? -EAGAIN : r;
}

LOOP_TEST(a_select_with_a_default_neither_suspends_nor_notices_a_cancel)
{
    bool others_ran = false;
    yibu_task *task = yibu_create_task(select_default_while_cancelled, &others_ran, NULL);
    assert_int_equal(yibu_spawn(set_true, &others_ran), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    return 0;
}

static void select_in_a_callback(void *queue)
{
    yibu_case cases[] = {YIBU_CASE_PUT(queue, ITEM(5)), YIBU_CASE_DEFAULT};
    assert_int_equal(yibu_select(cases, 1), YIBU_ENOTASK);
    assert_int_equal(yibu_select(cases, 2), 0);
    assert_int_equal(yibu_select(cases, 2), 1);
}

LOOP_TEST(a_callback_may_select_with_a_default)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    assert_int_equal(yibu_call_soon(yibu_get_running_loop(), select_in_a_callback, &queue, NULL),
                     0);
    let_run();
    assert_next(&queue, 5);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(without_cases_it_sleeps_until_it_is_cancelled)
{
    selector none = {.count = 0}, never = {.cases = {YIBU_CASE_NEVER, {0}}};
    yibu_timeout limit;
    start_select(&none, 0);
    start_select(&never, 2);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_still_selects(&none);
    assert_still_selects(&never);
    yibu_task_cancel(none.task);
    yibu_task_cancel(never.task);
    assert_selects(&none, -ECANCELED);
    assert_selects(&never, -ECANCELED);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_select(NULL, 0)), -ETIMEDOUT);
    return 0;
}

/* Cancels. */

LOOP_TEST(a_cancelled_select_takes_nothing)
{
    yibu_queue from = YIBU_QUEUE_INIT(0), to = YIBU_QUEUE_INIT(1);
    yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(0);
    void *item = NO_ITEM;
    put_items(&to, 1, 1);
    selector s = {.cases = {YIBU_CASE_GET(&from, &item), YIBU_CASE_PUT(&to, ITEM(2)),
                            YIBU_CASE_ACQUIRE(&semaphore)}};
    start_select(&s, 3);
    yibu_task_cancel(s.task);
    put_items(&from, 3, 3);
    yibu_semaphore_release(&semaphore);
    assert_next(&to, 1);
    assert_selects(&s, -ECANCELED);
    assert_ptr_equal(item, NO_ITEM);
    assert_next(&from, 3);
    assert_no_item(&to, -EAGAIN);
    assert_int_equal(semaphore.value, 1);
    yibu_queue_destroy(&from);
    yibu_queue_destroy(&to);
    return 0;
}

/* A bug of zio, a runtime for Zig: the item was neither in the channel nor returned. */
LOOP_TEST(a_select_cancelled_after_a_case_has_happened_reports_the_case)
{
    yibu_queue from = YIBU_QUEUE_INIT(0), to = YIBU_QUEUE_INIT(1);
    yibu_lock lock = YIBU_LOCK_INIT;
    void *item = NO_ITEM;
    put_items(&to, 1, 1);
    assert_int_equal(yibu_lock_acquire(&lock), 0);
    selector s = {.cases = {YIBU_CASE_GET(&from, &item), YIBU_CASE_PUT(&to, ITEM(2)),
                            YIBU_CASE_ACQUIRE(&lock)}};
    start_select(&s, 3);
    put_items(&from, 3, 3);
    yibu_task_cancel(s.task);
    assert_selects(&s, 0);
    assert_ptr_equal(item, ITEM(3));

    start_select(&s, 3);
    assert_next(&to, 1);
    yibu_task_cancel(s.task);
    assert_selects(&s, 1);
    assert_next(&to, 2);

    put_items(&to, 4, 4);
    start_select(&s, 3);
    assert_int_equal(yibu_lock_release(&lock), 0);
    yibu_task_cancel(s.task);
    assert_selects(&s, 2);
    assert_true(yibu_lock_locked(&lock));
    assert_int_equal(yibu_lock_release(&lock), 0);
    yibu_queue_destroy(&from);
    yibu_queue_destroy(&to);
    return 0;
}

LOOP_TEST(a_cancelled_task_selects_nothing_that_could_happen)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *item = NO_ITEM;
    put_items(&queue, 1, 1);
    selector s = {.cases = {YIBU_CASE_GET(&queue, &item)}, .count = 1};
    s.task = yibu_create_task(call_select, &s, NULL);
    yibu_task_cancel(s.task);
    assert_selects(&s, -ECANCELED);
    assert_next(&queue, 1);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Bad values. */

LOOP_TEST(what_is_no_case_is_einval_and_nothing_happens)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    yibu_case cases[2] = {YIBU_CASE_PUT(&queue, ITEM(1))};
    cases[1].kind = (yibu_case_kind)99;
    assert_int_equal(yibu_select(cases, 2), -EINVAL);
    cases[1] = YIBU_CASE_PUT(NULL, ITEM(1));
    assert_int_equal(yibu_select(cases, 2), -EINVAL);
    cases[1] = YIBU_CASE_GET(&queue, NULL);
    assert_int_equal(yibu_select(cases, 2), -EINVAL);
    cases[1] = YIBU_CASE_EVENT(NULL);
    assert_int_equal(yibu_select(cases, 2), -EINVAL);
    assert_int_equal(yibu_select(NULL, 1), -EINVAL);
    assert_true(yibu_queue_empty(&queue));
    return 0;
}

static void outside_a_loop_it_returns_enotask(void **state)
{
    (void)state;
    yibu_case cases[] = {YIBU_CASE_AT(0), YIBU_CASE_DEFAULT};
    assert_int_equal(yibu_select(cases, 1), YIBU_ENOTASK);
    assert_int_equal(yibu_select(cases, 2), YIBU_ENOTASK);
    assert_int_equal(yibu_select(NULL, 0), YIBU_ENOTASK);
}

static void assert_described(yibu_task *task, size_t size, const char *expected)
{
    char text[80] = "";
    const yb_task *waiting = yb_task_of(task);
    waiting->waits_for->describe(waiting, text, size);
    assert_string_equal(text, expected);
}

LOOP_TEST(a_report_can_say_what_is_selected_from_and_what_a_queue_is_asked_for)
{
    yibu_queue queue = YIBU_QUEUE_INIT(3), full = YIBU_QUEUE_INIT(1);
    yibu_event event = YIBU_EVENT_INIT;
    void *item = NO_ITEM;
    caller getter, putter, joiner;
    selector s = {.cases = {YIBU_CASE_GET(&queue, &item), YIBU_CASE_NEVER, YIBU_CASE_EVENT(&event),
                            YIBU_CASE_AFTER(YIBU_SECONDS(60))}};
    put_items(&full, 1, 1);
    start_select(&s, 4);
    start_get(&getter, &queue);
    start_put(&putter, &full, 2);
    start_join(&joiner, &full);
    assert_described(s.task, 80, "one of 4: queue get, event, a moment");
    assert_described(s.task, 15, "one of 4: queu");
    assert_described(s.task, 6, "one o");
    assert_described(getter.task, 80, "an item of a queue");
    assert_described(putter.task, 80, "room in a queue of 1");
    assert_described(joiner.task, 80, "a queue's unfinished tasks: 1");
    yibu_queue_shutdown(&queue, false);
    yibu_queue_shutdown(&full, true);
    assert_selects(&s, 0);
    assert_returns(&getter, YIBU_ESHUTDOWN);
    assert_returns(&putter, YIBU_ESHUTDOWN);
    assert_returns(&joiner, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_that_can_happen_does_at_once),
        cmocka_unit_test(of_several_cases_that_can_happen_the_first_one_does),
        cmocka_unit_test(the_result_of_each_kind_is_that_of_its_call),
        cmocka_unit_test(get_waits_for_an_item_and_a_shutdown_ends_it),
        cmocka_unit_test(put_waits_for_room_and_a_shutdown_ends_it),
        cmocka_unit_test(await_waits_for_a_task_and_has_its_result_also_a_failure),
        cmocka_unit_test(a_failure_of_a_future_is_a_result_also_eagain),
        cmocka_unit_test(an_event_that_was_set_has_happened_although_it_was_cleared_again),
        cmocka_unit_test(a_lock_or_permit_that_was_acquired_is_the_callers_to_release),
        cmocka_unit_test(the_earliest_moment_happens_and_of_equal_ones_the_first),
        cmocka_unit_test(a_moment_that_lost_leaves_no_timer_behind),
        cmocka_unit_test(two_items_put_before_the_selecting_task_runs_are_not_both_taken),
        cmocka_unit_test(the_other_cases_leave_their_lines_the_moment_one_has_happened),
        cmocka_unit_test(the_same_queue_twice_gives_one_item_to_the_first_case),
        cmocka_unit_test(the_same_queue_twice_takes_one_item_in_from_the_first_case),
        cmocka_unit_test(the_same_event_twice_happens_once),
        cmocka_unit_test(two_selects_that_wait_for_each_other_exchange_one_item),
        cmocka_unit_test(a_select_may_wait_for_tasks_that_select),
        cmocka_unit_test(a_select_stands_in_line_with_all_others),
        cmocka_unit_test(a_future_that_lost_is_not_cancelled),
        cmocka_unit_test(only_the_result_of_the_case_that_happened_is_written),
        cmocka_unit_test(a_hundred_cases_are_as_good_as_two),
        cmocka_unit_test(default_happens_where_no_other_case_can_wherever_it_stands),
        cmocka_unit_test(a_select_with_a_default_neither_suspends_nor_notices_a_cancel),
        cmocka_unit_test(a_callback_may_select_with_a_default),
        cmocka_unit_test(without_cases_it_sleeps_until_it_is_cancelled),
        cmocka_unit_test(a_cancelled_select_takes_nothing),
        cmocka_unit_test(a_select_cancelled_after_a_case_has_happened_reports_the_case),
        cmocka_unit_test(a_cancelled_task_selects_nothing_that_could_happen),
        cmocka_unit_test(what_is_no_case_is_einval_and_nothing_happens),
        cmocka_unit_test(outside_a_loop_it_returns_enotask),
        cmocka_unit_test(a_report_can_say_what_is_selected_from_and_what_a_queue_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
