/* Groups with a limit on how many children run at once. */
#include <errno.h>

#include "test.h"

typedef struct crowd {
    yibu_group group;
    int inside, most, runs, discarded;
    int64_t each_ns;
} crowd;

static intptr_t pass(void *arg)
{
    crowd *c = arg;
    c->runs++;
    if (++c->inside > c->most)
        c->most = c->inside;
    int r = yibu_sleep(c->each_ns);
    c->inside--;
    return r;
}

static void begin(crowd *c, size_t max_running)
{
    yibu_group_options options = {.size = sizeof(options), .max_running = max_running};
    *c = (crowd){.group = YIBU_GROUP_INIT, .each_ns = YIBU_US(20)};
    assert_int_equal(yibu_group_begin(&c->group, &options), 0);
}

LOOP_TEST(no_more_children_run_at_once_than_the_limit_says)
{
    crowd c;
    begin(&c, 3);
    for (int i = 0; i < 20; i++)
        assert_int_equal(yibu_group_spawn(&c.group, pass, &c), 0);
    assert_int_equal(yibu_group_children(&c.group), 20);
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    assert_int_equal(c.most, 3);
    assert_int_equal(c.runs, 20);
    return 0;
}

static int order[8], entries;

static intptr_t note_order(void *arg)
{
    order[entries++] = (int)(intptr_t)arg;
    return yibu_sleep(0);
}

LOOP_TEST(children_in_line_begin_in_the_order_in_which_they_came)
{
    crowd c;
    begin(&c, 1);
    entries = 0;
    for (intptr_t i = 0; i < 8; i++)
        yibu_group_spawn(&c.group, note_order, (void *)i);
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(order[i], i);
    return 0;
}

LOOP_TEST(a_child_in_line_that_is_cancelled_ends_without_having_run)
{
    crowd c;
    begin(&c, 1);
    c.each_ns = YIBU_FOREVER;
    yibu_task *first, *second;
    yibu_group_create_task(&c.group, pass, &c, NULL, &first);
    yibu_group_create_task(&c.group, pass, &c, NULL, &second);
    assert_true(yibu_task_cancel(second));
    assert_int_equal(yibu_await(second), -ECANCELED);
    assert_int_equal(c.inside, 1); /* the first still runs */
    assert_false(yibu_group_cancelled(&c.group));
    assert_true(yibu_task_cancel(first));
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    assert_int_equal(c.runs, 1);
    yibu_task_unref(first);
    yibu_task_unref(second);
    return 0;
}

static void discard(void *arg)
{
    free(arg);
}

static intptr_t use_up(void *arg)
{
    free(arg);
    return yibu_sleep(YIBU_FOREVER);
}

LOOP_TEST(the_arguments_of_children_that_never_ran_are_discarded)
{
    yibu_group_options options = {.size = sizeof(options), .max_running = 2, .discard = discard};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, &options);
    for (int i = 0; i < 10; i++)
        assert_int_equal(yibu_group_spawn(&group, use_up, malloc(16)), 0);
    yibu_sleep(0);
    yibu_group_cancel(&group);
    assert_int_equal(yibu_group_end(&group, 0), 0); /* what leaks, the sanitizer finds */
    return 0;
}

static intptr_t fail_at_once(void *arg)
{
    (void)arg;
    return -EIO;
}

LOOP_TEST(a_failure_ends_those_in_line_too)
{
    crowd c;
    begin(&c, 1);
    yibu_group_spawn(&c.group, fail_at_once, NULL);
    for (int i = 0; i < 5; i++)
        yibu_group_spawn(&c.group, pass, &c);
    assert_int_equal(yibu_group_end(&c.group, 0), -EIO);
    assert_int_equal(c.runs, 0);
    return 0;
}

static intptr_t end_a_crowd(void *arg)
{
    crowd *c = arg;
    begin(c, 1);
    c->each_ns = YIBU_FOREVER;
    for (int i = 0; i < 5; i++)
        yibu_group_spawn(&c->group, pass, c);
    return yibu_group_end(&c->group, 0);
}

LOOP_TEST(a_cancel_from_outside_ends_those_in_line_too)
{
    crowd c = {.runs = 0};
    yibu_task *task = yibu_create_task(end_a_crowd, &c, NULL);
    while (c.runs == 0)
        yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(c.runs, 1);
    return 0;
}

static intptr_t add_another(void *arg)
{
    crowd *c = arg;
    if (c->runs < 5)
        assert_int_equal(yibu_group_spawn(&c->group, add_another, c), 0);
    return pass(c);
}

LOOP_TEST(a_child_that_adds_one_does_not_wait_for_it_to_begin)
{
    crowd c;
    begin(&c, 1);
    yibu_group_spawn(&c.group, add_another, &c);
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    assert_int_equal(c.most, 1);
    assert_int_equal(c.runs, 6);
    return 0;
}

LOOP_TEST(stack_sizes_and_names_outlast_the_line)
{
    crowd c;
    begin(&c, 1);
    yibu_task_options options = {
        .size = sizeof(options), .name = "patient", .stack_bytes = 256 * 1024};
    yibu_task *second;
    yibu_group_spawn(&c.group, pass, &c);
    yibu_group_create_task(&c.group, pass, &c, &options, &second);
    assert_string_equal(yibu_task_get_name(second), "patient");
    assert_int_equal(yibu_await(second), 0);
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    yibu_task_unref(second);
    return 0;
}

LOOP_TEST(an_eager_child_runs_at_once_where_it_may_and_otherwise_in_its_turn)
{
    crowd c;
    begin(&c, 1);
    yibu_task_options eager = {.size = sizeof(eager), .eager = true};
    yibu_group_create_task(&c.group, pass, &c, &eager, NULL);
    assert_int_equal(c.runs, 1);
    yibu_group_create_task(&c.group, pass, &c, &eager, NULL);
    assert_int_equal(c.runs, 1);
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    assert_int_equal(c.runs, 2);

    yibu_group_begin(&c.group, NULL);
    assert_int_equal(yibu_group_create_task(&c.group, fail_at_once, NULL, &eager, NULL), 0);
    assert_true(yibu_group_cancelled(&c.group));
    assert_int_equal(yibu_group_end(&c.group, 0), -EIO);
    return 0;
}

static intptr_t count(void *arg)
{
    crowd *c = arg;
    c->most = ++c->inside > c->most ? c->inside : c->most;
    int r = yibu_yield();
    c->inside--;
    c->runs++;
    return r;
}

LOOP_TEST(a_hundred_thousand_in_line_are_let_in_one_after_the_other)
{
    enum { COUNT = YB_TEST_SLOWDOWN > 1 ? 1000 : 100000 };
    crowd c;
    begin(&c, 10);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(yibu_group_spawn(&c.group, count, &c), 0);
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    assert_int_equal(c.most, 10);
    assert_int_equal(c.runs, COUNT);
    return 0;
}

LOOP_TEST(a_hundred_thousand_in_line_can_be_cancelled)
{
    enum { COUNT = YB_TEST_SLOWDOWN > 1 ? 1000 : 100000 };
    crowd c;
    begin(&c, 1);
    c.each_ns = YIBU_FOREVER;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(yibu_group_spawn(&c.group, pass, &c), 0);
    yibu_sleep(0);
    yibu_group_cancel(&c.group);
    assert_int_equal(yibu_group_end(&c.group, 0), 0);
    assert_int_equal(c.runs, 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_children_run_at_once_than_the_limit_says),
        cmocka_unit_test(children_in_line_begin_in_the_order_in_which_they_came),
        cmocka_unit_test(a_child_in_line_that_is_cancelled_ends_without_having_run),
        cmocka_unit_test(the_arguments_of_children_that_never_ran_are_discarded),
        cmocka_unit_test(a_failure_ends_those_in_line_too),
        cmocka_unit_test(a_cancel_from_outside_ends_those_in_line_too),
        cmocka_unit_test(a_child_that_adds_one_does_not_wait_for_it_to_begin),
        cmocka_unit_test(stack_sizes_and_names_outlast_the_line),
        cmocka_unit_test(an_eager_child_runs_at_once_where_it_may_and_otherwise_in_its_turn),
        cmocka_unit_test(a_hundred_thousand_in_line_are_let_in_one_after_the_other),
        cmocka_unit_test(a_hundred_thousand_in_line_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
