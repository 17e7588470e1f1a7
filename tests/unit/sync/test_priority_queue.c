/* Priority queues: what differs from the others. */
#include "queue_callers.h"

/* An item is a number: its hundreds are its priority, the rest tells equals apart. */
static int by_hundreds(const void *a, const void *b)
{
    intptr_t left = (intptr_t)a / 100, right = (intptr_t)b / 100;
    return (left > right) - (left < right);
}

LOOP_TEST(entries_are_retrieved_in_priority_order_lowest_first)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(0, by_hundreds);
    enum { COUNT = 997 };
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(yibu_queue_put(&queue, ITEM(100 * (i * 331 % COUNT))), 0);
    for (int i = 0; i < COUNT; i++)
        assert_next(&queue, 100 * i);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(entries_of_equal_priority_are_retrieved_in_the_order_they_were_put)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(0, by_hundreds);
    for (int i = 0; i < 99; i++)
        for (int priority = 3; priority >= 1; priority--)
            put_items(&queue, 100 * priority + i, 100 * priority + i);
    for (int priority = 1; priority <= 3; priority++)
        for (int i = 0; i < 99; i++)
            assert_next(&queue, 100 * priority + i);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(puts_and_gets_may_alternate_in_any_way)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(0, by_hundreds);
    put_items(&queue, 500, 501);
    put_items(&queue, 300, 300);
    assert_next(&queue, 300);
    put_items(&queue, 502, 502);
    put_items(&queue, 400, 400);
    assert_next(&queue, 400);
    assert_next(&queue, 500);
    put_items(&queue, 503, 503);
    assert_next(&queue, 501);
    assert_next(&queue, 502);
    assert_next(&queue, 503);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(the_order_is_among_the_items_in_the_queue_those_that_wait_outside_come_in_by_turn)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(1, by_hundreds);
    caller putters[2];
    put_items(&queue, 900, 900);
    start_put(&putters[0], &queue, 500);
    start_put(&putters[1], &queue, 100);
    assert_next(&queue, 900);
    assert_next(&queue, 500);
    assert_next(&queue, 100);
    assert_returns(&putters[0], 0);
    assert_returns(&putters[1], 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_getter_that_waits_gets_the_next_item_whatever_its_priority)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(0, by_hundreds);
    caller getter;
    start_get(&getter, &queue);
    put_items(&queue, 900, 900);
    put_items(&queue, 100, 100);
    assert_gets(&getter, 900);
    assert_next(&queue, 100);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_bounded_one_is_full_at_maxsize)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(3, by_hundreds);
    put_items(&queue, 100, 102);
    assert_true(yibu_queue_full(&queue));
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(0)), -EAGAIN);
    yibu_queue_shutdown(&queue, false);
    assert_next(&queue, 100);
    yibu_queue_shutdown(&queue, true);
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_heap_grows_and_gives_its_memory_back)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(0, by_hundreds);
    enum { COUNT = 4999 };
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(yibu_queue_put(&queue, ITEM(100 * (i * 17 % COUNT))), 0);
        for (int i = 0; i < COUNT; i++)
            assert_next(&queue, 100 * i);
    }
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(without_a_compare_function_put_is_einval)
{
    yibu_queue queue = YIBU_PRIORITY_QUEUE_INIT(0, NULL);
    assert_int_equal(yibu_queue_put(&queue, ITEM(1)), -EINVAL);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(1)), -EINVAL);
    yibu_queue_destroy(&queue);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_retrieved_in_priority_order_lowest_first),
        cmocka_unit_test(entries_of_equal_priority_are_retrieved_in_the_order_they_were_put),
        cmocka_unit_test(puts_and_gets_may_alternate_in_any_way),
        cmocka_unit_test(
            the_order_is_among_the_items_in_the_queue_those_that_wait_outside_come_in_by_turn),
        cmocka_unit_test(a_getter_that_waits_gets_the_next_item_whatever_its_priority),
        cmocka_unit_test(a_bounded_one_is_full_at_maxsize),
        cmocka_unit_test(a_heap_grows_and_gives_its_memory_back),
        cmocka_unit_test(without_a_compare_function_put_is_einval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
