/* Done callbacks of futures and tasks. */
#include "coroutines.h"

enum { NOTES = 16 };

typedef struct notes {
    yibu_future *futures[NOTES];
    intptr_t results[NOTES];
    int count;
} notes;

static void note(yibu_future *future, void *arg)
{
    notes *n = arg;
    assert_null(yibu_current_task());
    n->futures[n->count] = future;
    n->results[n->count++] = yibu_future_result(future);
}

static char order[NOTES];

static void append(yibu_future *future, void *arg)
{
    (void)future;
    strcat(order, arg);
}

static intptr_t await_and_append(void *arg)
{
    (void)yibu_await(arg);
    append(arg, "t");
    return 0;
}

LOOP_TEST(a_callback_is_called_with_the_future_once_it_is_done)
{
    notes n = {.count = 0};
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_future_add_done_callback(future, note, &n), 0);
    settle();
    assert_int_equal(n.count, 0);
    yibu_future_set_result(future, 7);
    assert_int_equal(n.count, 0); /* not inside the call that completes it */
    settle();
    assert_int_equal(n.count, 1);
    assert_ptr_equal(n.futures[0], future);
    assert_int_equal(n.results[0], 7);
    settle();
    assert_int_equal(n.count, 1);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_callback_added_to_a_done_future_is_called_soon)
{
    notes n = {.count = 0};
    yibu_future *future = ended(7);
    assert_int_equal(yibu_future_add_done_callback(future, note, &n), 0);
    assert_int_equal(n.count, 0);
    settle();
    assert_int_equal(n.count, 1);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(cancel_schedules_the_callbacks)
{
    notes n = {.count = 0};
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_cancel(future);
    assert_int_equal(n.count, 0);
    settle();
    assert_int_equal(n.count, 1);
    assert_int_equal(n.results[0], -ECANCELED);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(callbacks_and_awaiters_go_in_the_order_they_came)
{
    order[0] = '\0';
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, append, "a");
    yibu_task *task = started(await_and_append, future);
    yibu_future_add_done_callback(future, append, "b");
    yibu_future_set_result(future, 0);
    yibu_future_add_done_callback(future, append, "c");
    settle();
    assert_string_equal(order, "atbc");
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(remove_returns_how_many_were_removed)
{
    notes n = {.count = 0}, other = {.count = 0};
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_future_remove_done_callback(future, note, &n), 0);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_add_done_callback(future, note, &other);
    assert_int_equal(yibu_future_remove_done_callback(future, note, &n), 1);
    assert_int_equal(yibu_future_remove_done_callback(future, note, &n), 0);
    for (int i = 0; i < 3; i++)
        yibu_future_add_done_callback(future, note, &n);
    assert_int_equal(yibu_future_remove_done_callback(future, append, &n), 0);
    assert_int_equal(yibu_future_remove_done_callback(future, note, &n), 3);
    yibu_future_set_result(future, 0);
    settle();
    assert_int_equal(n.count, 0);
    assert_int_equal(other.count, 1);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_callback_that_is_due_can_still_be_removed)
{
    notes n = {.count = 0}, other = {.count = 0};
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_add_done_callback(future, note, &other);
    yibu_future_set_result(future, 0);
    yibu_future_add_done_callback(future, note, &n);
    assert_int_equal(yibu_future_remove_done_callback(future, note, &n), 2);
    yibu_future_unref(future);
    settle();
    assert_int_equal(n.count, 0);
    assert_int_equal(other.count, 1);
    return 0;
}

static void remove_other(yibu_future *future, void *arg)
{
    assert_int_equal(yibu_future_remove_done_callback(future, note, arg), 1);
    assert_int_equal(yibu_future_remove_done_callback(future, remove_other, arg), 0);
}

LOOP_TEST(a_callback_may_remove_another)
{
    notes n = {.count = 0};
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, remove_other, &n);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_set_result(future, 0);
    settle();
    assert_int_equal(n.count, 0);
    yibu_future_unref(future);
    return 0;
}

static void add_itself_again(yibu_future *future, void *arg)
{
    int *left = arg;
    if (--*left > 0)
        assert_int_equal(yibu_future_add_done_callback(future, add_itself_again, arg), 0);
}

LOOP_TEST(a_callback_may_add_itself_again)
{
    int left = 3;
    yibu_future *future = ended(0);
    yibu_future_add_done_callback(future, add_itself_again, &left);
    yibu_future_unref(future);
    settle();
    assert_int_equal(left, 0);
    return 0;
}

LOOP_TEST(the_future_lives_until_its_callbacks_have_run)
{
    notes n = {.count = 0};
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_set_result(future, 6);
    yibu_future_unref(future);
    settle();
    assert_int_equal(n.count, 2);
    assert_int_equal(n.results[1], 6);
    return 0;
}

LOOP_TEST(callbacks_of_a_future_that_never_ended_are_dropped_with_it)
{
    notes n = {.count = 0};
    yibu_future *future = yibu_create_future(NULL);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_add_done_callback(future, note, &n);
    yibu_future_unref(future);
    settle();
    assert_int_equal(n.count, 0);
    return 0;
}

LOOP_TEST(tasks_have_callbacks_too)
{
    notes n = {.count = 0};
    yibu_task *task = yibu_create_task(return_it, (void *)(intptr_t)-EIO, NULL);
    assert_int_equal(yibu_task_add_done_callback(task, append, &n), 0);
    assert_int_equal(yibu_task_add_done_callback(task, note, &n), 0);
    assert_int_equal(yibu_task_remove_done_callback(task, append, &n), 1);
    yibu_task_unref(task);
    settle();
    assert_int_equal(n.count, 1);
    assert_ptr_equal(n.futures[0], task);
    assert_int_equal(n.results[0], -EIO);
    return 0;
}

static void try_to_suspend(yibu_future *future, void *arg)
{
    (void)future;
    *(int *)arg = yibu_sleep(1);
}

LOOP_TEST(a_callback_cannot_suspend)
{
    int r = 0;
    yibu_future *future = ended(0);
    yibu_future_add_done_callback(future, try_to_suspend, &r);
    settle();
    assert_int_equal(r, YIBU_ENOTASK);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(callbacks_need_a_future_and_a_function)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_future_add_done_callback(NULL, note, NULL), -ENOMEM);
    assert_int_equal(yibu_future_add_done_callback(NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_future_add_done_callback(future, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_future_remove_done_callback(NULL, note, NULL), 0);
    assert_int_equal(yibu_future_remove_done_callback(future, NULL, NULL), 0);
    yibu_future_unref(future);
    return 0;
}

static int calls;

static void count_call(yibu_future *future, void *arg)
{
    (void)future;
    (void)arg;
    calls++;
}

static void callbacks_that_are_due_when_the_loop_is_freed_are_dropped(void **state)
{
    (void)state;
    yibu_loop *loop;
    calls = 0;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_future *future = yibu_create_future(loop);
    yibu_future_add_done_callback(future, count_call, NULL);
    yibu_future_set_result(future, 1);
    yibu_future_unref(future);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_is_called_with_the_future_once_it_is_done),
        cmocka_unit_test(a_callback_added_to_a_done_future_is_called_soon),
        cmocka_unit_test(cancel_schedules_the_callbacks),
        cmocka_unit_test(callbacks_and_awaiters_go_in_the_order_they_came),
        cmocka_unit_test(remove_returns_how_many_were_removed),
        cmocka_unit_test(a_callback_that_is_due_can_still_be_removed),
        cmocka_unit_test(a_callback_may_remove_another),
        cmocka_unit_test(a_callback_may_add_itself_again),
        cmocka_unit_test(the_future_lives_until_its_callbacks_have_run),
        cmocka_unit_test(callbacks_of_a_future_that_never_ended_are_dropped_with_it),
        cmocka_unit_test(tasks_have_callbacks_too),
        cmocka_unit_test(a_callback_cannot_suspend),
        cmocka_unit_test(callbacks_need_a_future_and_a_function),
        cmocka_unit_test(callbacks_that_are_due_when_the_loop_is_freed_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
