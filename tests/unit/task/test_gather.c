/* gather: what asyncio's documentation says of it, and the races. */
#include "coroutines.h"

enum { MANY = 1000 };

/* A task that runs yibu_gather, so that it can be cancelled. */
typedef struct gathering {
    yibu_future *futures[4];
    size_t n;
    intptr_t results[4];
    unsigned flags;
    bool discard; /* the results */
} gathering;

static intptr_t gather_in_task(void *arg)
{
    gathering *g = arg;
    return yibu_gather(g->futures, g->n, g->discard ? NULL : g->results, g->flags);
}

/* n pending futures, and the task that gathers them. */
static yibu_task *gather_futures(gathering *g, size_t n, unsigned flags)
{
    g->n = n;
    g->flags = flags;
    for (size_t i = 0; i < n; i++)
        g->futures[i] = yibu_create_future(NULL);
    return started(gather_in_task, g);
}

LOOP_TEST(gather_returns_the_results_in_order)
{
    yibu_task *tasks[MANY];
    intptr_t results[MANY];
    for (int i = 0; i < MANY; i++)
        tasks[i] = yibu_create_task(return_it, (void *)(intptr_t)i, NULL);
    assert_int_equal(yibu_gather(tasks, MANY, results, 0), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(results[i], i);
    unref_all(tasks, MANY);
    return 0;
}

LOOP_TEST(the_order_of_results_is_that_of_the_futures_not_of_their_ends)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 3, 0);
    for (int i = 2; i >= 0; i--) {
        yibu_future_set_result(g.futures[i], i);
        settle();
    }
    assert_int_equal(yibu_await(task), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(g.results[i], i);
    yibu_task_unref(task);
    unref_all(g.futures, 3);
    return 0;
}

LOOP_TEST(gather_of_nothing_is_done_at_once)
{
    assert_int_equal(yibu_gather(NULL, 0, NULL, 0), 0);
    assert_int_equal(yibu_gather(NULL, 0, NULL, YIBU_RETURN_EXCEPTIONS), 0);
    return 0;
}

LOOP_TEST(gather_takes_futures_that_are_done_already)
{
    yibu_future *futures[] = {ended(1), ended(2)};
    intptr_t results[2];
    assert_int_equal(yibu_gather(futures, 2, results, 0), 0);
    assert_int_equal(results[0], 1);
    assert_int_equal(results[1], 2);
    unref_all(futures, 2);
    return 0;
}

LOOP_TEST(the_first_exception_is_propagated_at_once_and_the_others_go_on)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 4, 0);
    yibu_future_set_result(g.futures[3], 30);
    yibu_future_set_exception(g.futures[1], -EIO);
    assert_int_equal(yibu_await(task), -EIO);
    assert_int_equal(g.results[0], -EINPROGRESS);
    assert_int_equal(g.results[1], -EIO);
    assert_int_equal(g.results[2], -EINPROGRESS);
    assert_int_equal(g.results[3], 30);
    assert_false(yibu_future_done(g.futures[0]));
    yibu_future_set_result(g.futures[0], 0);
    yibu_future_set_exception(g.futures[2], -EPIPE);
    assert_int_equal(yibu_future_result(g.futures[2]), -EPIPE);
    assert_int_equal(g.results[0], -EINPROGRESS);
    yibu_task_unref(task);
    unref_all(g.futures, 4);
    return 0;
}

LOOP_TEST(what_ends_between_the_failure_and_the_gatherer_s_turn_is_in_the_results)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 3, 0);
    yibu_future_set_exception(g.futures[0], -EIO);
    yibu_future_set_result(g.futures[1], 10);
    yibu_future_set_exception(g.futures[2], -EPIPE);
    assert_int_equal(yibu_await(task), -EIO);
    assert_int_equal(g.results[1], 10);
    assert_int_equal(g.results[2], -EPIPE);
    yibu_task_unref(task);
    unref_all(g.futures, 3);
    return 0;
}

LOOP_TEST(an_exception_from_before_the_gather_is_propagated_at_once)
{
    yibu_future *futures[] = {yibu_create_future(NULL), ended(-EIO), ended(-EPIPE)};
    intptr_t results[3];
    assert_int_equal(yibu_gather(futures, 3, results, 0), -EIO);
    assert_int_equal(results[0], -EINPROGRESS);
    assert_int_equal(results[2], -EPIPE);
    assert_false(yibu_future_done(futures[0]));
    unref_all(futures, 3);
    return 0;
}

LOOP_TEST(with_return_exceptions_failures_are_results)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 3, YIBU_RETURN_EXCEPTIONS);
    yibu_future_set_exception(g.futures[1], -EIO);
    yibu_future_cancel(g.futures[2]);
    settle();
    assert_false(yibu_task_done(task));
    yibu_future_set_result(g.futures[0], 8);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(g.results[0], 8);
    assert_int_equal(g.results[1], -EIO);
    assert_int_equal(g.results[2], -ECANCELED);
    yibu_task_unref(task);
    unref_all(g.futures, 3);
    return 0;
}

LOOP_TEST(cancelling_gather_cancels_all_that_are_not_done)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 3, 0);
    yibu_future_set_result(g.futures[1], 1);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_true(yibu_future_cancelled(g.futures[0]));
    assert_true(yibu_future_cancelled(g.futures[2]));
    assert_int_equal(g.results[0], -ECANCELED);
    assert_int_equal(g.results[1], 1);
    yibu_task_unref(task);
    unref_all(g.futures, 3);
    return 0;
}

LOOP_TEST(a_cancel_s_message_reaches_the_children)
{
    gathering g = {.n = 1};
    g.futures[0] = started(sleep_for_ever, NULL);
    yibu_task *task = started(gather_in_task, &g);
    yibu_task_cancel_with(task, "too much");
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_string_equal(yibu_task_cancel_message(g.futures[0]), "too much");
    yibu_task_unref(task);
    unref_all(g.futures, 1);
    return 0;
}

LOOP_TEST(cancelling_gather_is_not_swallowed_by_return_exceptions)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 2, YIBU_RETURN_EXCEPTIONS);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(g.results[0], -ECANCELED);
    assert_int_equal(g.results[1], -ECANCELED);
    yibu_task_unref(task);
    unref_all(g.futures, 2);
    return 0;
}

LOOP_TEST(a_child_that_somebody_else_cancels_has_failed_and_the_others_go_on)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 2, 0);
    yibu_future_cancel(g.futures[0]);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(g.results[1], -EINPROGRESS);
    assert_false(yibu_future_done(g.futures[1]));
    assert_int_equal(yibu_task_cancelling(task), 0);
    yibu_task_unref(task);
    unref_all(g.futures, 2);
    return 0;
}

LOOP_TEST(a_cancelled_gather_waits_for_children_that_refuse_and_keeps_their_results)
{
    yibu_future *go = yibu_create_future(NULL);
    gathering g = {.n = 2};
    g.futures[0] = started(refuse_until, go);
    g.futures[1] = started(sleep_for_ever, NULL);
    yibu_task *task = started(gather_in_task, &g);
    yibu_task_cancel(task);
    settle();
    assert_true(yibu_task_cancelled(g.futures[1]));
    assert_false(yibu_task_done(task));
    yibu_future_set_result(go, 42);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(g.results[0], 42);
    assert_int_equal(g.results[1], -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(go);
    unref_all(g.futures, 2);
    return 0;
}

LOOP_TEST(a_cancelled_gather_is_cancelled_although_every_child_refused)
{
    yibu_future *go = yibu_create_future(NULL);
    gathering g = {.n = 1};
    g.futures[0] = started(refuse_until, go);
    yibu_task *task = started(gather_in_task, &g);
    yibu_task_cancel(task);
    yibu_future_set_result(go, 42);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(g.results[0], 42);
    yibu_task_unref(task);
    yibu_future_unref(go);
    unref_all(g.futures, 1);
    return 0;
}

LOOP_TEST(a_child_that_fails_in_its_clean_up_does_not_end_a_cancelled_gather)
{
    yibu_future *go[2] = {yibu_create_future(NULL), yibu_create_future(NULL)};
    gathering g = {.n = 2};
    g.futures[0] = started(refuse_until, go[0]);
    g.futures[1] = started(refuse_until, go[1]);
    yibu_task *task = started(gather_in_task, &g);
    yibu_task_cancel(task);
    yibu_future_set_exception(go[0], -EIO);
    settle();
    assert_false(yibu_task_done(task));
    yibu_future_set_result(go[1], 1);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(g.results[0], -EIO);
    yibu_task_unref(task);
    unref_all(go, 2);
    unref_all(g.futures, 2);
    return 0;
}

LOOP_TEST(cancelling_after_a_failure_cancels_no_child)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 2, 0);
    yibu_future_set_exception(g.futures[0], -EIO);
    yibu_task_cancel(task); /* done, though it has not run yet */
    assert_int_equal(yibu_await(task), -EIO);
    assert_false(yibu_future_done(g.futures[1]));
    yibu_task_unref(task);
    unref_all(g.futures, 2);
    return 0;
}

LOOP_TEST(a_gather_that_was_complete_when_the_cancel_came_has_succeeded)
{
    gathering g = {.discard = false};
    yibu_task *task = gather_futures(&g, 2, 0);
    yibu_future_set_result(g.futures[0], 1);
    yibu_future_set_result(g.futures[1], 2);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(g.results[1], 2);
    yibu_task_unref(task);
    unref_all(g.futures, 2);
    return 0;
}

static intptr_t gather_after_a_cancel(void *arg)
{
    yibu_task_cancel(yibu_current_task());
    return gather_in_task(arg);
}

LOOP_TEST(a_gather_begun_after_the_cancel_cancels_its_children_too)
{
    gathering g = {.n = 2};
    g.futures[0] = started(sleep_for_ever, NULL);
    g.futures[1] = yibu_create_future(NULL);
    yibu_task *task = started(gather_after_a_cancel, &g);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_true(yibu_future_cancelled(g.futures[0]));
    assert_true(yibu_future_cancelled(g.futures[1]));
    yibu_task_unref(task);
    unref_all(g.futures, 2);
    return 0;
}

LOOP_TEST(the_same_future_may_be_given_twice)
{
    gathering g = {.discard = false};
    yibu_future *future = yibu_create_future(NULL);
    for (g.n = 0; g.n < 3; g.n++)
        g.futures[g.n] = future;
    yibu_task *task = started(gather_in_task, &g);
    yibu_future_set_result(future, 5);
    assert_int_equal(yibu_await(task), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(g.results[i], 5);
    yibu_task_unref(task);
    yibu_future_unref(future);
    return 0;
}

LOOP_TEST(a_failure_of_a_future_given_twice_is_one)
{
    gathering g = {.n = 3};
    yibu_future *future = yibu_create_future(NULL);
    g.futures[0] = g.futures[2] = future;
    g.futures[1] = yibu_create_future(NULL);
    yibu_task *task = started(gather_in_task, &g);
    yibu_future_set_exception(future, -EIO);
    assert_int_equal(yibu_await(task), -EIO);
    assert_int_equal(g.results[2], -EIO);
    yibu_task_unref(task);
    unref_all(g.futures, 2);
    return 0;
}

LOOP_TEST(a_task_given_twice_is_cancelled_once)
{
    yibu_future *go = yibu_create_future(NULL);
    yibu_task *child = started(refuse_until, go);
    gathering g = {.futures = {child, child}, .n = 2};
    yibu_task *task = started(gather_in_task, &g);
    yibu_task_cancel(task);
    assert_int_equal(yibu_task_cancelling(child), 1);
    yibu_future_set_result(go, 1);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_task_unref(child);
    yibu_future_unref(go);
    return 0;
}

LOOP_TEST(a_gather_whose_cancel_is_taken_back_and_comes_anew_cancels_its_children_once)
{
    yibu_future *go = yibu_create_future(NULL);
    gathering g = {.n = 1};
    g.futures[0] = started(refuse_until, go);
    yibu_task *task = started(gather_in_task, &g);
    yibu_task_cancel(task);
    assert_int_equal(yibu_task_uncancel(task), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_task_cancelling(g.futures[0]), 1);
    yibu_future_set_result(go, 1);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(go);
    unref_all(g.futures, 1);
    return 0;
}

LOOP_TEST(cancelling_an_outer_gather_cancels_the_inner_one_s_children)
{
    gathering inner = {.discard = false};
    gathering outer = {.n = 2};
    outer.futures[0] = gather_futures(&inner, 2, 0);
    outer.futures[1] = yibu_create_future(NULL);
    yibu_task *task = started(gather_in_task, &outer);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(outer.results[0], -ECANCELED);
    assert_true(yibu_future_cancelled(inner.futures[0]));
    assert_true(yibu_future_cancelled(inner.futures[1]));
    yibu_task_unref(task);
    unref_all(outer.futures, 2);
    unref_all(inner.futures, 2);
    return 0;
}

static intptr_t gather_one_deeper(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return yibu_sleep(YIBU_FOREVER);
    yibu_task *child = yibu_create_task(gather_one_deeper, (void *)(depth - 1), NULL);
    int r = yibu_gather(&child, 1, NULL, 0);
    assert_true(yibu_task_cancelled(child));
    yibu_task_unref(child);
    return r;
}

LOOP_TEST(a_cancel_goes_down_three_thousand_nested_gathers)
{
    yibu_task *task = yibu_create_task(gather_one_deeper, (void *)3000, NULL);
    for (int i = 0; i < 1000; i++)
        settle();
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(gathers_nest_and_keep_their_results)
{
    gathering inner = {.discard = false};
    gathering outer = {.n = 2};
    outer.futures[0] = gather_futures(&inner, 2, 0);
    outer.futures[1] = ended(9);
    yibu_task *task = started(gather_in_task, &outer);
    yibu_future_set_result(inner.futures[0], 1);
    yibu_future_set_result(inner.futures[1], 2);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(outer.results[0], 0);
    assert_int_equal(outer.results[1], 9);
    assert_int_equal(inner.results[1], 2);
    yibu_task_unref(task);
    unref_all(outer.futures, 2);
    unref_all(inner.futures, 2);
    return 0;
}

LOOP_TEST(two_gathers_may_share_a_future)
{
    gathering first = {.discard = false};
    yibu_task *a = gather_futures(&first, 2, 0);
    gathering second = {.n = 2, .futures = {first.futures[1], first.futures[0]}};
    yibu_task *b = started(gather_in_task, &second);
    yibu_future_set_result(first.futures[0], 1);
    yibu_future_set_result(first.futures[1], 2);
    assert_int_equal(yibu_await(a), 0);
    assert_int_equal(yibu_await(b), 0);
    assert_int_equal(second.results[0], 2);
    assert_int_equal(second.results[1], 1);
    yibu_task_unref(a);
    yibu_task_unref(b);
    unref_all(first.futures, 2);
    return 0;
}

LOOP_TEST(children_may_lose_their_last_reference_while_they_are_gathered)
{
    gathering g = {.n = 2};
    yibu_future *go = yibu_create_future(NULL);
    g.futures[0] = started(await_it, go);
    g.futures[1] = started(await_it, go);
    yibu_task *task = started(gather_in_task, &g);
    unref_all(g.futures, 2);
    yibu_future_set_result(go, 6);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(g.results[0], 6);
    assert_int_equal(g.results[1], 6);
    yibu_task_unref(task);
    yibu_future_unref(go);
    return 0;
}

LOOP_TEST(a_task_that_could_not_be_created_has_failed_with_no_memory)
{
    yibu_future *futures[] = {ended(1), NULL};
    intptr_t results[2];
    assert_int_equal(yibu_gather(futures, 2, results, 0), -ENOMEM);
    assert_int_equal(results[0], 1);
    assert_int_equal(yibu_gather(futures, 2, results, YIBU_RETURN_EXCEPTIONS), 0);
    assert_int_equal(results[1], -ENOMEM);
    unref_all(futures, 1);
    return 0;
}

LOOP_TEST(gather_refuses_what_makes_no_sense)
{
    yibu_future *futures[] = {yibu_create_future(NULL), yibu_current_task()};
    assert_int_equal(yibu_gather(futures, 2, NULL, 0), -EDEADLK);
    assert_int_equal(yibu_gather(futures, 1, NULL, 2), -EINVAL);
    assert_int_equal(yibu_gather(NULL, 1, NULL, 0), -EINVAL);
    assert_int_equal(yibu_gather(futures, SIZE_MAX / 64, NULL, 0), -EDEADLK);
    unref_all(futures, 1);
    return 0;
}

static intptr_t keep_future(void *arg)
{
    *(yibu_future **)arg = ended(3);
    return 0;
}

static intptr_t gather_the_kept(void *arg)
{
    intptr_t result;
    assert_int_equal(yibu_gather(arg, 1, &result, 0), 0);
    assert_int_equal(yibu_wait(arg, 1, YIBU_FOREVER, YIBU_ALL_COMPLETED), 1);
    return result;
}

static void futures_that_ended_on_an_earlier_loop_may_be_gathered(void **state)
{
    (void)state;
    yibu_future *kept;
    assert_int_equal(yibu_run(keep_future, &kept, NULL), 0);
    assert_int_equal(yibu_run(gather_the_kept, &kept, NULL), 3);
    yibu_future_unref(kept);
}

static void gather_needs_a_task(void **state)
{
    (void)state;
    assert_int_equal(yibu_gather(NULL, 0, NULL, 0), YIBU_ENOTASK);
}

LOOP_TEST(a_time_limit_around_gather_cancels_its_children)
{
    yibu_task *tasks[2];
    for (int i = 0; i < 2; i++)
        tasks[i] = yibu_create_task(sleep_for_ever, NULL, NULL);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    intptr_t r = yibu_timeout_end(&limit, yibu_gather(tasks, 2, NULL, 0));
    assert_int_equal(r, -ETIMEDOUT);
    assert_true(yibu_task_cancelled(tasks[0]));
    assert_true(yibu_task_cancelled(tasks[1]));
    unref_all(tasks, 2);
    return 0;
}

/* Which failures count as retrieved. */

static intptr_t take_all_failures(void *arg)
{
    (void)arg;
    yibu_future *futures[] = {ended(-EIO), ended(-EPIPE)};
    intptr_t results[2];
    assert_int_equal(yibu_gather(futures, 2, NULL, YIBU_RETURN_EXCEPTIONS), 0);
    unref_all(futures, 2);
    futures[0] = ended(-EIO), futures[1] = ended(-EPIPE);
    assert_int_equal(yibu_gather(futures, 2, results, 0), -EIO);
    unref_all(futures, 2);
    return 0;
}

static void failures_that_gather_hands_out_are_retrieved(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(take_all_failures, &kept);
    assert_int_equal(kept.count, 0);
}

static intptr_t fail_after_the_first(void *arg)
{
    (void)arg;
    gathering g = {.discard = true};
    yibu_task *task = gather_futures(&g, 2, 0);
    yibu_future_set_exception(g.futures[0], -EIO);
    assert_int_equal(yibu_await(task), -EIO);
    yibu_future_set_exception(g.futures[1], -EPIPE);
    yibu_task_unref(task);
    unref_all(g.futures, 2);
    return 0;
}

static void a_failure_after_the_first_one_is_reported_where_nobody_asks_for_it(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(fail_after_the_first, &kept);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.code, -EPIPE);
}

static intptr_t fail_in_a_cancelled_gather(void *arg)
{
    (void)arg;
    yibu_future *go = yibu_create_future(NULL);
    gathering g = {.n = 1, .discard = true};
    g.futures[0] = started(refuse_until, go);
    yibu_task *task = started(gather_in_task, &g);
    yibu_task_cancel(task);
    yibu_future_set_exception(go, -EIO);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_future_unref(go);
    unref_all(g.futures, 1);
    return 0;
}

static void a_failure_that_a_cancelled_gather_hides_is_reported(void **state)
{
    (void)state;
    reports kept;
    run_with_reports(fail_in_a_cancelled_gather, &kept);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.code, -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_returns_the_results_in_order),
        cmocka_unit_test(the_order_of_results_is_that_of_the_futures_not_of_their_ends),
        cmocka_unit_test(gather_of_nothing_is_done_at_once),
        cmocka_unit_test(gather_takes_futures_that_are_done_already),
        cmocka_unit_test(the_first_exception_is_propagated_at_once_and_the_others_go_on),
        cmocka_unit_test(what_ends_between_the_failure_and_the_gatherer_s_turn_is_in_the_results),
        cmocka_unit_test(an_exception_from_before_the_gather_is_propagated_at_once),
        cmocka_unit_test(with_return_exceptions_failures_are_results),
        cmocka_unit_test(cancelling_gather_cancels_all_that_are_not_done),
        cmocka_unit_test(a_cancel_s_message_reaches_the_children),
        cmocka_unit_test(cancelling_gather_is_not_swallowed_by_return_exceptions),
        cmocka_unit_test(a_child_that_somebody_else_cancels_has_failed_and_the_others_go_on),
        cmocka_unit_test(a_cancelled_gather_waits_for_children_that_refuse_and_keeps_their_results),
        cmocka_unit_test(a_cancelled_gather_is_cancelled_although_every_child_refused),
        cmocka_unit_test(a_child_that_fails_in_its_clean_up_does_not_end_a_cancelled_gather),
        cmocka_unit_test(cancelling_after_a_failure_cancels_no_child),
        cmocka_unit_test(a_gather_that_was_complete_when_the_cancel_came_has_succeeded),
        cmocka_unit_test(a_gather_begun_after_the_cancel_cancels_its_children_too),
        cmocka_unit_test(the_same_future_may_be_given_twice),
        cmocka_unit_test(a_failure_of_a_future_given_twice_is_one),
        cmocka_unit_test(a_task_given_twice_is_cancelled_once),
        cmocka_unit_test(
            a_gather_whose_cancel_is_taken_back_and_comes_anew_cancels_its_children_once),
        cmocka_unit_test(cancelling_an_outer_gather_cancels_the_inner_one_s_children),
        cmocka_unit_test(a_cancel_goes_down_three_thousand_nested_gathers),
        cmocka_unit_test(gathers_nest_and_keep_their_results),
        cmocka_unit_test(two_gathers_may_share_a_future),
        cmocka_unit_test(children_may_lose_their_last_reference_while_they_are_gathered),
        cmocka_unit_test(a_task_that_could_not_be_created_has_failed_with_no_memory),
        cmocka_unit_test(gather_refuses_what_makes_no_sense),
        cmocka_unit_test(futures_that_ended_on_an_earlier_loop_may_be_gathered),
        cmocka_unit_test(gather_needs_a_task),
        cmocka_unit_test(a_time_limit_around_gather_cancels_its_children),
        cmocka_unit_test(failures_that_gather_hands_out_are_retrieved),
        cmocka_unit_test(a_failure_after_the_first_one_is_reported_where_nobody_asks_for_it),
        cmocka_unit_test(a_failure_that_a_cancelled_gather_hides_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
