/* The memory of queues and of select: when it is taken, given back, and what happens without. */
#include "queue_callers.h"

/* An allocator that counts, and refuses where it is told to or asked for the absurd. */

enum { MOST_BYTES = 1 << 30 };

static size_t allocations, live_bytes;
static bool exhausted;

static void *allocate(size_t size, void *arg)
{
    (void)arg;
    if (exhausted || size > MOST_BYTES)
        return NULL;
    max_align_t *block = malloc(sizeof(max_align_t) + size);
    if (!block)
        return NULL;
    *(size_t *)block = size;
    live_bytes += size;
    allocations++;
    return block + 1;
}

static void release(void *memory, void *arg)
{
    (void)arg;
    if (!memory)
        return;
    max_align_t *block = (max_align_t *)memory - 1;
    live_bytes -= *(size_t *)block;
    free(block);
}

static void *reallocate(void *memory, size_t size, void *arg)
{
    void *moved = allocate(size, arg);
    if (moved && memory) {
        size_t old = *(size_t *)((max_align_t *)memory - 1);
        memcpy(moved, memory, old < size ? old : size);
        release(memory, arg);
    }
    return moved;
}

static int by_value(const void *a, const void *b)
{
    return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
}

LOOP_TEST(an_item_handed_straight_to_a_getter_needs_no_memory)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    caller getter;
    start_get(&getter, &queue);
    size_t before = allocations;
    put_items(&queue, 1, 1);
    assert_int_equal(allocations, before);
    assert_gets(&getter, 1);
    return 0;
}

LOOP_TEST(a_bounded_queue_allocates_once)
{
    yibu_queue queues[] = {YIBU_QUEUE_INIT(100), YIBU_LIFO_QUEUE_INIT(100),
                           YIBU_PRIORITY_QUEUE_INIT(100, by_value)};
    for (int kind = 0; kind < 3; kind++) {
        size_t before = allocations, bytes = live_bytes;
        void *item;
        for (int round = 0; round < 3; round++) {
            put_items(&queues[kind], 1, 100);
            while (yibu_queue_try_get(&queues[kind], &item) == 0)
                ;
        }
        assert_int_equal(allocations, before + 1);
        assert_int_equal(live_bytes - bytes, 128 * sizeof(void *) * (kind == 2 ? 2 : 1));
        yibu_queue_destroy(&queues[kind]);
        assert_int_equal(live_bytes, bytes);
    }
    return 0;
}

LOOP_TEST(an_unbounded_queue_grows_and_gives_memory_back)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    size_t bytes = live_bytes;
    put_items(&queue, 1, 10000);
    assert_int_equal(live_bytes - bytes, 16384 * sizeof(void *));
    for (int i = 1; i <= 9000; i++)
        assert_next(&queue, i);
    assert_true(live_bytes - bytes <= 4096 * sizeof(void *));
    for (int i = 9001; i <= 10000; i++)
        assert_next(&queue, i);
    assert_int_equal(live_bytes - bytes, 64 * sizeof(void *));
    yibu_queue_destroy(&queue);
    assert_int_equal(live_bytes, bytes);
    return 0;
}

LOOP_TEST(a_queue_whose_size_goes_up_and_down_by_a_little_does_not_allocate_each_time)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 1024);
    for (int size = 1024; size > 0; size--) {
        size_t before = allocations;
        for (int i = 0; i < 10; i++) {
            put_items(&queue, 0, 0);
            void *item;
            assert_int_equal(yibu_queue_get(&queue, &item), 0);
        }
        assert_true(allocations - before <= 1);
        void *item;
        assert_int_equal(yibu_queue_get(&queue, &item), 0);
    }
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(without_memory_put_returns_enomem_and_the_queue_is_as_before)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    exhausted = true;
    assert_int_equal(yibu_queue_put(&queue, ITEM(1)), -ENOMEM);
    assert_no_item(&queue, -EAGAIN);
    assert_int_equal(yibu_queue_join(&queue), 0);
    exhausted = false;
    put_items(&queue, 1, 16);
    exhausted = true;
    assert_int_equal(yibu_queue_put(&queue, ITEM(17)), -ENOMEM);
    assert_int_equal(yibu_queue_try_put(&queue, ITEM(17)), -ENOMEM);
    assert_int_equal(yibu_queue_qsize(&queue), 16);
    exhausted = false;
    put_items(&queue, 17, 17);
    for (int i = 1; i <= 17; i++)
        assert_next(&queue, i);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(without_memory_for_the_copy_a_queue_keeps_what_it_has)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    put_items(&queue, 1, 1000);
    exhausted = true;
    for (int i = 1; i <= 1000; i++)
        assert_next(&queue, i);
    put_items(&queue, 1, 1000);
    exhausted = false;
    for (int i = 1; i <= 1000; i++)
        assert_next(&queue, i);
    yibu_queue_destroy(&queue);
    return 0;
}

LOOP_TEST(a_maxsize_that_no_memory_can_hold_is_enomem)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 16, SIZE_MAX / 32};
    for (int i = 0; i < 4; i++) {
        yibu_queue queues[] = {YIBU_QUEUE_INIT(sizes[i]),
                               YIBU_PRIORITY_QUEUE_INIT(sizes[i], by_value)};
        assert_int_equal(yibu_queue_try_put(&queues[0], ITEM(1)), -ENOMEM);
        assert_int_equal(yibu_queue_try_put(&queues[1], ITEM(1)), -ENOMEM);
    }
    return 0;
}

/* Select. */

static ssize_t select_shortly(size_t count)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_case cases[9];
    for (int i = 0; i < 9; i++)
        cases[i] = i == 0 ? YIBU_CASE_AFTER(YIBU_US(1)) : YIBU_CASE_EVENT(&event);
    return yibu_select(cases, count);
}

LOOP_TEST(selects_of_up_to_eight_cases_reuse_their_memory)
{
    assert_int_equal(select_shortly(8), 0);
    size_t before = allocations;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(select_shortly(1 + i % 8), 0);
    assert_int_equal(allocations, before);
    assert_int_equal(select_shortly(9), 0);
    assert_int_equal(allocations, before + 1);
    return 0;
}

LOOP_TEST(without_memory_to_wait_select_returns_enomem_and_nothing_has_happened)
{
    yibu_queue queue = YIBU_QUEUE_INIT(0);
    yibu_queue_stats stats;
    void *item = NO_ITEM;
    yibu_case cases[9] = {YIBU_CASE_GET(&queue, &item)};
    exhausted = true;
    assert_int_equal(yibu_select(cases, 1), -ENOMEM);
    assert_int_equal(yibu_select(cases, 9), -ENOMEM);
    exhausted = false;
    yibu_queue_statistics(&queue, &stats);
    assert_int_equal(stats.getters, 0);
    put_items(&queue, 1, 1);
    exhausted = true;
    assert_int_equal(yibu_select(cases, 9), 0);
    exhausted = false;
    assert_ptr_equal(item, ITEM(1));
    assert_int_equal(yibu_select(NULL, SIZE_MAX), -EINVAL);
    yibu_queue_destroy(&queue);
    return 0;
}

int main(void)
{
    const yibu_allocator counting = {allocate, reallocate, release, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_handed_straight_to_a_getter_needs_no_memory),
        cmocka_unit_test(a_bounded_queue_allocates_once),
        cmocka_unit_test(an_unbounded_queue_grows_and_gives_memory_back),
        cmocka_unit_test(
            a_queue_whose_size_goes_up_and_down_by_a_little_does_not_allocate_each_time),
        cmocka_unit_test(without_memory_put_returns_enomem_and_the_queue_is_as_before),
        cmocka_unit_test(without_memory_for_the_copy_a_queue_keeps_what_it_has),
        cmocka_unit_test(a_maxsize_that_no_memory_can_hold_is_enomem),
        cmocka_unit_test(selects_of_up_to_eight_cases_reuse_their_memory),
        cmocka_unit_test(without_memory_to_wait_select_returns_enomem_and_nothing_has_happened),
    };
    if (yibu_set_allocator(&counting) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
