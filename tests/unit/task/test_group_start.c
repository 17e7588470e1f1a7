/* Starting a child and waiting until it is ready: the statements of trio's documentation about
 * Nursery.start. */
#include <errno.h>

#include "test.h"

typedef struct server {
    intptr_t ready_value;
    int64_t before_ns, after_ns; /* how long it works before it is ready, and after that */
    intptr_t result;             /* where nobody cancels it */
    intptr_t before, after;      /* what those sleeps answered */
    intptr_t started, again;     /* what yibu_group_started answered */
    bool never_ready;
} server;

static intptr_t serve(void *arg)
{
    server *s = arg;
    s->before = yibu_sleep(s->before_ns);
    if (s->before < 0)
        return s->before;
    if (!s->never_ready) {
        s->started = yibu_group_started(s->ready_value);
        s->again = yibu_group_started(0);
        s->after = yibu_sleep(s->after_ns);
        if (s->after < 0)
            return s->after;
    }
    return s->result;
}

LOOP_TEST(start_waits_until_the_child_is_ready_and_brings_its_value)
{
    server s = {.ready_value = 8080, .before_ns = YIBU_US(50), .after_ns = YIBU_MS(1)};
    intptr_t value = 0;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_start(&group, serve, &s, &value), 0);
    assert_int_equal(value, 8080);
    assert_int_equal(yibu_group_children(&group), 1);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(s.after, 0);
    return 0;
}

LOOP_TEST(a_child_that_says_twice_that_it_is_ready_is_told)
{
    server s = {.before_ns = 1, .after_ns = 1};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_start(&group, serve, &s, NULL), 0);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(s.started, 0);
    assert_int_equal(s.again, -EALREADY);
    return 0;
}

LOOP_TEST(the_same_function_can_be_spawned_without_anybody_waiting)
{
    server s = {.before_ns = 1, .after_ns = 1};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_spawn(&group, serve, &s), 0);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(s.started, 0);
    return 0;
}

LOOP_TEST(a_child_that_fails_before_it_is_ready_fails_the_start_and_not_the_group)
{
    server s = {.before_ns = 1, .never_ready = true, .result = -EADDRINUSE};
    intptr_t value = 42;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_start(&group, serve, &s, &value), -EADDRINUSE);
    assert_int_equal(value, 42);
    assert_false(yibu_group_cancelled(&group));
    assert_int_equal(yibu_sleep(1), 0);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(yibu_group_failures(&group), 0);
    return 0;
}

LOOP_TEST(a_child_that_ends_without_being_ready_fails_the_start)
{
    server s = {.before_ns = 1, .never_ready = true, .result = 7};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_start(&group, serve, &s, NULL), -ECHILD);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    return 0;
}

LOOP_TEST(a_child_that_fails_after_it_was_ready_fails_the_group)
{
    server s = {.before_ns = 1, .after_ns = 1, .result = -EIO};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_start(&group, serve, &s, NULL), 0);
    assert_int_equal(yibu_group_end(&group, 0), -EIO);
    return 0;
}

LOOP_TEST(a_limit_on_the_start_cancels_the_child_and_waits_for_its_end)
{
    server s = {.before_ns = YIBU_FOREVER, .before = 1};
    yibu_timeout limit;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_timeout_begin(&limit, YIBU_US(100));
    intptr_t r = yibu_group_start(&group, serve, &s, NULL);
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    assert_int_equal(s.before, -ECANCELED);
    assert_int_equal(yibu_group_children(&group), 0);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    return 0;
}

static void cancel_group(void *arg)
{
    yibu_group_cancel(arg);
}

LOOP_TEST(a_group_cancelled_while_a_child_starts_ends_both)
{
    server s = {.before_ns = YIBU_FOREVER};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_call_later(yibu_get_running_loop(), YIBU_US(100), cancel_group, &group, NULL);
    intptr_t r = yibu_group_start(&group, serve, &s, NULL);
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(s.before, -ECANCELED);
    assert_int_equal(yibu_group_end(&group, r), 0);
    return 0;
}

static intptr_t fail_soon(void *arg)
{
    (void)yibu_sleep((int64_t)(intptr_t)arg);
    return -EIO;
}

LOOP_TEST(a_sibling_that_fails_while_a_child_starts_ends_both)
{
    server s = {.before_ns = YIBU_FOREVER, .before = 1};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, fail_soon, (void *)(intptr_t)1000);
    intptr_t r = yibu_group_start(&group, serve, &s, NULL);
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(s.before, -ECANCELED);
    assert_int_equal(yibu_group_end(&group, r), -EIO);
    return 0;
}

/* Is ready although it was cancelled before. */
static intptr_t claim_to_be_ready(void *arg)
{
    server *s = arg;
    s->before = yibu_sleep(YIBU_FOREVER);
    s->started = yibu_group_started(1);
    return s->before;
}

LOOP_TEST(a_child_that_was_cancelled_is_not_ready_any_more)
{
    server s = {.started = 0};
    yibu_timeout limit;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_timeout_begin(&limit, YIBU_US(100));
    intptr_t r = yibu_group_start(&group, claim_to_be_ready, &s, NULL);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    assert_int_equal(s.started, -ECANCELED);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    return 0;
}

static intptr_t be_ready_and_cancel_starter(void *arg)
{
    assert_int_equal(yibu_group_started(5), 0);
    yibu_task_cancel(arg);
    return 0;
}

static intptr_t start_and_be_cancelled(void *arg)
{
    intptr_t *value = arg;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    int r = yibu_group_start(&group, be_ready_and_cancel_starter, yibu_current_task(), value);
    assert_int_equal(r, 0);
    return yibu_group_end(&group, yibu_sleep(1));
}

LOOP_TEST(a_cancel_in_the_turn_in_which_the_child_is_ready_comes_after_it)
{
    intptr_t value = 0;
    yibu_task *task = yibu_create_task(start_and_be_cancelled, &value, NULL);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(value, 5);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_start_stands_in_line_like_any_child)
{
    server first = {.before_ns = YIBU_US(100), .never_ready = true};
    server second = {.before_ns = 1, .after_ns = 1, .ready_value = 2};
    yibu_group_options options = {.size = sizeof(options), .max_running = 1};
    intptr_t value = 0;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, &options);
    yibu_group_spawn(&group, serve, &first);
    assert_int_equal(yibu_group_start(&group, serve, &second, &value), 0);
    assert_int_equal(value, 2);
    assert_int_equal(first.before, 0);
    assert_int_equal(yibu_group_end(&group, 0), 0);

    first = (server){.before_ns = YIBU_FOREVER};
    yibu_group_begin(&group, &options);
    yibu_group_spawn(&group, serve, &first);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_US(100));
    second.before = 1;
    intptr_t r = yibu_group_start(&group, serve, &second, &value);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    assert_int_equal(second.before, 1);
    yibu_group_cancel(&group);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    return 0;
}

typedef struct recruiter {
    yibu_group *group;
    server recruit;
    intptr_t value;
} recruiter;

static intptr_t recruit(void *arg)
{
    recruiter *r = arg;
    return yibu_group_start(r->group, serve, &r->recruit, &r->value);
}

LOOP_TEST(another_task_than_the_owner_can_start_a_child)
{
    yibu_group group = YIBU_GROUP_INIT;
    recruiter r = {.group = &group,
                   .recruit = {.ready_value = 3, .before_ns = 1, .after_ns = YIBU_FOREVER}};
    yibu_group_begin(&group, NULL);
    yibu_task *task = yibu_create_task(recruit, &r, NULL);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(r.value, 3);
    assert_int_equal(yibu_group_children(&group), 1);
    yibu_group_cancel(&group);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(r.recruit.after, -ECANCELED);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_waits_until_the_child_is_ready_and_brings_its_value),
        cmocka_unit_test(a_child_that_says_twice_that_it_is_ready_is_told),
        cmocka_unit_test(the_same_function_can_be_spawned_without_anybody_waiting),
        cmocka_unit_test(a_child_that_fails_before_it_is_ready_fails_the_start_and_not_the_group),
        cmocka_unit_test(a_child_that_ends_without_being_ready_fails_the_start),
        cmocka_unit_test(a_child_that_fails_after_it_was_ready_fails_the_group),
        cmocka_unit_test(a_limit_on_the_start_cancels_the_child_and_waits_for_its_end),
        cmocka_unit_test(a_group_cancelled_while_a_child_starts_ends_both),
        cmocka_unit_test(a_sibling_that_fails_while_a_child_starts_ends_both),
        cmocka_unit_test(a_child_that_was_cancelled_is_not_ready_any_more),
        cmocka_unit_test(a_cancel_in_the_turn_in_which_the_child_is_ready_comes_after_it),
        cmocka_unit_test(a_start_stands_in_line_like_any_child),
        cmocka_unit_test(another_task_than_the_owner_can_start_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
