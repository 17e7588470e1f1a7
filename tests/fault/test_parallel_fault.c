/* Parallel loops with every allocation failing once, on whichever thread: the result is right, or
 * the failure is said, and nothing is left behind. */
#include "failing_allocator.h"

enum { ITEMS = 100 };

static int add_items(int64_t first, int64_t end, void *accumulator, void *arg)
{
    (void)arg;
    for (int64_t i = first; i < end; i++)
        *(int64_t *)accumulator += i;
    return 0;
}

static int add(void *into, const void *from, void *arg)
{
    (void)arg;
    *(int64_t *)into += *(const int64_t *)from;
    return 0;
}

static int add_and_nest(int64_t first, int64_t end, void *accumulator, void *arg)
{
    yibu_reduction inner = *(const yibu_reduction *)arg;
    inner.body = add_items;
    int64_t sum = 0;
    int r = yibu_parallel_reduce(NULL, 0, ITEMS, 1, &inner, NULL, &sum);
    *(int64_t *)accumulator += (end - first) * sum;
    return r;
}

static int reduce_nested(yibu_executor *executor, bool deterministic)
{
    yibu_reduction reduction = {.size = sizeof(reduction),
                                .accumulator_bytes = sizeof(int64_t),
                                .body = add_and_nest,
                                .combine = add,
                                .deterministic = deterministic};
    int64_t sum = 0;
    int r = yibu_parallel_reduce(executor, 0, ITEMS, 1, &reduction, &reduction, &sum);
    if (r == 0)
        assert_int_equal(sum, ITEMS * (ITEMS - 1) / 2 * ITEMS);
    return r;
}

static intptr_t reduce_on_a_pool(void *deterministic)
{
    yibu_thread_pool_options options = {.size = sizeof(options), .max_workers = 3};
    yibu_executor *executor;
    int r = yibu_thread_pool_executor_new(&options, &executor);
    if (r < 0)
        return r;
    r = reduce_nested(executor, *(bool *)deterministic);
    yibu_executor_free(executor);
    return r;
}

static intptr_t reduce_in_a_task(void *arg)
{
    return reduce_nested(NULL, *(const bool *)arg);
}

static intptr_t reduce_in_a_loop(void *deterministic)
{
    return yibu_run(reduce_in_a_task, deterministic, NULL);
}

static void in_a_task(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_in_range(failing_each(reduce_in_a_loop, &(bool){i == 1}), 5, 100000);
}

static void on_a_plain_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_in_range(failing_each(reduce_on_a_pool, &(bool){i == 1}), 3, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_task),
        cmocka_unit_test(on_a_plain_thread),
    };
    return FAILING_TESTS_RUN(tests);
}
