/* Task-locals. */
#include "loop.h"

#include <errno.h>

static yibu_local word = YIBU_LOCAL_INIT(NULL);
static yibu_local other = YIBU_LOCAL_INIT(NULL);

LOOP_TEST(a_local_that_nobody_set_is_null)
{
    assert_null(yibu_local_get(&word));
    assert_int_equal(yibu_local_set(&word, NULL), 0);
    assert_null(yibu_local_get(&word));
    return 0;
}

LOOP_TEST(a_local_keeps_what_was_set_across_suspensions)
{
    assert_int_equal(yibu_local_set(&word, "one"), 0);
    assert_int_equal(yibu_local_set(&other, "two"), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_string_equal(yibu_local_get(&word), "one");
    assert_string_equal(yibu_local_get(&other), "two");
    assert_int_equal(yibu_local_set(&word, NULL), 0);
    assert_null(yibu_local_get(&word));
    assert_string_equal(yibu_local_get(&other), "two");
    return 0;
}

static intptr_t get(void *arg)
{
    return (intptr_t)yibu_local_get(arg);
}

static intptr_t set_and_sleep(void *arg)
{
    assert_int_equal(yibu_local_set(&word, arg), 0);
    assert_int_equal(yibu_sleep(0), 0);
    return (intptr_t)yibu_local_get(&word);
}

static intptr_t finish(yibu_task *task)
{
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r;
}

/* asyncio: "the current context is copied" when a task is created. */
LOOP_TEST(a_task_begins_with_its_creators_values)
{
    yibu_local_set(&word, (void *)1);
    yibu_task *first = yibu_create_task(get, &word, NULL);
    yibu_local_set(&word, (void *)2);
    yibu_task *second = yibu_create_task(get, &word, NULL);
    yibu_local_set(&word, NULL);
    yibu_task *third = yibu_create_task(get, &word, NULL);
    assert_int_equal(finish(first), 1);
    assert_int_equal(finish(second), 2);
    assert_int_equal(finish(third), 0);
    return 0;
}

LOOP_TEST(what_a_task_sets_stays_its_own)
{
    yibu_local_set(&word, (void *)1);
    yibu_task *a = yibu_create_task(set_and_sleep, (void *)2, NULL);
    yibu_task *b = yibu_create_task(set_and_sleep, (void *)3, NULL);
    yibu_task *c = yibu_create_task(set_and_sleep, NULL, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_ptr_equal(yibu_local_get(&word), (void *)1);
    assert_int_equal(finish(a), 2);
    assert_int_equal(finish(b), 3);
    assert_int_equal(finish(c), 0);
    assert_ptr_equal(yibu_local_get(&word), (void *)1);
    return 0;
}

static intptr_t get_in_grandchild(void *arg)
{
    return finish(yibu_create_task(get, arg, NULL));
}

LOOP_TEST(values_are_handed_down_through_generations)
{
    yibu_local_set(&word, (void *)5);
    assert_int_equal(finish(yibu_create_task(get_in_grandchild, &word, NULL)), 5);
    return 0;
}

static intptr_t spawned(void *arg)
{
    *(void **)arg = yibu_local_get(&word);
    return 0;
}

LOOP_TEST(spawned_and_eager_tasks_inherit_too)
{
    const yibu_task_options eager = {.size = sizeof(eager), .eager = true};
    void *seen = NULL;
    yibu_local_set(&word, (void *)5);
    assert_int_equal(yibu_spawn(spawned, &seen), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_ptr_equal(seen, (void *)5);
    assert_int_equal(finish(yibu_create_task(get, &word, &eager)), 5);
    return 0;
}

enum { KEYS = 100 };

LOOP_TEST(a_task_may_have_many_values)
{
    static yibu_local keys[KEYS];
    for (intptr_t i = 0; i < KEYS; i++)
        assert_int_equal(yibu_local_set(&keys[i], (void *)(i + 1)), 0);
    for (intptr_t i = 0; i < KEYS; i++)
        assert_ptr_equal(yibu_local_get(&keys[i]), (void *)(i + 1));
    for (intptr_t i = 0; i < KEYS; i += 2)
        assert_int_equal(yibu_local_set(&keys[i], NULL), 0);
    for (intptr_t i = 0; i < KEYS; i++)
        assert_ptr_equal(yibu_local_get(&keys[i]), i % 2 ? (void *)(i + 1) : NULL);
    return 0;
}

/* free_value. */

static int freed;
static void *last_freed;

static void count_free(void *value)
{
    freed++;
    last_freed = value;
}

static yibu_local counted = YIBU_LOCAL_INIT(count_free);

LOOP_TEST(a_value_is_freed_when_another_takes_its_place)
{
    freed = 0;
    yibu_local_set(&counted, (void *)1);
    yibu_local_set(&counted, (void *)1);
    assert_int_equal(freed, 0);
    yibu_local_set(&counted, (void *)2);
    assert_int_equal(freed, 1);
    assert_ptr_equal(last_freed, (void *)1);
    yibu_local_set(&counted, NULL);
    assert_int_equal(freed, 2);
    assert_ptr_equal(last_freed, (void *)2);
    return 0;
}

static intptr_t set_counted(void *arg)
{
    assert_int_equal(yibu_local_set(&counted, arg), 0);
    return 0;
}

LOOP_TEST(a_value_is_freed_when_its_task_ends)
{
    freed = 0;
    yibu_task *task = yibu_create_task(set_counted, (void *)1, NULL);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(freed, 1); /* the handle does not keep it */
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(an_inherited_value_is_freed_once_when_the_last_task_lets_go)
{
    freed = 0;
    yibu_local_set(&counted, (void *)1);
    yibu_task *a = yibu_create_task(get, &counted, NULL);
    yibu_task *b = yibu_create_task(set_counted, (void *)2, NULL);
    yibu_local_set(&counted, NULL);
    assert_int_equal(freed, 0);
    assert_int_equal(finish(a), 1);
    assert_int_equal(finish(b), 0);
    assert_int_equal(freed, 2);
    return 0;
}

LOOP_TEST(a_value_that_is_shared_may_be_set_anew_by_each)
{
    freed = 0;
    yibu_local_set(&counted, (void *)1);
    yibu_local_set(&word, (void *)9);
    yibu_task *a = yibu_create_task(set_counted, (void *)2, NULL);
    yibu_local_set(&word, (void *)8); /* the binding of `counted` stays shared */
    yibu_local_set(&counted, (void *)3);
    assert_int_equal(freed, 0);
    assert_int_equal(finish(a), 0);
    assert_int_equal(freed, 2);
    assert_ptr_equal(yibu_local_get(&counted), (void *)3);
    return 0;
}

static void set_again(void *value)
{
    freed++;
    if (value == (void *)1)
        yibu_local_set(&counted, (void *)7);
}

LOOP_TEST(freeing_a_value_may_use_locals)
{
    static yibu_local chained = YIBU_LOCAL_INIT(set_again);
    freed = 0;
    yibu_local_set(&chained, (void *)1);
    yibu_local_set(&chained, (void *)2);
    assert_ptr_equal(yibu_local_get(&counted), (void *)7);
    assert_int_equal(freed, 1);
    return 0;
}

static intptr_t leave_chained(void *arg)
{
    return yibu_local_set(arg, (void *)1);
}

LOOP_TEST(a_value_that_is_set_while_its_task_ends_is_freed_too)
{
    static yibu_local chained = YIBU_LOCAL_INIT(set_again);
    freed = 0;
    assert_int_equal(finish(yibu_create_task(leave_chained, &chained, NULL)), 0);
    assert_int_equal(freed, 2);
    assert_ptr_equal(last_freed, (void *)7);
    return 0;
}

static intptr_t return_zero(void *arg)
{
    (void)arg;
    return 0;
}

static intptr_t leave_children_behind(void *arg)
{
    (void)arg;
    yibu_local_set(&counted, (void *)1);
    for (int i = 0; i < 10; i++)
        yibu_spawn(return_zero, NULL);
    return 0;
}

static void what_never_ran_lets_go_too(void **state)
{
    (void)state;
    freed = 0;
    assert_int_equal(yibu_run(leave_children_behind, NULL, NULL), 0);
    assert_int_equal(freed, 1);
}

/* Outside tasks. */

static void outside_tasks_there_are_no_locals(void **state)
{
    yibu_loop *loop = *state;
    assert_null(yibu_local_get(&word));
    assert_int_equal(yibu_local_set(&word, "x"), YIBU_ENOTASK);
    yibu_task *task = yibu_create_task(get, &word, NULL);
    test_loop_drain(loop);
    assert_int_equal(yibu_task_result(task), 0);
    yibu_task_unref(task);
}

static void look(void *arg)
{
    *(void **)arg = yibu_local_get(&word);
}

LOOP_TEST(callbacks_have_no_locals)
{
    void *seen = &seen;
    yibu_local_set(&word, "x");
    yibu_call_soon(yibu_get_running_loop(), look, &seen, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_null(seen);
    return 0;
}

LOOP_TEST(a_key_is_needed)
{
    assert_int_equal(yibu_local_set(NULL, "x"), -EINVAL);
    assert_null(yibu_local_get(NULL));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_local_that_nobody_set_is_null),
        cmocka_unit_test(a_local_keeps_what_was_set_across_suspensions),
        cmocka_unit_test(a_task_begins_with_its_creators_values),
        cmocka_unit_test(what_a_task_sets_stays_its_own),
        cmocka_unit_test(values_are_handed_down_through_generations),
        cmocka_unit_test(spawned_and_eager_tasks_inherit_too),
        cmocka_unit_test(a_task_may_have_many_values),
        cmocka_unit_test(a_value_is_freed_when_another_takes_its_place),
        cmocka_unit_test(a_value_is_freed_when_its_task_ends),
        cmocka_unit_test(an_inherited_value_is_freed_once_when_the_last_task_lets_go),
        cmocka_unit_test(a_value_that_is_shared_may_be_set_anew_by_each),
        cmocka_unit_test(freeing_a_value_may_use_locals),
        cmocka_unit_test(a_value_that_is_set_while_its_task_ends_is_freed_too),
        cmocka_unit_test(what_never_ran_lets_go_too),
        loop_unit_test(outside_tasks_there_are_no_locals),
        cmocka_unit_test(callbacks_have_no_locals),
        cmocka_unit_test(a_key_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
