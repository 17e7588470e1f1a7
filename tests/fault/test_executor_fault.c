/* Executors of threads with every allocation failing once, on whichever thread: the result is
 * right, or the failure is said, and nothing is left behind. */
#include "failing_allocator.h"
#include "result.h"

static int new_threads(unsigned threads, unsigned max_queue, yibu_executor **ret_executor)
{
    yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = threads, .max_queue = max_queue};
    return yibu_thread_pool_executor_new(&options, ret_executor);
}

static intptr_t submit_and_wait(yibu_executor *e, yibu_coroutine *fn, void *arg)
{
    yibu_concurrent_future *future;
    int r = yibu_executor_submit(e, fn, arg, NULL, &future);
    return r < 0 ? r : result_of(future);
}

/* Functions that wait for each other, by two executors of one thread. */

typedef struct circle {
    yibu_executor *executors[2];
    int at, left;
} circle;

static intptr_t go_round(void *arg)
{
    const circle *c = arg;
    circle next = {{c->executors[0], c->executors[1]}, !c->at, c->left - 1};
    if (c->left == 0)
        return 0;
    return submit_and_wait(next.executors[next.at], go_round, &next);
}

static intptr_t circle_on_a_plain_thread(void *arg)
{
    (void)arg;
    circle c = {.left = 4};
    intptr_t r = new_threads(1, 1, &c.executors[0]);
    if (r == 0)
        r = new_threads(1, 1, &c.executors[1]);
    if (r == 0)
        r = submit_and_wait(c.executors[0], go_round, &c);
    yibu_executor_free(c.executors[0]);
    yibu_executor_free(c.executors[1]);
    return r;
}

/* Many structs at once. */

static intptr_t double_it(void *arg)
{
    *(int *)arg *= 2;
    return 0;
}

static intptr_t structs_on_a_plain_thread(void *arg)
{
    (void)arg;
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 2};
    int numbers[] = {1, 2, 3, 4, 5, 6, 7};
    yibu_executor *e;
    intptr_t r = new_threads(2, 1, &e);
    if (r < 0)
        return r;
    r = yibu_executor_starmap(e, double_it, numbers, 7, sizeof(numbers[0]), NULL, &options);
    for (int i = 0; r == 0 && i < 7; i++)
        assert_int_equal(numbers[i], 2 * (i + 1));
    yibu_executor_free(e);
    return r;
}

/* In a task: a map, a job on a thread, and one that is abandoned. */

static intptr_t identity(void *arg)
{
    return (intptr_t)arg;
}

static intptr_t map_numbers(yibu_executor *e)
{
    void *const inputs[] = {(void *)1, (void *)2, (void *)3, (void *)4, (void *)5};
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 2, .max_in_flight = 2};
    yibu_iterator *map = yibu_executor_map(e, identity, yibu_iterate_array(inputs, 5), &options);
    void *item;
    int r, sum = 0;
    if (!map)
        return -ENOMEM;
    while ((r = yibu_iterator_next(map, &item)) > 0)
        sum += (int)((yibu_map_item *)item)->result;
    (void)yibu_iterator_close(map);
    if (r == 0)
        assert_int_equal(sum, 15);
    return r;
}

static intptr_t use_in_a_task(void *arg)
{
    yibu_executor *e;
    (void)arg;
    intptr_t r = new_threads(1, 1, &e);
    if (r < 0)
        return r;
    r = yibu_run_in_executor(e, identity, (void *)3, NULL);
    if (r == 3)
        r = map_numbers(e);
    yibu_executor_free(e);
    return r;
}

static intptr_t in_a_loop(void *arg)
{
    (void)arg;
    return yibu_run(use_in_a_task, NULL, NULL);
}

static void functions_that_wait_in_a_circle(void **state)
{
    (void)state;
    assert_in_range(failing_each(circle_on_a_plain_thread, NULL), 5, 100000);
}

static void structs(void **state)
{
    (void)state;
    assert_in_range(failing_each(structs_on_a_plain_thread, NULL), 3, 100000);
}

static void a_map_in_a_task(void **state)
{
    (void)state;
    assert_in_range(failing_each(in_a_loop, NULL), 5, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_that_wait_in_a_circle),
        cmocka_unit_test(structs),
        cmocka_unit_test(a_map_in_a_task),
    };
    return FAILING_TESTS_RUN(tests);
}
