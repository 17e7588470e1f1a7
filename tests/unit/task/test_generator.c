/* Generators: the statements of Python's language reference about asynchronous generators. */
#include <errno.h>

#include "base/memory.h"
#include "test.h"

typedef struct source {
    intptr_t count;
    intptr_t result;   /* at the end */
    int64_t delay_ns;  /* before each item */
    int begun, yields; /* how often */
    intptr_t last;     /* what the last yield answered */
    bool cleaned_up, in_peace;
} source;

static intptr_t produce(void *arg)
{
    source *s = arg;
    s->begun++;
    for (intptr_t i = 1; i <= s->count; i++) {
        int r = s->delay_ns > 0 ? yibu_sleep(s->delay_ns) : 0;
        intptr_t item = i * 10; /* on the generator's stack: it may be */
        if (r == 0)
            r = yibu_generator_yield(&item);
        s->last = r;
        if (r < 0) {
            yibu_timeout shield;
            yibu_shield_begin(&shield, YIBU_SECONDS(10));
            s->in_peace = yibu_sleep(YIBU_US(10)) == 0;
            yibu_shield_end(&shield);
            s->cleaned_up = true;
            return r;
        }
        s->yields++;
    }
    return s->result;
}

LOOP_TEST(a_generator_yields_its_items_and_ends)
{
    source s = {.count = 3};
    intptr_t sum = 0;
    int r;
    YIBU_ASYNC_FOR (intptr_t *, item, yibu_generator_new(produce, &s), &r)
        sum += *item;
    assert_int_equal(r, 0);
    assert_int_equal(sum, 60);
    assert_int_equal(s.yields, 3);
    assert_false(s.cleaned_up);
    return 0;
}

LOOP_TEST(nothing_runs_before_the_first_item_is_asked_for)
{
    source s = {.count = 3};
    yibu_iterator *g = yibu_generator_new(produce, &s);
    yibu_sleep(YIBU_US(10));
    assert_int_equal(s.begun, 0);
    assert_int_equal(yibu_iterator_close(g), 0);
    assert_int_equal(s.begun, 0);
    return 0;
}

LOOP_TEST(it_goes_on_only_when_the_next_item_is_asked_for)
{
    source s = {.count = 3};
    void *item;
    yibu_iterator *g = yibu_generator_new(produce, &s);
    assert_int_equal(yibu_iterator_next(g, &item), 1);
    yibu_sleep(YIBU_US(10));
    assert_int_equal(s.yields, 0);
    assert_int_equal(yibu_iterator_next(g, &item), 1);
    assert_int_equal(*(intptr_t *)item, 20);
    assert_int_equal(s.yields, 1);
    assert_int_equal(yibu_iterator_close(g), 0);
    return 0;
}

LOOP_TEST(closing_early_cancels_it_and_waits_for_its_clean_up)
{
    source s = {.count = 3};
    int r;
    YIBU_ASYNC_FOR (intptr_t *, item, yibu_generator_new(produce, &s), &r)
        if (*item == 20)
            break;
    assert_int_equal(r, 0);
    assert_int_equal(s.last, -ECANCELED);
    assert_true(s.cleaned_up && s.in_peace);
    return 0;
}

LOOP_TEST(its_failure_is_what_next_answers)
{
    source s = {.count = 1, .result = -EIO};
    void *item;
    yibu_iterator *g = yibu_generator_new(produce, &s);
    assert_int_equal(yibu_iterator_next(g, &item), 1);
    assert_int_equal(yibu_iterator_next(g, &item), -EIO);
    assert_int_equal(yibu_iterator_next(g, &item), -EIO);
    assert_int_equal(yibu_iterator_close(g), 0);
    return 0;
}

static intptr_t consume(void *arg)
{
    int r;
    YIBU_ASYNC_FOR (intptr_t *, item, yibu_generator_new(produce, arg), &r)
        if (!item)
            return -EILSEQ;
    return r;
}

static void assert_closed_by_a_cancel_of(yibu_coroutine *consumer, source *s)
{
    yibu_task *task = yibu_create_task(consumer, s, NULL);
    yibu_sleep(YIBU_US(10));
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_true(s->cleaned_up && s->in_peace);
}

LOOP_TEST(it_is_closed_when_its_consumer_is_cancelled_while_it_works)
{
    source s = {.count = 3, .delay_ns = YIBU_FOREVER};
    assert_closed_by_a_cancel_of(consume, &s);
    return 0;
}

static intptr_t consume_slowly(void *arg)
{
    int r;
    YIBU_ASYNC_FOR (intptr_t *, item, yibu_generator_new(produce, arg), &r)
        if (!item || yibu_sleep(YIBU_FOREVER) < 0)
            return -ECANCELED;
    return r;
}

LOOP_TEST(it_is_closed_when_its_consumer_is_cancelled_between_two_items)
{
    source s = {.count = 3};
    assert_closed_by_a_cancel_of(consume_slowly, &s);
    return 0;
}

/* Claims to have come to its end when it is cancelled. */
static intptr_t end_when_cancelled(void *arg)
{
    (void)arg;
    (void)yibu_sleep(YIBU_FOREVER);
    return 0;
}

static intptr_t consume_the_end(void *arg)
{
    int r;
    YIBU_ASYNC_FOR (void *, item, yibu_generator_new(end_when_cancelled, arg), &r)
        if (item)
            return -EILSEQ;
    return r;
}

LOOP_TEST(one_that_was_cancelled_has_not_come_to_its_end)
{
    yibu_task *task = yibu_create_task(consume_the_end, NULL, NULL);
    yibu_sleep(YIBU_US(10));
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

/* Goes on although it is being closed. */
static intptr_t refuse_to_close(void *arg)
{
    int *refusals = arg;
    int item = 0;
    while (*refusals < 3)
        if (yibu_generator_yield(&item) < 0)
            ++*refusals;
    return 0;
}

LOOP_TEST(one_that_is_being_closed_cannot_yield_any_more)
{
    int refusals = 0, r;
    YIBU_ASYNC_FOR (int *, item, yibu_generator_new(refuse_to_close, &refusals), &r)
        if (item)
            break;
    assert_int_equal(r, 0);
    assert_int_equal(refusals, 3);
    return 0;
}

static intptr_t yield_in_a_shield(void *arg)
{
    int *last = arg;
    int item = 0;
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    while ((*last = yibu_generator_yield(&item)) == 0)
        ;
    yibu_shield_end(&shield);
    return *last;
}

LOOP_TEST(a_shield_around_a_yield_does_not_keep_it_from_being_closed)
{
    int last = 0, r;
    YIBU_ASYNC_FOR (int *, item, yibu_generator_new(yield_in_a_shield, &last), &r)
        if (item)
            break;
    assert_int_equal(last, -ECANCELED);
    assert_int_equal(r, 0);
    return 0;
}

static intptr_t yield_within_a_limit(void *arg)
{
    intptr_t *limited = arg;
    int item = 0;
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    intptr_t r = yibu_generator_yield(&item);
    *limited = yibu_timeout_end(&limit, r);
    return yibu_generator_yield(&item);
}

LOOP_TEST(a_limit_open_around_a_yield_is_the_generators_own)
{
    intptr_t limited = 0;
    void *item;
    yibu_iterator *g = yibu_generator_new(yield_within_a_limit, &limited);
    assert_int_equal(yibu_iterator_next(g, &item), 1);
    assert_int_equal(yibu_sleep(YIBU_MS(3)), 0); /* not the consumer's */
    assert_int_equal(limited, -ETIMEDOUT);
    assert_int_equal(yibu_iterator_next(g, &item), 1);
    assert_int_equal(yibu_iterator_next(g, &item), 0);
    assert_int_equal(yibu_iterator_close(g), 0);
    return 0;
}

static int yield_deep(int depth, intptr_t *item)
{
    return depth > 0 ? yield_deep(depth - 1, item) : yibu_generator_yield(item);
}

static intptr_t walk(void *arg)
{
    intptr_t item = (intptr_t)arg;
    int r = yield_deep(10, &item);
    return r;
}

LOOP_TEST(it_can_yield_from_any_depth_of_calls)
{
    intptr_t got = 0;
    int r;
    YIBU_ASYNC_FOR (intptr_t *, item, yibu_generator_new(walk, (void *)(intptr_t)77), &r)
        got = *item;
    assert_int_equal(r, 0);
    assert_int_equal(got, 77);
    return 0;
}

static intptr_t double_each(void *arg)
{
    int r;
    YIBU_ASYNC_FOR (intptr_t *, item, (yibu_iterator *)arg, &r) {
        *item *= 2;
        if ((r = yibu_generator_yield(item)) < 0)
            return r;
    }
    return r;
}

LOOP_TEST(generators_chain)
{
    source s = {.count = 3};
    yibu_iterator *all = yibu_generator_new(produce, &s);
    yibu_iterator *doubled = yibu_generator_new(double_each, all);
    intptr_t sum = 0;
    int r;
    YIBU_ASYNC_FOR (intptr_t *, item, doubled, &r) {
        sum += *item;
        if (*item == 40)
            break;
    }
    assert_int_equal(r, 0);
    assert_int_equal(sum, 60);
    assert_true(s.cleaned_up);
    return 0;
}

LOOP_TEST(yield_is_refused_outside_a_generator)
{
    assert_int_equal(yibu_generator_yield(NULL), -EINVAL);
    return 0;
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

LOOP_TEST(without_memory_there_is_no_generator)
{
    source s = {.count = 1};
    assert_null(yibu_generator_new(NULL, NULL));
    yb_memory_watch(always, NULL);
    yibu_iterator *g = yibu_generator_new(produce, &s);
    yb_memory_watch(NULL, NULL);
    assert_null(g);
    return 0;
}

static yibu_iterator *abandoned;

static intptr_t leave_one_open(void *arg)
{
    void *item;
    abandoned = yibu_generator_new(produce, arg);
    return yibu_iterator_next(abandoned, &item) == 1 ? 0 : -EILSEQ;
}

static intptr_t close_it(void *arg)
{
    (void)arg;
    return yibu_iterator_close(abandoned);
}

static void one_that_was_left_open_is_finalised_when_its_runner_closes(void **state)
{
    (void)state;
    source s = {.count = 3};
    yibu_runner *runner;
    assert_int_equal(yibu_runner_new(NULL, &runner), 0);
    assert_int_equal(yibu_runner_run(runner, leave_one_open, &s), 0);
    assert_false(s.cleaned_up);
    assert_int_equal(yibu_runner_close(runner), 0);
    assert_true(s.cleaned_up && s.in_peace);
    assert_int_equal(yibu_run(close_it, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generator_yields_its_items_and_ends),
        cmocka_unit_test(nothing_runs_before_the_first_item_is_asked_for),
        cmocka_unit_test(it_goes_on_only_when_the_next_item_is_asked_for),
        cmocka_unit_test(closing_early_cancels_it_and_waits_for_its_clean_up),
        cmocka_unit_test(its_failure_is_what_next_answers),
        cmocka_unit_test(it_is_closed_when_its_consumer_is_cancelled_while_it_works),
        cmocka_unit_test(it_is_closed_when_its_consumer_is_cancelled_between_two_items),
        cmocka_unit_test(one_that_was_cancelled_has_not_come_to_its_end),
        cmocka_unit_test(one_that_is_being_closed_cannot_yield_any_more),
        cmocka_unit_test(a_shield_around_a_yield_does_not_keep_it_from_being_closed),
        cmocka_unit_test(a_limit_open_around_a_yield_is_the_generators_own),
        cmocka_unit_test(it_can_yield_from_any_depth_of_calls),
        cmocka_unit_test(generators_chain),
        cmocka_unit_test(yield_is_refused_outside_a_generator),
        cmocka_unit_test(without_memory_there_is_no_generator),
        cmocka_unit_test(one_that_was_left_open_is_finalised_when_its_runner_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
