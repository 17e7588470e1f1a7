/* Every wait for futures says what it waits for, and who alone can end it. */
#include "coroutines.h"

#include "task/task.h"

static const yb_wait_class *class_of(yibu_task *task)
{
    assert_int_equal(task->state, YB_TASK_SUSPENDED);
    return yb_task_of(task)->waits_for;
}

/* The owner of the task's wait, or NULL. */
static yibu_task *owner_of(yibu_task *task)
{
    yb_task *owner = class_of(task)->owner(yb_task_of(task));
    return owner ? &owner->future : NULL;
}

static void assert_waits_for(yibu_task *task, const char *name, const char *text)
{
    char said[256];
    assert_string_equal(class_of(task)->name, name);
    class_of(task)->describe(yb_task_of(task), said, sizeof(said));
    if (!strstr(said, text))
        fail_msg("it waits for %s", said);
}

static void end(yibu_task *task)
{
    yibu_task_cancel(task);
    (void)yibu_await(task);
    yibu_task_unref(task);
}

static yibu_task *named_sleeper(const char *name)
{
    yibu_task_options options = {.size = sizeof(options), .name = name};
    yibu_task *task = yibu_create_task(sleep_for_ever, NULL, &options);
    settle();
    return task;
}

static intptr_t wait_for_it(void *arg)
{
    return yibu_wait_for(arg, YIBU_FOREVER);
}

LOOP_TEST(awaits_name_their_task)
{
    static const struct {
        yibu_coroutine *fn;
        const char *name;
    } ways[] = {{await_it, "await"}, {shield_it, "shield"}, {wait_for_it, "wait_for"}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        yibu_task *sleeper = named_sleeper("sleeper"), *task = started(ways[i].fn, sleeper);
        assert_waits_for(task, ways[i].name, "the end of task \"sleeper\"");
        assert_ptr_equal(owner_of(task), sleeper);
        end(task);
        end(sleeper);
    }
    return 0;
}

LOOP_TEST(an_await_names_the_place_of_its_future)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_task *task = started(await_it, future);
    assert_waits_for(task, "await", "the future created at ");
    assert_waits_for(task, "await", "test_wait_names.c:");
    assert_null(owner_of(task));
    end(task);
    yibu_future_unref(future);
    return 0;
}

typedef struct many {
    yibu_future *futures[3];
    int64_t timeout_ns;
    unsigned return_when;
} many;

static intptr_t gather_many(void *arg)
{
    many *m = arg;
    return yibu_gather(m->futures, 3, NULL, 0);
}

static intptr_t wait_many(void *arg)
{
    many *m = arg;
    return yibu_wait(m->futures, 3, m->timeout_ns, m->return_when);
}

static intptr_t complete_many(void *arg)
{
    many *m = arg;
    int r;
    YIBU_ASYNC_FOR (yibu_future *, future, yibu_as_completed(m->futures, 3, m->timeout_ns), &r)
        (void)future;
    return r;
}

/* One that has ended, one that is no task, and a task. */
static void prepare(many *m)
{
    *m = (many){{ended(1), yibu_create_future(NULL), named_sleeper("sleeper")},
                YIBU_FOREVER,
                YIBU_ALL_COMPLETED};
}

static void clear(many *m)
{
    (void)yibu_future_cancel(m->futures[1]);
    end(m->futures[2]);
    unref_all(m->futures, 2);
}

LOOP_TEST(gather_names_how_many_are_left_and_the_first_task_of_them)
{
    many m;
    prepare(&m);
    yibu_task *task = started(gather_many, &m);
    assert_waits_for(task, "gather", "2 of 3 futures, the future created at ");
    assert_ptr_equal(owner_of(task), m.futures[2]);
    yibu_future_set_result(m.futures[1], 1);
    assert_waits_for(task, "gather", "1 of 3 futures, the end of task \"sleeper\" first");
    end(task);
    clear(&m);
    return 0;
}

LOOP_TEST(wait_for_all_has_an_owner_and_wait_for_any_none)
{
    many m;
    prepare(&m);
    yibu_task *task = started(wait_many, &m);
    assert_waits_for(task, "wait", "2 of 3 futures");
    assert_ptr_equal(owner_of(task), m.futures[2]);
    end(task);
    m.timeout_ns = YIBU_SECONDS(100);
    task = started(wait_many, &m);
    assert_null(owner_of(task));
    end(task);
    clear(&m);
    return 0;
}

LOOP_TEST(wait_for_the_first_of_several_has_no_owner)
{
    yibu_task *sleeper = named_sleeper("sleeper");
    many m = {{yibu_create_future(NULL), sleeper, sleeper}, YIBU_FOREVER, YIBU_FIRST_COMPLETED};
    yibu_task *task = started(wait_many, &m);
    assert_null(owner_of(task));
    end(task);
    m.return_when = YIBU_FIRST_EXCEPTION;
    task = started(wait_many, &m);
    assert_null(owner_of(task));
    end(task);
    end(sleeper);
    unref_all(m.futures, 1);
    return 0;
}

LOOP_TEST(as_completed_has_an_owner_once_one_is_left)
{
    many m;
    prepare(&m);
    yibu_task *task = started(complete_many, &m);
    assert_waits_for(task, "as_completed", "2 of 3 futures");
    assert_null(owner_of(task));
    yibu_future_set_result(m.futures[1], 1);
    settle();
    assert_waits_for(task, "as_completed", "1 of 3 futures");
    assert_ptr_equal(owner_of(task), m.futures[2]);
    end(task);
    clear(&m);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(awaits_name_their_task),
        cmocka_unit_test(an_await_names_the_place_of_its_future),
        cmocka_unit_test(gather_names_how_many_are_left_and_the_first_task_of_them),
        cmocka_unit_test(wait_for_all_has_an_owner_and_wait_for_any_none),
        cmocka_unit_test(wait_for_the_first_of_several_has_no_owner),
        cmocka_unit_test(as_completed_has_an_owner_once_one_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
