/* The protocol of async iterators, with one of a test's own. */
#include <errno.h>

#include "test.h"

typedef struct countdown {
    yibu_iterator iterator;
    intptr_t left;
    int ends_with;    /* what next answers after the last item */
    int close_answer; /* what close does */
    int64_t delay_ns;
    int nexts, closes, frees;
    bool closed_in_peace; /* close could suspend */
} countdown;

static int next(yibu_iterator *iterator, void **ret_item)
{
    countdown *c = (countdown *)iterator;
    c->nexts++;
    int r = c->delay_ns > 0 ? yibu_sleep(c->delay_ns) : 0;
    if (r < 0)
        return r;
    if (c->left == 0)
        return c->ends_with;
    *ret_item = (void *)c->left--;
    return 1;
}

static int close_countdown(yibu_iterator *iterator)
{
    countdown *c = (countdown *)iterator;
    c->closes++;
    c->closed_in_peace = yibu_sleep(1) == 0;
    return c->close_answer;
}

static void free_countdown(yibu_iterator *iterator)
{
    ((countdown *)iterator)->frees++;
}

static const yibu_iterator_class class = {
    .size = sizeof(class),
    .name = "countdown",
    .next = next,
    .close = close_countdown,
    .free = free_countdown,
};

static yibu_iterator *begin(countdown *c, intptr_t count)
{
    *c = (countdown){.left = count};
    yibu_iterator_init(&c->iterator, &class);
    return &c->iterator;
}

LOOP_TEST(items_come_one_by_one_and_the_end_stays_the_end)
{
    countdown c;
    void *item = NULL;
    yibu_iterator *iterator = begin(&c, 2);
    assert_int_equal(yibu_iterator_next(iterator, &item), 1);
    assert_int_equal((intptr_t)item, 2);
    assert_int_equal(yibu_iterator_next(iterator, &item), 1);
    assert_int_equal((intptr_t)item, 1);
    assert_int_equal(c.closes, 0);
    assert_int_equal(yibu_iterator_next(iterator, &item), 0);
    assert_int_equal(yibu_iterator_next(iterator, &item), 0);
    assert_int_equal(c.nexts, 3);
    assert_int_equal(c.closes, 1);
    assert_int_equal(yibu_iterator_close(iterator), 0);
    assert_int_equal(c.closes, 1);
    assert_int_equal(c.frees, 1);
    return 0;
}

LOOP_TEST(a_failure_closes_the_iterator_and_is_told_again)
{
    countdown c;
    void *item = NULL;
    yibu_iterator *iterator = begin(&c, 0);
    c.ends_with = -EIO;
    assert_int_equal(yibu_iterator_next(iterator, &item), -EIO);
    assert_int_equal(yibu_iterator_next(iterator, &item), -EIO);
    assert_null(item);
    assert_int_equal(c.nexts, 1);
    assert_int_equal(c.closes, 1);
    assert_int_equal(yibu_iterator_close(iterator), 0);
    assert_int_equal(c.frees, 1);
    return 0;
}

LOOP_TEST(a_failure_to_close_at_the_end_is_told)
{
    countdown c;
    void *item;
    yibu_iterator *iterator = begin(&c, 0);
    c.close_answer = -ENOSPC;
    assert_int_equal(yibu_iterator_next(iterator, &item), -ENOSPC);
    assert_int_equal(yibu_iterator_close(iterator), 0);

    iterator = begin(&c, 1);
    c.close_answer = -ENOSPC;
    assert_int_equal(yibu_iterator_close(iterator), -ENOSPC);
    assert_int_equal(c.frees, 1);
    return 0;
}

static intptr_t take_one(void *arg)
{
    void *item;
    return yibu_iterator_next(arg, &item);
}

LOOP_TEST(a_cancel_of_the_consumer_closes_the_iterator_in_peace)
{
    countdown c;
    yibu_iterator *iterator = begin(&c, 1);
    c.delay_ns = YIBU_FOREVER;
    yibu_task *task = yibu_create_task(take_one, iterator, NULL);
    yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(c.closes, 1);
    assert_true(c.closed_in_peace);
    void *item;
    assert_int_equal(yibu_iterator_next(iterator, &item), -ECANCELED);
    assert_int_equal(yibu_iterator_close(iterator), 0);
    return 0;
}

static intptr_t take_one_although_cancelled(void *arg)
{
    void *item;
    yibu_task_cancel(yibu_current_task());
    return yibu_iterator_next(arg, &item);
}

LOOP_TEST(next_is_a_checkpoint_also_where_an_item_is_there)
{
    countdown c;
    yibu_iterator *iterator = begin(&c, 1);
    yibu_task *task = yibu_create_task(take_one_although_cancelled, iterator, NULL);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(c.nexts, 0);
    assert_int_equal(c.closes, 1);
    assert_int_equal(yibu_iterator_close(iterator), 0);
    return 0;
}

LOOP_TEST(an_iterator_is_one_consumers_at_a_time)
{
    countdown c;
    void *item;
    yibu_iterator *iterator = begin(&c, 1);
    c.delay_ns = YIBU_MS(1);
    yibu_task *task = yibu_create_task(take_one, iterator, NULL);
    yibu_sleep(0);
    assert_int_equal(yibu_iterator_next(iterator, &item), -EBUSY);
    assert_int_equal(yibu_iterator_close(iterator), -EBUSY);
    assert_int_equal(c.closes + c.frees, 0);
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(task);
    assert_int_equal(yibu_iterator_close(iterator), 0);
    return 0;
}

LOOP_TEST(no_iterator_is_one_that_there_was_no_memory_for)
{
    void *item;
    assert_int_equal(yibu_iterator_next(NULL, &item), -ENOMEM);
    assert_int_equal(yibu_iterator_close(NULL), 0);
    int r = 1;
    YIBU_ASYNC_FOR (void *, each, NULL, &r)
        assert_null(each);
    assert_int_equal(r, -ENOMEM);
    return 0;
}

static void iterators_are_refused_outside_a_task(void **state)
{
    (void)state;
    countdown c;
    void *item;
    yibu_iterator *iterator = begin(&c, 1);
    assert_int_equal(yibu_iterator_next(iterator, &item), YIBU_ENOTASK);
    assert_int_equal(yibu_iterator_close(iterator), YIBU_ENOTASK);
    assert_int_equal(c.closes + c.frees, 0);
}

/* The block. */

LOOP_TEST(the_block_runs_for_each_item_and_closes_the_iterator)
{
    countdown c;
    intptr_t sum = 0;
    int r;
    YIBU_ASYNC_FOR (void *, item, begin(&c, 4), &r) {
        if ((intptr_t)item == 3)
            continue;
        sum += (intptr_t)item;
    }
    assert_int_equal(r, 0);
    assert_int_equal(sum, 4 + 2 + 1);
    assert_int_equal(c.closes, 1);
    assert_int_equal(c.frees, 1);
    return 0;
}

LOOP_TEST(break_leaves_the_block_and_closes_the_iterator)
{
    countdown c;
    int r;
    YIBU_ASYNC_FOR (void *, item, begin(&c, 4), &r)
        if ((intptr_t)item == 3)
            break;
    assert_int_equal(r, 0);
    assert_int_equal(c.left, 2);
    assert_int_equal(c.closes, 1);
    assert_int_equal(c.frees, 1);
    return 0;
}

static intptr_t return_the_first(countdown *c)
{
    int r;
    YIBU_ASYNC_FOR (void *, item, begin(c, 4), &r)
        return (intptr_t)item;
    return r;
}

LOOP_TEST(return_leaves_the_block_and_closes_the_iterator)
{
    countdown c;
    assert_int_equal(return_the_first(&c), 4);
    assert_int_equal(c.closes, 1);
    assert_int_equal(c.frees, 1);
    return 0;
}

LOOP_TEST(the_block_tells_the_failure_that_ended_it)
{
    countdown c;
    int r, items = 0;
    yibu_iterator *iterator = begin(&c, 2);
    c.ends_with = -EPIPE;
    YIBU_ASYNC_FOR (void *, item, iterator, &r)
        items += item != NULL;
    assert_int_equal(r, -EPIPE);
    assert_int_equal(items, 2);
    iterator = begin(&c, 2);
    c.close_answer = -ENOSPC;
    YIBU_ASYNC_FOR (void *, item, iterator, &r)
        if (item)
            break;
    assert_int_equal(r, -ENOSPC);
    return 0;
}

LOOP_TEST(blocks_nest)
{
    countdown a, b;
    int r, inner, pairs = 0;
    YIBU_ASYNC_FOR (void *, x, begin(&a, 3), &r)
        YIBU_ASYNC_FOR (void *, y, begin(&b, 2), &inner)
            pairs += x && y;
    assert_int_equal(pairs, 6);
    assert_int_equal(b.frees, 1);
    return 0;
}

LOOP_TEST(a_limit_around_the_block_closes_the_iterator)
{
    countdown c;
    int r, items = 0;
    yibu_timeout limit;
    yibu_iterator *iterator = begin(&c, 100);
    c.delay_ns = YIBU_US(300);
    yibu_timeout_begin(&limit, YIBU_MS(2));
    YIBU_ASYNC_FOR (void *, item, iterator, &r)
        items += item != NULL;
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    assert_true(items < 100);
    assert_int_equal(c.closes, 1);
    assert_true(c.closed_in_peace);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_one_by_one_and_the_end_stays_the_end),
        cmocka_unit_test(a_failure_closes_the_iterator_and_is_told_again),
        cmocka_unit_test(a_failure_to_close_at_the_end_is_told),
        cmocka_unit_test(a_cancel_of_the_consumer_closes_the_iterator_in_peace),
        cmocka_unit_test(next_is_a_checkpoint_also_where_an_item_is_there),
        cmocka_unit_test(an_iterator_is_one_consumers_at_a_time),
        cmocka_unit_test(no_iterator_is_one_that_there_was_no_memory_for),
        cmocka_unit_test(iterators_are_refused_outside_a_task),
        cmocka_unit_test(the_block_runs_for_each_item_and_closes_the_iterator),
        cmocka_unit_test(break_leaves_the_block_and_closes_the_iterator),
        cmocka_unit_test(return_leaves_the_block_and_closes_the_iterator),
        cmocka_unit_test(the_block_tells_the_failure_that_ended_it),
        cmocka_unit_test(blocks_nest),
        cmocka_unit_test(a_limit_around_the_block_closes_the_iterator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
