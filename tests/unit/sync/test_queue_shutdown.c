/* The end of a queue: shutdown, drained or immediate, and destroying it. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue_callers.h"

/* What asyncio's documentation says. */

LOOP_TEST(after_a_shutdown_put_returns_eshutdown)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 1);
    yibu_queue_shutdown(&queue, false);
    assert_int_equal(yibu_queue_put(&queue, ITEM(2)), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(2)), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_queue_qsize(&queue), 1);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_shutdown_releases_putters_that_wait_with_eshutdown)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller putters[2];
    put_items(&queue, 1, 1);
    start_put(&putters[0], &queue, 2);
    start_put(&putters[1], &queue, 3);
    yibu_queue_shutdown(&queue, false);
    assert_returns(&putters[0], YIBU_ESHUTDOWN);
    assert_returns(&putters[1], YIBU_ESHUTDOWN);
    assert_next(&queue, 1);
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_queue_that_is_shut_down_can_be_wound_down_with_get)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 500);
    yibu_queue_shutdown(&queue, false);
    for (int i = 1; i <= 500; i++) {
        assert_next(&queue, i);
        assert_int_equal(yibu_queue_try_put(&queue, ITEM(i)), YIBU_ESHUTDOWN);
    }
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(once_a_queue_that_is_shut_down_is_empty_get_returns_eshutdown)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    void *item = NO_ITEM;
    put_items(&queue, 1, 1);
    yibu_queue_shutdown(&queue, false);
    assert_next(&queue, 1);
    assert_int_equal(yibu_queue_get(&queue, &item), YIBU_ESHUTDOWN);
    assert_ptr_equal(item, NO_ITEM);
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_shutdown_releases_getters_that_wait_with_eshutdown)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller getters[4];
    for (int immediate = 0; immediate < 2; immediate++) {
        start_get(&getters[0], &queue);
        start_get(&getters[1], &queue);
        yibu_queue_shutdown(&queue, immediate);
        assert_returns(&getters[0], YIBU_ESHUTDOWN);
        assert_returns(&getters[1], YIBU_ESHUTDOWN);
        yibu_queue_destroy(&queue);
    }
    return 0;
}

LOOP_TEST(after_a_shutdown_task_done_for_each_remaining_item_releases_join_normally)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller joiner;
    put_items(&queue, 1, 2);
    start_join(&joiner, &queue);
    yibu_queue_shutdown(&queue, false);
    for (int i = 1; i <= 2; i++) {
        let_run();
        assert_waits(&joiner);
        assert_next(&queue, i);
        assert_int_equal(yibu_queue_task_done(&queue), 0);
    }
    assert_returns(&joiner, 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(an_immediate_shutdown_drains_the_queue)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 100);
    yibu_queue_shutdown(&queue, true);
    assert_true(yibu_queue_empty(&queue));
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    assert_int_equal(yibu_queue_put(&queue, ITEM(1)), YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(an_immediate_shutdown_counts_the_drained_items_as_done_and_releases_join)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller joiner;
    put_items(&queue, 1, 3);
    start_join(&joiner, &queue);
    yibu_queue_shutdown(&queue, true);
    assert_returns(&joiner, 0);
    assert_int_equal(yibu_queue_task_done(&queue), -EINVAL);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(join_goes_on_for_items_that_were_got_before_an_immediate_shutdown)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller joiner;
    put_items(&queue, 1, 3);
    assert_next(&queue, 1);
    start_join(&joiner, &queue);
    yibu_queue_shutdown(&queue, true);
    let_run();
    assert_waits(&joiner);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    assert_returns(&joiner, 0);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Where asyncio leaves things open. */

LOOP_TEST(a_shutdown_may_be_repeated_and_made_immediate)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 2);
    yibu_queue_shutdown(&queue, false);
    yibu_queue_shutdown(&queue, false);
    assert_next(&queue, 1);
    yibu_queue_shutdown(&queue, true);
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    yibu_queue_shutdown(&queue, false);
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_getter_that_was_handed_an_item_before_the_shutdown_gets_it)
{
    for (int immediate = 0; immediate < 2; immediate++) {
        yibu_queue queue = YIBU_QUEUE_INIT(0);
        caller getter;
        start_get(&getter, &queue);
        put_items(&queue, 1, 1);
        yibu_queue_shutdown(&queue, immediate);
        assert_gets(&getter, 1);
        yibu_queue_destroy(&queue);
    }
    return 0;
}

LOOP_TEST(a_putter_whose_item_was_taken_in_before_the_shutdown_has_succeeded)
{
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller putter;
    put_items(&queue, 1, 1);
    start_put(&putter, &queue, 2);
    assert_next(&queue, 1);
    yibu_queue_shutdown(&queue, false);
    assert_returns(&putter, 0);
    assert_next(&queue, 2);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_getter_cancelled_after_a_shutdown_released_it_reports_the_shutdown)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller getter;
    start_get(&getter, &queue);
    yibu_queue_shutdown(&queue, false);
    yibu_task_cancel(getter.task);
    assert_returns(&getter, YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(items_done_before_they_were_got_are_not_counted_twice)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 2);
    assert_int_equal(yibu_queue_task_done(&queue), 0);
    yibu_queue_shutdown(&queue, true);
    assert_int_equal(yibu_queue_join(&queue), 0);
    assert_int_equal(yibu_queue_task_done(&queue), -EINVAL);
    yibu_queue_destroy(&queue);
    return 0;
}

/* Consumers that stop at the end of a queue, and the whole of its items. */

enum { ITEMS = 1000, CONSUMERS = 7 };

typedef struct consumer {
    yibu_queue *queue;
    char *seen;
} consumer;

static intptr_t consume(void *arg)
{
    consumer *c = arg;
    for (void *item;;) {
        int r = yibu_queue_get(c->queue, &item);
        if (r < 0)
            return r;
        c->seen[(intptr_t)item]++;
        (void)yibu_yield();
    }
}

LOOP_TEST(a_shutdown_loses_no_item_of_many_consumers)
{
    yibu_queue queue = YIBU_QUEUE_INIT(16);
    char seen[ITEMS] = {0};
    consumer all = {&queue, seen};
    yibu_task *tasks[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        tasks[i] = yibu_create_task(consume, &all, NULL);
    put_items(&queue, 0, ITEMS - 1);
    yibu_queue_shutdown(&queue, false);
    for (int i = 0; i < CONSUMERS; i++) {
        assert_int_equal(yibu_await(tasks[i]), YIBU_ESHUTDOWN);
        yibu_task_unref(tasks[i]);
    }
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(seen[i], 1);
    yibu_queue_destroy(&queue);
    return 0;
}

/* A broken lifetime, in a child that must not survive it. */

static intptr_t destroy_with_waiters(void *arg)
{
    (void)arg;
    yibu_queue queue = YIBU_QUEUE_INIT(1);
    caller getters[2];
    start_get(&getters[0], &queue);
    start_get(&getters[1], &queue);
    yibu_queue_destroy(&queue);
    return 0;
}

static void destroying_a_queue_that_tasks_wait_for_aborts_with_a_reason(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        _exit((int)yibu_run(destroy_with_waiters, NULL, NULL));
    }
    close(ends[1]);
    char text[512] = "";
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "queue was destroyed while tasks wait for it: 2 to get"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_shutdown_put_returns_eshutdown),
        cmocka_unit_test(a_shutdown_releases_putters_that_wait_with_eshutdown),
        cmocka_unit_test(a_queue_that_is_shut_down_can_be_wound_down_with_get),
        cmocka_unit_test(once_a_queue_that_is_shut_down_is_empty_get_returns_eshutdown),
        cmocka_unit_test(a_shutdown_releases_getters_that_wait_with_eshutdown),
        cmocka_unit_test(after_a_shutdown_task_done_for_each_remaining_item_releases_join_normally),
        cmocka_unit_test(an_immediate_shutdown_drains_the_queue),
        cmocka_unit_test(an_immediate_shutdown_counts_the_drained_items_as_done_and_releases_join),
        cmocka_unit_test(join_goes_on_for_items_that_were_got_before_an_immediate_shutdown),
        cmocka_unit_test(a_shutdown_may_be_repeated_and_made_immediate),
        cmocka_unit_test(a_getter_that_was_handed_an_item_before_the_shutdown_gets_it),
        cmocka_unit_test(a_putter_whose_item_was_taken_in_before_the_shutdown_has_succeeded),
        cmocka_unit_test(a_getter_cancelled_after_a_shutdown_released_it_reports_the_shutdown),
        cmocka_unit_test(items_done_before_they_were_got_are_not_counted_twice),
        cmocka_unit_test(a_shutdown_loses_no_item_of_many_consumers),
        cmocka_unit_test(destroying_a_queue_that_tasks_wait_for_aborts_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
