/* Groups: the statements of asyncio's documentation about TaskGroup, and what C adds to them. */
#include <errno.h>

#include "base/memory.h"
#include "process.h"
#include "test.h"

typedef struct worker {
    int64_t delay_ns;
    intptr_t result;
    intptr_t slept; /* what the sleep answered */
    bool done;
} worker;

/* Sleeps, then returns its result; where it was cancelled, what the sleep answered. */
static intptr_t work(void *arg)
{
    worker *w = arg;
    w->slept = yibu_sleep(w->delay_ns);
    w->done = true;
    return w->slept < 0 ? w->slept : w->result;
}

static intptr_t sleep_for_ever(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_FOREVER);
}

static intptr_t fail_at_once(void *arg)
{
    (void)arg;
    return -EIO;
}

static intptr_t count(void *arg)
{
    ++*(int *)arg;
    return 0;
}

LOOP_TEST(a_group_ends_when_all_its_children_have)
{
    worker quick = {.delay_ns = YIBU_US(10)}, slow = {.delay_ns = YIBU_MS(3)};
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    assert_int_equal(yibu_group_spawn(&group, work, &slow), 0);
    assert_int_equal(yibu_group_spawn(&group, work, &quick), 0);
    assert_int_equal(yibu_group_children(&group), 2);
    assert_int_equal(yibu_group_end(&group, 7), 7);
    assert_true(quick.done && slow.done);
    assert_int_equal(yibu_group_children(&group), 0);
    assert_int_equal(yibu_group_failures(&group), 0);
    assert_false(yibu_group_cancelled(&group));
    return 0;
}

LOOP_TEST(an_empty_group_ends_at_once_with_the_result_of_its_body)
{
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    assert_int_equal(yibu_group_end(&group, 3), 3);
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    assert_int_equal(yibu_group_end(&group, -EDOM), -EDOM);
    assert_int_equal(yibu_group_failures(&group), 1);
    return 0;
}

LOOP_TEST(the_first_failure_cancels_the_siblings_and_is_the_result)
{
    worker sibling = {.delay_ns = YIBU_FOREVER};
    worker failing = {.delay_ns = YIBU_US(10), .result = -EIO};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, work, &sibling);
    yibu_group_spawn(&group, work, &failing);
    assert_int_equal(yibu_group_end(&group, 0), -EIO);
    assert_int_equal(sibling.slept, -ECANCELED);
    assert_true(yibu_group_cancelled(&group));
    assert_int_equal(yibu_sleep(1), 0);
    return 0;
}

LOOP_TEST(a_failure_cancels_the_body_and_that_cancel_does_not_leave_the_group)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, fail_at_once, NULL);
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    assert_int_equal(yibu_group_end(&group, r), -EIO);
    assert_int_equal(yibu_sleep(1), 0);
    assert_int_equal(yibu_task_cancelling(yibu_current_task()), 0);
    return 0;
}

LOOP_TEST(no_child_can_be_added_once_a_group_was_cancelled_or_has_ended)
{
    int runs = 0;
    yibu_task *none = NULL;
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_spawn(&group, count, &runs), -EINVAL);
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_spawn(&group, NULL, NULL), -EINVAL);
    yibu_group_spawn(&group, fail_at_once, NULL);
    yibu_sleep(0);
    assert_int_equal(yibu_group_spawn(&group, count, &runs), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_group_end(&group, 0), -EIO);
    assert_int_equal(yibu_group_spawn(&group, count, &runs), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_group_create_task(&group, count, &runs, NULL, &none), YIBU_ESHUTDOWN);
    assert_null(none);
    assert_int_equal(runs, 0);
    return 0;
}

LOOP_TEST(a_cancelled_child_is_no_failure)
{
    yibu_task *child;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_int_equal(yibu_group_create_task(&group, sleep_for_ever, NULL, NULL, &child), 0);
    worker other = {.delay_ns = YIBU_MS(1), .result = 1};
    yibu_group_spawn(&group, work, &other);
    yibu_sleep(0);
    yibu_task_cancel(child);
    assert_int_equal(yibu_group_end(&group, 5), 5);
    assert_int_equal(other.slept, 0);
    assert_int_equal(yibu_task_result(child), -ECANCELED);
    yibu_task_unref(child);
    return 0;
}

LOOP_TEST(a_failing_body_is_treated_as_a_failing_child)
{
    worker child = {.delay_ns = YIBU_FOREVER};
    yibu_group_failure failures[2];
    yibu_group_options options = {.size = sizeof(options), .failures = failures, .max_failures = 2};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, &options);
    yibu_group_spawn(&group, work, &child);
    yibu_sleep(0);
    assert_int_equal(yibu_group_end(&group, -EDOM), -EDOM);
    assert_int_equal(child.slept, -ECANCELED);
    assert_int_equal(yibu_group_failures(&group), 1);
    assert_int_equal(failures[0].code, -EDOM);
    assert_int_equal(failures[0].task_id, 0);
    assert_non_null(strstr(failures[0].place, "test_group.c:"));
    return 0;
}

/* Fails although cancelled, as a clean-up that goes wrong. */
static intptr_t fail_in_clean_up(void *arg)
{
    (void)yibu_sleep(YIBU_FOREVER);
    return (intptr_t)arg;
}

LOOP_TEST(every_failure_can_be_retrieved_not_only_the_first)
{
    yibu_group_failure failures[4];
    yibu_group_options options = {.size = sizeof(options), .failures = failures, .max_failures = 4};
    yibu_task_options named = {.size = sizeof(named), .name = "cleaner"};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, &options);
    yibu_group_create_task(&group, fail_in_clean_up, (void *)(intptr_t)-ENOSPC, &named, NULL);
    yibu_group_spawn(&group, fail_in_clean_up, (void *)(intptr_t)-EPIPE);
    yibu_group_spawn(&group, fail_at_once, NULL);
    assert_int_equal(yibu_group_end(&group, 0), -EIO);
    assert_int_equal(yibu_group_failures(&group), 3);
    assert_int_equal(failures[0].code, -EIO);
    assert_int_equal(failures[1].code, -ENOSPC);
    assert_string_equal(failures[1].task, "cleaner");
    assert_non_null(strstr(failures[1].place, "test_group.c:"));
    assert_int_equal(failures[2].code, -EPIPE);
    return 0;
}

static char reported[8][128];
static int reports;

static void note_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)arg;
    snprintf(reported[reports++ % 8], sizeof(reported[0]), "%s: %s", message,
             yibu_error_name(code));
}

static intptr_t fail_thrice(void *arg)
{
    (void)arg;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, fail_in_clean_up, (void *)(intptr_t)-EPIPE);
    yibu_group_spawn(&group, fail_at_once, NULL);
    (void)yibu_sleep(YIBU_FOREVER);
    assert_int_equal(yibu_group_end(&group, -EDOM), -EIO);
    assert_int_equal(yibu_group_failures(&group), 3);
    return 0;
}

static void failures_there_is_no_room_for_go_to_the_exception_handler(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .exception_handler = note_report};
    reports = 0;
    assert_int_equal(yibu_run(fail_thrice, NULL, &options), 0);
    assert_int_equal(reports, 2);
    assert_non_null(strstr(reported[0], "the body of the group that began at"));
    assert_non_null(strstr(reported[0], "EDOM"));
    assert_non_null(strstr(reported[1], "EPIPE"));
}

typedef struct offspring {
    yibu_group *group;
    int generations, runs;
} offspring;

static intptr_t beget(void *arg)
{
    offspring *o = arg;
    o->runs++;
    int r = yibu_sleep(YIBU_US(10));
    return r == 0 && --o->generations > 0 ? yibu_group_spawn(o->group, beget, o) : r;
}

LOOP_TEST(children_can_add_children_while_the_group_ends)
{
    yibu_group group = YIBU_GROUP_INIT;
    offspring o = {&group, 20, 0};
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, beget, &o);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(o.runs, 20);
    return 0;
}

static void spawn_from_a_callback(void *arg)
{
    offspring *o = arg;
    assert_int_equal(yibu_group_spawn(o->group, count, &o->runs), 0);
}

LOOP_TEST(a_callback_can_add_a_child)
{
    worker child = {.delay_ns = YIBU_MS(2)};
    yibu_group group = YIBU_GROUP_INIT;
    offspring o = {&group, 0, 0};
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, work, &child);
    yibu_call_soon(yibu_get_running_loop(), spawn_from_a_callback, &o, NULL);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(o.runs, 1);
    return 0;
}

/* Cancels from outside. */

typedef struct outer {
    worker child;
    intptr_t ended;   /* what the group's end answered */
    intptr_t checked; /* what the next checkpoint did */
    int cancelling;
    intptr_t body;
    bool sleep_in_body;
} outer;

static intptr_t have_a_group(void *arg)
{
    outer *o = arg;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, work, &o->child);
    intptr_t r = o->sleep_in_body ? yibu_sleep(YIBU_FOREVER) : o->body;
    o->ended = yibu_group_end(&group, r);
    o->cancelling = yibu_task_cancelling(yibu_current_task());
    o->checked = yibu_sleep(1);
    return o->ended;
}

static intptr_t cancel_from_outside(outer *o)
{
    yibu_task *task = yibu_create_task(have_a_group, o, NULL);
    yibu_sleep(0);
    yibu_sleep(0);
    yibu_task_cancel(task);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r;
}

LOOP_TEST(a_cancel_from_outside_while_the_group_ends_cancels_the_children_and_is_preserved)
{
    outer o = {.child = {.delay_ns = YIBU_FOREVER}, .body = 5};
    assert_int_equal(cancel_from_outside(&o), -ECANCELED);
    assert_int_equal(o.child.slept, -ECANCELED);
    assert_int_equal(o.cancelling, 1);
    assert_int_equal(o.checked, -ECANCELED);
    return 0;
}

LOOP_TEST(a_cancel_from_outside_in_the_body_cancels_the_children_and_is_preserved)
{
    outer o = {.child = {.delay_ns = YIBU_FOREVER}, .sleep_in_body = true};
    assert_int_equal(cancel_from_outside(&o), -ECANCELED);
    assert_int_equal(o.child.slept, -ECANCELED);
    assert_int_equal(o.cancelling, 1);
    assert_int_equal(o.checked, -ECANCELED);
    return 0;
}

static intptr_t fail_when_cancelled(void *arg)
{
    worker *w = arg;
    w->slept = yibu_sleep(YIBU_FOREVER);
    return -EIO;
}

static intptr_t have_a_failing_group(void *arg)
{
    outer *o = arg;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, fail_when_cancelled, &o->child);
    o->ended = yibu_group_end(&group, 0);
    o->cancelling = yibu_task_cancelling(yibu_current_task());
    o->checked = yibu_sleep(1);
    return 0;
}

LOOP_TEST(a_group_that_is_cancelled_from_outside_and_fails_does_not_lose_the_cancel)
{
    outer o = {.ended = 0};
    yibu_task *task = yibu_create_task(have_a_failing_group, &o, NULL);
    yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(o.ended, -EIO);
    assert_int_equal(o.cancelling, 1);
    assert_int_equal(o.checked, -ECANCELED);
    return 0;
}

static intptr_t have_a_group_although_cancelled(void *arg)
{
    outer *o = arg;
    assert_int_equal(yibu_sleep(YIBU_FOREVER), -ECANCELED);
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    assert_int_equal(yibu_group_spawn(&group, work, &o->child), 0);
    o->ended = yibu_group_end(&group, 0);
    return 0;
}

LOOP_TEST(a_group_in_a_cancelled_task_ends_with_the_cancel)
{
    outer o = {.child = {.delay_ns = YIBU_FOREVER}};
    yibu_task *task = yibu_create_task(have_a_group_although_cancelled, &o, NULL);
    yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(o.child.slept, -ECANCELED);
    assert_int_equal(o.ended, -ECANCELED);
    return 0;
}

/* Ends although somebody cancels its awaiter in the turn in which the group's last child ends. */
static intptr_t end_and_cancel(void *arg)
{
    yibu_task_cancel(arg);
    return 0;
}

static intptr_t be_cancelled_by_the_last_child(void *arg)
{
    intptr_t *ended = arg;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, end_and_cancel, yibu_current_task());
    *ended = yibu_group_end(&group, 4);
    return yibu_check_cancelled();
}

LOOP_TEST(a_cancel_in_the_turn_of_the_last_end_is_preserved_too)
{
    intptr_t ended = 0;
    yibu_task *task = yibu_create_task(be_cancelled_by_the_last_child, &ended, NULL);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(ended, -ECANCELED);
    return 0;
}

LOOP_TEST(a_limit_around_a_group_ends_it_and_is_told_apart_from_it)
{
    worker child = {.delay_ns = YIBU_FOREVER};
    yibu_timeout limit;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, work, &child);
    intptr_t r = yibu_group_end(&group, 0);
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    assert_int_equal(child.slept, -ECANCELED);
    return 0;
}

LOOP_TEST(a_limit_in_the_body_ends_before_the_group_and_leaves_the_children_alone)
{
    worker child = {.delay_ns = YIBU_MS(3), .result = 2};
    yibu_timeout limit;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, work, &child);
    yibu_timeout_begin(&limit, YIBU_US(100));
    assert_int_equal(yibu_timeout_end(&limit, yibu_sleep(YIBU_FOREVER)), -ETIMEDOUT);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(child.slept, 0);
    return 0;
}

/* yibu_group_cancel. */

LOOP_TEST(cancelling_a_group_ends_it_early_without_a_failure)
{
    worker children[3] = {{.delay_ns = YIBU_FOREVER}, {.delay_ns = YIBU_FOREVER}, {.delay_ns = 1}};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    for (int i = 0; i < 3; i++)
        yibu_group_spawn(&group, work, &children[i]);
    yibu_sleep(YIBU_MS(1));
    assert_true(yibu_group_cancel(&group));
    assert_true(yibu_group_cancelled(&group));
    intptr_t r = yibu_sleep(1);
    assert_int_equal(r, -ECANCELED);
    assert_int_equal(yibu_group_end(&group, r), 0);
    assert_int_equal(children[0].slept, -ECANCELED);
    assert_int_equal(children[2].slept, 0);
    assert_int_equal(yibu_sleep(1), 0);
    return 0;
}

LOOP_TEST(a_body_that_succeeded_in_a_cancelled_group_keeps_its_result)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, sleep_for_ever, NULL);
    yibu_group_cancel(&group);
    assert_int_equal(yibu_group_end(&group, 9), 9);
    return 0;
}

static intptr_t cancel_the_group(void *arg)
{
    yibu_group *group = arg;
    yibu_group_cancel(group);
    return yibu_sleep(YIBU_FOREVER);
}

LOOP_TEST(a_child_can_cancel_the_group_while_it_ends)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, sleep_for_ever, NULL);
    yibu_group_spawn(&group, cancel_the_group, &group);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    return 0;
}

LOOP_TEST(a_group_cancelled_before_it_begins_begins_cancelled)
{
    int runs = 0;
    yibu_group group = YIBU_GROUP_INIT;
    assert_true(yibu_group_cancel(&group));
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    assert_int_equal(yibu_group_spawn(&group, count, &runs), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_group_end(&group, yibu_sleep(1)), 0);
    assert_int_equal(runs, 0);
    return 0;
}

LOOP_TEST(cancelling_a_group_again_or_after_its_end_does_nothing)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    assert_true(yibu_group_cancel(&group));
    assert_true(yibu_group_cancel(&group));
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_false(yibu_group_cancel(&group));
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    assert_int_equal(yibu_group_begin(&group, NULL), -EBUSY);
    assert_int_equal(yibu_sleep(1), 0);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    return 0;
}

LOOP_TEST(a_cancel_that_a_body_brings_home_is_not_taken_for_the_groups_own)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_task *task = yibu_create_task(sleep_for_ever, NULL, NULL);
    yibu_task_cancel(task);
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, cancel_the_group, &group);
    assert_int_equal(yibu_group_end(&group, yibu_await(task)), 0); /* the child's came first */
    yibu_task_unref(task);

    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, cancel_the_group, &group);
    assert_int_equal(yibu_group_end(&group, -ECANCELED), -ECANCELED);
    return 0;
}

static intptr_t cancel_itself_from_within(void *arg)
{
    (void)arg;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_cancel(&group);
    yibu_task_cancel(yibu_current_task());
    return yibu_group_end(&group, yibu_sleep(1));
}

LOOP_TEST(a_cancel_from_outside_beats_that_of_the_group)
{
    yibu_task *task = yibu_create_task(cancel_itself_from_within, NULL, NULL);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

static intptr_t clean_up_in_a_shield(void *arg)
{
    worker *w = arg;
    intptr_t r = yibu_sleep(YIBU_FOREVER);
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_SECONDS(10));
    w->slept = yibu_sleep(YIBU_US(100));
    yibu_shield_end(&shield);
    w->done = yibu_sleep(1) == -ECANCELED;
    return r;
}

static intptr_t end_slowly(void *arg)
{
    intptr_t *ended = arg;
    worker w = {.slept = -1};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, clean_up_in_a_shield, &w);
    yibu_sleep(0);
    yibu_group_cancel(&group);
    *ended = yibu_group_end(&group, 0);
    assert_true(w.done);
    return yibu_check_cancelled();
}

LOOP_TEST(a_cancelled_group_still_hears_of_a_cancel_from_outside)
{
    intptr_t ended = 0;
    yibu_task *task = yibu_create_task(end_slowly, &ended, NULL);
    yibu_sleep(0);
    yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(ended, -ECANCELED);
    return 0;
}

/* Nested groups. */

static intptr_t end_with_two_groups_at_once(void *arg)
{
    intptr_t *ended = arg;
    yibu_group out = YIBU_GROUP_INIT, in = YIBU_GROUP_INIT;
    yibu_group_begin(&out, NULL);
    yibu_group_begin(&in, NULL);
    worker first = {.delay_ns = 0, .result = -EPIPE}, second = {.delay_ns = 0, .result = -EIO};
    yibu_group_spawn(&in, work, &first);
    yibu_group_spawn(&out, work, &second);
    ended[0] = yibu_group_end(&in, yibu_sleep(YIBU_FOREVER));
    ended[1] = yibu_sleep(YIBU_FOREVER);
    ended[2] = yibu_group_end(&out, 0);
    return yibu_sleep(1);
}

LOOP_TEST(nested_groups_that_fail_at_once_each_tell_their_own_failure)
{
    intptr_t ended[3];
    assert_int_equal(end_with_two_groups_at_once(ended), 0);
    assert_int_equal(ended[0], -EPIPE);
    assert_int_equal(ended[1], -ECANCELED);
    assert_int_equal(ended[2], -EIO);
    return 0;
}

LOOP_TEST(an_inner_group_that_fails_leaves_the_outer_one_alone)
{
    worker child = {.delay_ns = YIBU_MS(1)};
    yibu_group out = YIBU_GROUP_INIT, in = YIBU_GROUP_INIT;
    yibu_group_begin(&out, NULL);
    yibu_group_spawn(&out, work, &child);
    yibu_group_begin(&in, NULL);
    yibu_group_spawn(&in, fail_at_once, NULL);
    assert_int_equal(yibu_group_end(&in, 0), -EIO);
    assert_int_equal(yibu_group_end(&out, 0), 0);
    assert_int_equal(child.slept, 0);
    return 0;
}

static intptr_t nest(void *arg)
{
    intptr_t *depth = arg;
    if (--*depth == 0)
        return yibu_sleep(YIBU_FOREVER);
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, nest, depth);
    return yibu_group_end(&group, 0);
}

LOOP_TEST(a_deep_tree_of_groups_can_be_cancelled)
{
    intptr_t depth = 2000; /* ThreadSanitizer knows 8,128 fibers */
    yibu_task *root = yibu_create_task(nest, &depth, NULL);
    while (depth > 0)
        yibu_sleep(0);
    yibu_task_cancel(root);
    assert_int_equal(yibu_await(root), -ECANCELED);
    yibu_task_unref(root);
    return 0;
}

/* Shields. */

LOOP_TEST(a_child_cleans_up_in_a_shield_and_the_group_waits_for_it)
{
    worker w = {.slept = -1};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, clean_up_in_a_shield, &w);
    yibu_sleep(0);
    yibu_group_cancel(&group);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(w.slept, 0);
    assert_true(w.done);
    return 0;
}

static intptr_t have_a_shielded_group(void *arg)
{
    outer *o = arg;
    yibu_timeout shield;
    yibu_shield_begin(&shield, YIBU_FOREVER);
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, work, &o->child);
    o->ended = yibu_group_end(&group, 6);
    yibu_shield_end(&shield);
    return yibu_sleep(1);
}

LOOP_TEST(a_group_in_a_shield_is_not_cancelled_from_outside)
{
    outer o = {.child = {.delay_ns = YIBU_MS(1)}};
    yibu_task *task = yibu_create_task(have_a_shielded_group, &o, NULL);
    yibu_sleep(0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(o.ended, 6);
    assert_int_equal(o.child.slept, 0);
    return 0;
}

LOOP_TEST(the_cancel_of_a_group_reaches_through_the_scopes_that_a_child_opens_later)
{
    worker w = {.delay_ns = YIBU_FOREVER};
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, clean_up_in_a_shield, &w);
    yibu_group_cancel(&group); /* before the child has run */
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_true(w.done);
    return 0;
}

/* Many. */

LOOP_TEST(children_are_freed_as_they_end)
{
    enum { ROUNDS = YB_TEST_SLOWDOWN > 1 ? 5 : 1000 };
    int runs = 0;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        for (int j = 0; j < 1000; j++)
            yibu_group_spawn(&group, count, &runs);
        yibu_sleep(0);
        while (yibu_group_children(&group) > 0)
            yibu_yield();
    }
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(runs, ROUNDS * 1000);
    return 0;
}

LOOP_TEST(a_thousand_children_are_cancelled_by_the_failure_of_one)
{
    enum { COUNT = 1000 };
    static worker children[COUNT];
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    for (int i = 0; i < COUNT; i++) {
        children[i] =
            (worker){.delay_ns = i == COUNT / 2 ? YIBU_MS(1) : YIBU_FOREVER, .result = -EIO};
        yibu_group_spawn(&group, work, &children[i]);
    }
    assert_int_equal(yibu_group_end(&group, 0), -EIO);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(children[i].slept, i == COUNT / 2 ? 0 : -ECANCELED);
    return 0;
}

/* Memory. */

static bool is_used_up(void *arg)
{
    int *left = arg;
    return (*left)-- <= 0;
}

LOOP_TEST(a_child_without_memory_is_a_failure_of_the_group)
{
    static worker children[2000];
    size_t spawned = 0;
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    int left = 10;
    yb_memory_watch(is_used_up, &left);
    for (; spawned < 2000; spawned++) {
        children[spawned] = (worker){.delay_ns = YIBU_FOREVER};
        if (yibu_group_spawn(&group, work, &children[spawned]) < 0)
            break;
    }
    yb_memory_watch(NULL, NULL);
    assert_true(spawned < 2000);
    assert_int_equal(yibu_group_spawn(&group, count, NULL), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_group_end(&group, 0), -ENOMEM);
    for (size_t i = 0; i < spawned; i++)
        assert_int_equal(children[i].slept, -ECANCELED);

    left = 0;
    yb_memory_watch(is_used_up, &left);
    int r = yibu_group_begin(&group, NULL);
    yb_memory_watch(NULL, NULL);
    assert_int_equal(r, -ENOMEM);
    assert_int_equal(yibu_group_spawn(&group, count, NULL), -ENOMEM);
    assert_int_equal(yibu_group_end(&group, 0), -ENOMEM);
    return 0;
}

/* The block. */

static intptr_t leave_by_the_end(worker *child)
{
    intptr_t r;
    YIBU_GROUP (group, NULL, &r) {
        yibu_group_spawn(&group, work, child);
        r = 8;
    }
    return r;
}

static intptr_t leave_by_return(worker *child)
{
    intptr_t r;
    YIBU_GROUP (group, NULL, &r) {
        yibu_group_spawn(&group, work, child);
        yibu_sleep(0);
        return -EDOM;
    }
    return r;
}

static intptr_t leave_by_break(worker *child)
{
    intptr_t r;
    YIBU_GROUP (group, NULL, &r) {
        yibu_group_spawn(&group, work, child);
        yibu_sleep(0);
        r = 3;
        if (r > 0)
            break;
        r = 4;
    }
    return r;
}

static intptr_t leave_by_continue(worker *child)
{
    intptr_t r;
    YIBU_GROUP (group, NULL, &r) {
        yibu_group_spawn(&group, work, child);
        r = 2;
        if (r > 0)
            continue;
        r = 4;
    }
    return r;
}

LOOP_TEST(the_block_ends_its_group_on_every_way_out)
{
    worker child = {.delay_ns = YIBU_US(100)};
    assert_int_equal(leave_by_the_end(&child), 8);
    assert_int_equal(child.slept, 0);
    assert_int_equal(leave_by_continue(&child), 2);
    assert_int_equal(child.slept, 0);

    child = (worker){.delay_ns = YIBU_FOREVER};
    assert_int_equal(leave_by_break(&child), 3);
    assert_int_equal(child.slept, -ECANCELED);
    child = (worker){.delay_ns = YIBU_FOREVER};
    assert_int_equal(leave_by_return(&child), -EDOM);
    assert_int_equal(child.slept, -ECANCELED);
    assert_int_equal(yibu_sleep(1), 0);
    return 0;
}

LOOP_TEST(the_block_answers_the_first_failure)
{
    intptr_t r;
    YIBU_GROUP (outside, NULL, &r)
        YIBU_GROUP (inside, NULL, &r) {
            yibu_group_spawn(&outside, sleep_for_ever, NULL);
            yibu_group_spawn(&inside, fail_at_once, NULL);
        }
    assert_int_equal(r, -EIO);
    return 0;
}

/* Mistakes. */

static intptr_t end_a_task_in_a_group(void *arg)
{
    (void)arg;
    static yibu_group group = YIBU_GROUP_INIT;
    return yibu_group_begin(&group, NULL);
}

static int die_in_a_group(void *arg)
{
    (void)arg;
    return (int)yibu_run(end_a_task_in_a_group, NULL, NULL);
}

static intptr_t end_in_the_wrong_order(void *arg)
{
    (void)arg;
    yibu_group out = YIBU_GROUP_INIT, in = YIBU_GROUP_INIT;
    yibu_group_begin(&out, NULL);
    yibu_group_begin(&in, NULL);
    return yibu_group_end(&out, 0);
}

static int die_of_wrong_order(void *arg)
{
    (void)arg;
    return (int)yibu_run(end_in_the_wrong_order, NULL, NULL);
}

static intptr_t end_of_another(void *arg)
{
    return yibu_group_end(arg, 0);
}

static intptr_t let_a_child_end_the_group(void *arg)
{
    (void)arg;
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_begin(&group, NULL);
    yibu_group_spawn(&group, end_of_another, &group);
    return yibu_sleep(1);
}

static int die_of_a_child(void *arg)
{
    (void)arg;
    return (int)yibu_run(let_a_child_end_the_group, NULL, NULL);
}

static void a_group_that_is_not_ended_properly_aborts_and_names_the_place(void **state)
{
    (void)state;
    test_process_body *mistakes[] = {die_in_a_group, die_of_wrong_order, die_of_a_child};
    for (int i = 0; i < 3; i++) {
        test_result result;
        test_in_process(mistakes[i], NULL, &result);
        assert_true(test_died_of(&result, SIGABRT));
        assert_non_null(strstr(result.said, "test_group.c:"));
    }
}

static void groups_are_refused_outside_a_task(void **state)
{
    (void)state;
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_group_spawn(&group, count, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_group_end(&group, 0), YIBU_ENOTASK);
    assert_int_equal(yibu_group_started(0), YIBU_ENOTASK);
}

LOOP_TEST(options_of_a_wrong_size_are_refused)
{
    yibu_group group = YIBU_GROUP_INIT;
    yibu_group_options options = {.size = 1};
    assert_int_equal(yibu_group_begin(&group, &options), -EINVAL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_ends_when_all_its_children_have),
        cmocka_unit_test(an_empty_group_ends_at_once_with_the_result_of_its_body),
        cmocka_unit_test(the_first_failure_cancels_the_siblings_and_is_the_result),
        cmocka_unit_test(a_failure_cancels_the_body_and_that_cancel_does_not_leave_the_group),
        cmocka_unit_test(no_child_can_be_added_once_a_group_was_cancelled_or_has_ended),
        cmocka_unit_test(a_cancelled_child_is_no_failure),
        cmocka_unit_test(a_failing_body_is_treated_as_a_failing_child),
        cmocka_unit_test(every_failure_can_be_retrieved_not_only_the_first),
        cmocka_unit_test(failures_there_is_no_room_for_go_to_the_exception_handler),
        cmocka_unit_test(children_can_add_children_while_the_group_ends),
        cmocka_unit_test(a_callback_can_add_a_child),
        cmocka_unit_test(
            a_cancel_from_outside_while_the_group_ends_cancels_the_children_and_is_preserved),
        cmocka_unit_test(a_cancel_from_outside_in_the_body_cancels_the_children_and_is_preserved),
        cmocka_unit_test(a_group_that_is_cancelled_from_outside_and_fails_does_not_lose_the_cancel),
        cmocka_unit_test(a_group_in_a_cancelled_task_ends_with_the_cancel),
        cmocka_unit_test(a_cancel_in_the_turn_of_the_last_end_is_preserved_too),
        cmocka_unit_test(a_limit_around_a_group_ends_it_and_is_told_apart_from_it),
        cmocka_unit_test(a_limit_in_the_body_ends_before_the_group_and_leaves_the_children_alone),
        cmocka_unit_test(cancelling_a_group_ends_it_early_without_a_failure),
        cmocka_unit_test(a_body_that_succeeded_in_a_cancelled_group_keeps_its_result),
        cmocka_unit_test(a_child_can_cancel_the_group_while_it_ends),
        cmocka_unit_test(a_group_cancelled_before_it_begins_begins_cancelled),
        cmocka_unit_test(cancelling_a_group_again_or_after_its_end_does_nothing),
        cmocka_unit_test(a_cancel_that_a_body_brings_home_is_not_taken_for_the_groups_own),
        cmocka_unit_test(a_cancel_from_outside_beats_that_of_the_group),
        cmocka_unit_test(a_cancelled_group_still_hears_of_a_cancel_from_outside),
        cmocka_unit_test(nested_groups_that_fail_at_once_each_tell_their_own_failure),
        cmocka_unit_test(an_inner_group_that_fails_leaves_the_outer_one_alone),
        cmocka_unit_test(a_deep_tree_of_groups_can_be_cancelled),
        cmocka_unit_test(a_child_cleans_up_in_a_shield_and_the_group_waits_for_it),
        cmocka_unit_test(a_group_in_a_shield_is_not_cancelled_from_outside),
        cmocka_unit_test(the_cancel_of_a_group_reaches_through_the_scopes_that_a_child_opens_later),
        cmocka_unit_test(children_are_freed_as_they_end),
        cmocka_unit_test(a_thousand_children_are_cancelled_by_the_failure_of_one),
        cmocka_unit_test(a_child_without_memory_is_a_failure_of_the_group),
        cmocka_unit_test(the_block_ends_its_group_on_every_way_out),
        cmocka_unit_test(the_block_answers_the_first_failure),
        cmocka_unit_test(a_group_that_is_not_ended_properly_aborts_and_names_the_place),
        cmocka_unit_test(groups_are_refused_outside_a_task),
        cmocka_unit_test(options_of_a_wrong_size_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
