/* LIFO queues: what differs from FIFO ones. */
#include "queue_callers.h"

LOOP_TEST(the_most_recently_added_item_is_retrieved_first)
{
    yibu_queue queue = YIBU_LIFO_QUEUE_INIT(0);
    put_items(&queue, 1, 300);
    for (int i = 300; i >= 1; i--)
        assert_next(&queue, i);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(puts_and_gets_may_alternate_in_any_way)
{
    yibu_queue queue = YIBU_LIFO_QUEUE_INIT(4);
    put_items(&queue, 1, 3);
    assert_next(&queue, 3);
    put_items(&queue, 4, 5);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(6)), -EAGAIN);
    assert_next(&queue, 5);
    assert_next(&queue, 4);
    assert_next(&queue, 2);
    put_items(&queue, 7, 7);
    assert_next(&queue, 7);
    assert_next(&queue, 1);
    assert_no_item(&queue, -EAGAIN);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(tasks_that_wait_are_served_first_come_first_served_all_the_same)
{
    yibu_queue queue = YIBU_LIFO_QUEUE_INIT(1);
    caller getters[2], putters[2];
    start_get(&getters[0], &queue);
    start_get(&getters[1], &queue);
    put_items(&queue, 1, 3);
    assert_gets(&getters[0], 1);
    assert_gets(&getters[1], 2);
    start_put(&putters[0], &queue, 4);
    start_put(&putters[1], &queue, 5);
    assert_next(&queue, 3);
    assert_next(&queue, 4);
    assert_next(&queue, 5);
    assert_returns(&putters[0], 0);
    assert_returns(&putters[1], 0);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_stack_grows_and_gives_its_memory_back)
{
    yibu_queue queue = YIBU_LIFO_QUEUE_INIT(0);
    for (int round = 0; round < 3; round++) {
        put_items(&queue, 1, 5000);
        for (int i = 5000; i > 2; i--)
            assert_next(&queue, i);
        assert_next(&queue, 2);
        assert_next(&queue, 1);
    }
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_shutdown_drains_from_the_top)
{
    yibu_queue queue = YIBU_LIFO_QUEUE_INIT(0);
    put_items(&queue, 1, 3);
    yibu_queue_shutdown(&queue, false);
    assert_next(&queue, 3);
    yibu_queue_shutdown(&queue, true);
    assert_no_item(&queue, YIBU_ESHUTDOWN);
    yibu_queue_destroy(&queue);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_recently_added_item_is_retrieved_first),
        cmocka_unit_test(puts_and_gets_may_alternate_in_any_way),
        cmocka_unit_test(tasks_that_wait_are_served_first_come_first_served_all_the_same),
        cmocka_unit_test(a_stack_grows_and_gives_its_memory_back),
        cmocka_unit_test(a_shutdown_drains_from_the_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
