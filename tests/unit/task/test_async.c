/* Typed coroutines: called and started, arguments and results of many kinds, failures, cancels. */
#include "test.h"

#include <errno.h>

#include "async_elsewhere.h"

/* Numbers of arguments. */

static YIBU_ASYNC(int, sum_of_0)
{
    *ret = 0;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_1, int, a)
{
    *ret = a;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_2, int, a, int, b)
{
    *ret = a + b;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_3, int, a, int, b, int, c)
{
    *ret = a + b + c;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_4, int, a, int, b, int, c, int, d)
{
    *ret = a + b + c + d;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_5, int, a, int, b, int, c, int, d, int, e)
{
    *ret = a + b + c + d + e;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_6, int, a, int, b, int, c, int, d, int, e, int, f)
{
    *ret = a + b + c + d + e + f;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_7, int, a, int, b, int, c, int, d, int, e, int, f, int, g)
{
    *ret = a + b + c + d + e + f + g;
    return yibu_yield();
}

static YIBU_ASYNC(int, sum_of_8, int, a, int, b, int, c, int, d, int, e, int, f, int, g, int, h)
{
    *ret = a + b + c + d + e + f + g + h;
    return yibu_yield();
}

#define ASSERT_SUM(NAME, EXPECTED, ...)                \
    do {                                               \
        int sum = -1;                                  \
        yibu_task *task = yibu_start(__VA_ARGS__);     \
        assert_int_equal(NAME##_await(task, &sum), 0); \
        assert_int_equal(sum, EXPECTED);               \
        yibu_task_unref(task);                         \
    } while (0)

LOOP_TEST(a_coroutine_has_up_to_eight_arguments)
{
    ASSERT_SUM(sum_of_0, 0, sum_of_0);
    ASSERT_SUM(sum_of_1, 1, sum_of_1, 1);
    ASSERT_SUM(sum_of_2, 3, sum_of_2, 1, 2);
    ASSERT_SUM(sum_of_3, 7, sum_of_3, 1, 2, 4);
    ASSERT_SUM(sum_of_4, 15, sum_of_4, 1, 2, 4, 8);
    ASSERT_SUM(sum_of_5, 31, sum_of_5, 1, 2, 4, 8, 16);
    ASSERT_SUM(sum_of_6, 63, sum_of_6, 1, 2, 4, 8, 16, 32);
    ASSERT_SUM(sum_of_7, 127, sum_of_7, 1, 2, 4, 8, 16, 32, 64);
    ASSERT_SUM(sum_of_8, 255, sum_of_8, 1, 2, 4, 8, 16, 32, 64, 128);
    return 0;
}

static char notes[16];

static void note(char c)
{
    size_t length = strlen(notes);
    assert_true(length + 1 < sizeof(notes));
    notes[length] = c;
    notes[length + 1] = '\0';
}

static YIBU_ASYNC(void, note_of_0)
{
    note('-');
    return 0;
}

static YIBU_ASYNC(void, note_of_1, char, a)
{
    note(a);
    return 0;
}

static YIBU_ASYNC(void, note_of_8, char, a, char, b, char, c, char, d, char, e, char, f, char, g,
                  char, h)
{
    const char all[] = {a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < sizeof(all); i++)
        note(all[i]);
    return 3;
}

LOOP_TEST(a_coroutine_need_not_have_a_result)
{
    notes[0] = '\0';
    assert_int_equal(note_of_0(), 0);
    assert_int_equal(note_of_1('1'), 0);
    yibu_task *tasks[] = {yibu_start(note_of_0), yibu_start(note_of_1, '2'),
                          yibu_start(note_of_8, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')};
    assert_int_equal(note_of_0_await(tasks[0]), 0);
    assert_int_equal(note_of_1_await(tasks[1]), 0);
    assert_int_equal(note_of_8_await(tasks[2]), 3);
    assert_int_equal(note_of_8_result(tasks[2]), 3);
    assert_string_equal(notes, "-1-2abcdefgh");
    for (int i = 0; i < 3; i++)
        yibu_task_unref(tasks[i]);
    return 0;
}

/* Calls. */

LOOP_TEST(calling_a_coroutine_runs_it_in_the_calling_task)
{
    int sum;
    assert_int_equal(sum_of_2(40, 2, &sum), 0);
    assert_int_equal(sum, 42);
    return 0;
}

static YIBU_ASYNC(yibu_task *, runs_in)
{
    *ret = yibu_current_task();
    return 0;
}

LOOP_TEST(starting_a_coroutine_runs_it_in_a_task_of_its_own_when_the_starter_suspends)
{
    yibu_task *task = yibu_start(runs_in), *seen = NULL;
    assert_false(yibu_task_done(task));
    assert_int_equal(runs_in_await(task, &seen), 0);
    assert_ptr_equal(seen, task);
    yibu_task_unref(task);
    return 0;
}

/* A coroutine may start itself, and one that is declared only. */

static YIBU_ASYNC_DECLARE(unsigned, odd_steps, unsigned, n);

static YIBU_ASYNC(unsigned, even_steps, unsigned, n)
{
    *ret = 0;
    if (n == 0)
        return 0;
    yibu_task *task = yibu_start(odd_steps, n - 1);
    int r = odd_steps_await(task, ret);
    yibu_task_unref(task);
    return r;
}

static int odd_steps(unsigned n, unsigned *ret)
{
    int r = even_steps(n - 1, ret);
    *ret += 2;
    return r;
}

LOOP_TEST(coroutines_call_and_start_each_other)
{
    unsigned steps;
    assert_int_equal(even_steps(10, &steps), 0);
    assert_int_equal(steps, 10);
    return 0;
}

LOOP_TEST(a_coroutine_that_a_header_declares_is_a_plain_function_elsewhere)
{
    point p = {0, 0};
    assert_int_equal(elsewhere_move((point){1, 2}, 3, &p), 0);
    assert_true(p.x == 4 && p.y == 5);
    yibu_task *here = yibu_start(elsewhere_move, p, 10), *there = elsewhere_start(p, 20);
    assert_int_equal(elsewhere_move_await(here, &p), 0);
    assert_true(p.x == 14 && p.y == 15);
    assert_int_equal(elsewhere_move_await(there, &p), 0);
    assert_true(p.x == 24 && p.y == 25);
    yibu_task_unref(here);
    yibu_task_unref(there);
    return elsewhere_nothing();
}

static void run_calls_a_coroutine_on_a_loop_of_its_own(void **test)
{
    (void)test;
    point p = {0, 0};
    assert_int_equal(elsewhere_move_run(NULL, (point){1, 2}, 1, &p), 0);
    assert_true(p.x == 2 && p.y == 3);
    assert_int_equal(elsewhere_nothing_run(NULL), 0);
    yibu_loop_options options = {.size = sizeof(options), .backend = "epoll"};
    assert_int_equal(sum_of_1_run(&options, 1, NULL), 0);
    assert_null(yibu_get_running_loop());
}

static void whatever_runs_a_plain_coroutine_runs_one_without_arguments(void **test)
{
    (void)test;
    notes[0] = '\0';
    assert_int_equal(yibu_run(note_of_0_coroutine, NULL, NULL), 0);
    assert_int_equal(yibu_sim_run(1, note_of_0_coroutine, NULL, NULL), 0);
    assert_string_equal(notes, "--");
}

LOOP_TEST(run_within_a_loop_fails_and_leaves_the_result)
{
    int sum = -1;
    assert_true(yibu_failed(sum_of_1_run(NULL, 1, &sum)));
    assert_int_equal(sum, -1);
    return 0;
}

/* Types. */

typedef enum colour { RED, GREEN } colour;
typedef int (*binary)(int, int);
typedef struct large {
    unsigned char bytes[5000];
} large;
typedef struct aligned {
    _Alignas(256) int value;
} aligned;
typedef union number {
    double real;
    int64_t whole;
} number;

static int times(int a, int b)
{
    return a * b;
}

static YIBU_ASYNC(bool, mixed, bool, yes, char, letter, short, little, double, real, float, single,
                  const char *, text, colour, paint, struct point, at)
{
    *ret = yes && letter == 'x' && little == -7 && real == 0.5 && single == 0.25f &&
           strcmp(text, "text") == 0 && paint == GREEN && at.x == 3 && at.y == 4;
    return yibu_yield();
}

LOOP_TEST(arguments_of_many_types_arrive)
{
    bool all = false;
    yibu_task *task = yibu_start(mixed, true, 'x', -7, 0.5, 0.25f, "text", GREEN, (point){3, 4});
    assert_int_equal(mixed_await(task, &all), 0);
    assert_true(all);
    yibu_task_unref(task);
    return 0;
}

static YIBU_ASYNC(long double, more, binary, operation, const int, fixed, number, value,
                  const struct point *const, at, unsigned long long, big, long double, precise)
{
    *ret = precise + operation(fixed, at->x) + value.real + (long double)(big >> 32);
    return yibu_yield();
}

LOOP_TEST(functions_unions_and_const_arguments_arrive)
{
    point at = {5, 6};
    long double result = 0;
    yibu_task *task = yibu_start(more, times, 7, (number){.real = 0.5}, &at, 1ULL << 32, 0.25L);
    assert_int_equal(more_await(task, &result), 0);
    assert_true(result == 36.75L);
    yibu_task_unref(task);
    return 0;
}

static YIBU_ASYNC(large, invert, large, in)
{
    for (size_t i = 0; i < sizeof(in.bytes); i++)
        in.bytes[i] = (unsigned char)~in.bytes[i];
    *ret = in;
    return yibu_yield();
}

LOOP_TEST(large_structs_are_copied_in_and_out)
{
    static large in, out;
    memset(&in, 0x0f, sizeof(in));
    yibu_task *task = yibu_start(invert, in);
    memset(&in, 0, sizeof(in));
    assert_int_equal(invert_await(task, &out), 0);
    yibu_task_unref(task);
    for (size_t i = 0; i < sizeof(out.bytes); i++)
        assert_int_equal(out.bytes[i], 0xf0);
    return 0;
}

static YIBU_ASYNC(aligned, misalignment)
{
    ret->value = (int)((uintptr_t)ret % _Alignof(aligned));
    return yibu_yield();
}

LOOP_TEST(results_are_aligned_as_their_types_want)
{
    yibu_task *tasks[100];
    for (int i = 0; i < 100; i++)
        tasks[i] = yibu_start(misalignment);
    for (int i = 0; i < 100; i++) {
        aligned result = {-1};
        assert_int_equal(misalignment_await(tasks[i], &result), 0);
        assert_int_equal(result.value, 0);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

static YIBU_ASYNC(const char *, name_of, colour, paint)
{
    *ret = paint == RED ? "red" : "green";
    return 0;
}

static YIBU_ASYNC(void *, same, void *, pointer)
{
    *ret = pointer;
    return 0;
}

static YIBU_ASYNC(double, half, double, of)
{
    *ret = of / 2;
    return 0;
}

static YIBU_ASYNC(binary, choose, bool, first)
{
    *ret = first ? times : NULL;
    return 0;
}

LOOP_TEST(results_of_many_types_return)
{
    const char *name;
    void *pointer;
    double quotient;
    binary operation = NULL;
    yibu_task *tasks[] = {yibu_start(name_of, GREEN), yibu_start(same, &pointer),
                          yibu_start(half, 3), yibu_start(choose, true)};
    assert_int_equal(name_of_await(tasks[0], &name), 0);
    assert_string_equal(name, "green");
    assert_int_equal(same_await(tasks[1], &pointer), 0);
    assert_ptr_equal(pointer, &pointer);
    assert_int_equal(half_await(tasks[2], &quotient), 0);
    assert_true(quotient == 1.5);
    assert_int_equal(choose_await(tasks[3], &operation), 0);
    assert_int_equal(operation(6, 7), 42);
    for (int i = 0; i < 4; i++)
        yibu_task_unref(tasks[i]);
    return 0;
}

/* Copies. */

LOOP_TEST(a_task_has_a_copy_of_its_arguments)
{
    int sum, a = 40;
    yibu_task *task = yibu_start(sum_of_2, a, 2);
    a = 0;
    assert_int_equal(sum_of_2_await(task, &sum), 0);
    assert_int_equal(sum, 42);
    yibu_task_unref(task);
    return a;
}

LOOP_TEST(arguments_are_evaluated_once)
{
    int i = 0, sum;
    yibu_task *task = yibu_start(sum_of_1, ++i);
    assert_int_equal(i, 1);
    assert_int_equal(sum_of_1_await(task, &sum), 0);
    assert_int_equal(sum, 1);
    yibu_task_unref(task);
    return 0;
}

static YIBU_ASYNC(int, change_argument, int, n)
{
    n++;
    *ret = n;
    return yibu_yield();
}

LOOP_TEST(tasks_of_one_coroutine_do_not_share)
{
    yibu_task *tasks[100];
    for (int i = 0; i < 100; i++)
        tasks[i] = yibu_start(change_argument, i);
    for (int i = 99; i >= 0; i--) {
        int n;
        assert_int_equal(change_argument_await(tasks[i], &n), 0);
        assert_int_equal(n, i + 1);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

LOOP_TEST(a_result_lives_as_long_as_the_handle)
{
    int sum = 0;
    yibu_task *task = yibu_start(sum_of_1, 5);
    assert_int_equal(sum_of_1_await(task, NULL), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(sum_of_1_await(task, &sum), 0);
    assert_int_equal(sum_of_1_result(task, &sum), 0);
    assert_int_equal(sum, 5);
    yibu_task_unref(task);
    return 0;
}

/* Statuses. */

LOOP_TEST(the_result_of_a_task_that_has_not_ended_is_in_progress)
{
    int sum = -1;
    yibu_task *task = yibu_start(sum_of_1, 5);
    assert_int_equal(sum_of_1_result(task, &sum), -EINPROGRESS);
    assert_int_equal(sum, -1);
    assert_int_equal(yibu_await(task), 0);
    assert_int_equal(sum_of_1_result(task, &sum), 0);
    assert_int_equal(sum, 5);
    yibu_task_unref(task);
    return 0;
}

static YIBU_ASYNC(int, end_with, int, status)
{
    *ret = 9;
    return status;
}

LOOP_TEST(a_status_that_is_a_failure_is_the_failure_of_the_task)
{
    int result = -1;
    yibu_task *task = yibu_start(end_with, -EIO);
    assert_int_equal(end_with_await(task, &result), -EIO);
    assert_int_equal(end_with_result(task, &result), -EIO);
    assert_int_equal(yibu_task_result(task), -EIO);
    assert_int_equal(result, -1);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_status_above_zero_succeeds)
{
    int result = -1;
    yibu_task *task = yibu_start(end_with, 5);
    assert_int_equal(end_with_await(task, &result), 5);
    assert_int_equal(result, 9);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_status_that_is_neither_is_out_of_range)
{
    int result = -1;
    yibu_task *task = yibu_start(end_with, -65536);
    assert_int_equal(end_with_await(task, &result), -ERANGE);
    assert_int_equal(result, -1);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(awaiting_no_task_is_out_of_memory)
{
    int result = -1;
    assert_int_equal(end_with_await(NULL, &result), -ENOMEM);
    assert_int_equal(end_with_result(NULL, &result), -ENOMEM);
    assert_int_equal(note_of_0_await(NULL), -ENOMEM);
    assert_int_equal(result, -1);
    return 0;
}

static intptr_t plain(void *arg)
{
    return *(int *)arg;
}

LOOP_TEST(a_task_of_another_coroutine_is_refused_and_not_awaited)
{
    int value = 3, result = -1;
    yibu_task *other = yibu_start(sum_of_1, 1), *untyped = yibu_create_task(plain, &value, NULL);
    assert_int_equal(end_with_await(other, &result), -EINVAL);
    assert_int_equal(end_with_result(other, &result), -EINVAL);
    assert_int_equal(end_with_await(untyped, &result), -EINVAL);
    assert_false(yibu_task_done(other));
    assert_int_equal(result, -1);
    assert_int_equal(yibu_await(untyped), 3);
    yibu_task_unref(untyped);
    yibu_task_unref(other);
    return 0;
}

/* Ways to start. */

LOOP_TEST(go_starts_without_a_handle)
{
    notes[0] = '\0';
    assert_int_equal(yibu_go(note_of_0), 0);
    assert_int_equal(yibu_go(note_of_1, 'g'), 0);
    assert_string_equal(notes, "");
    assert_int_equal(yibu_sleep(0), 0);
    assert_string_equal(notes, "-g");
    return 0;
}

static YIBU_ASYNC(const char *, own_name)
{
    char use_much[200 * 1024];
    memset(use_much, 1, sizeof(use_much));
    *ret = use_much[5] ? yibu_task_get_name(yibu_current_task()) : NULL;
    return 0;
}

LOOP_TEST(start_with_takes_a_tasks_options)
{
    yibu_task_options options = {
        .size = sizeof(options), .name = "named", .stack_bytes = 256 * 1024};
    const char *name;
    yibu_task *task = yibu_start_with(&options, own_name);
    assert_int_equal(own_name_await(task, &name), 0);
    assert_string_equal(name, "named");
    yibu_task_unref(task);
    task = yibu_start_with(NULL, sum_of_1, 1);
    assert_int_equal(sum_of_1_await(task, NULL), 0);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(options_that_are_refused_leave_nothing_behind)
{
    yibu_task_options options = {.size = sizeof(options), .stack_bytes = SIZE_MAX};
    int sum;
    yibu_task *task = yibu_start_with(&options, sum_of_1, 1);
    assert_null(task);
    assert_int_equal(sum_of_1_await(task, &sum), -ENOMEM);
    return 0;
}

static void without_a_loop_nothing_starts(void **test)
{
    (void)test;
    assert_null(yibu_start(sum_of_1, 1));
    assert_int_equal(yibu_go(sum_of_1, 1), YIBU_ENOTASK);
}

/* Cancels and time limits. */

static YIBU_ASYNC(int, sleep_long, int64_t, delay_ns)
{
    *ret = 1;
    return yibu_sleep(delay_ns);
}

LOOP_TEST(a_cancelled_task_ends_with_that_and_without_a_result)
{
    int result = -1;
    yibu_task *task = yibu_start(sleep_long, YIBU_FOREVER);
    assert_int_equal(yibu_yield(), 0);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(sleep_long_await(task, &result), -ECANCELED);
    assert_int_equal(result, -1);
    yibu_task_unref(task);
    return 0;
}

static YIBU_ASYNC(void, await_sleep, yibu_task *, sleeper)
{
    int never;
    int r = sleep_long_await(sleeper, &never);
    assert_true(yibu_task_done(sleeper));
    return r;
}

LOOP_TEST(cancelling_who_awaits_cancels_the_task_and_waits_for_its_end)
{
    yibu_task *sleeper = yibu_start(sleep_long, YIBU_FOREVER);
    yibu_task *awaiter = yibu_start(await_sleep, sleeper);
    assert_int_equal(yibu_yield(), 0);
    yibu_task_cancel(awaiter);
    assert_int_equal(await_sleep_await(awaiter), -ECANCELED);
    assert_int_equal(sleep_long_result(sleeper, NULL), -ECANCELED);
    yibu_task_unref(sleeper);
    yibu_task_unref(awaiter);
    return 0;
}

LOOP_TEST(a_time_limit_ends_a_call)
{
    int result;
    yibu_timeout limit;
    assert_int_equal(yibu_timeout_begin(&limit, YIBU_MS(1)), 0);
    int r = sleep_long(YIBU_FOREVER, &result);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    return 0;
}

LOOP_TEST(wait_for_takes_typed_tasks)
{
    int result = -1;
    yibu_task *task = yibu_start(sleep_long, YIBU_FOREVER);
    assert_int_equal(yibu_wait_for(task, YIBU_MS(1)), -ETIMEDOUT);
    assert_int_equal(sleep_long_result(task, &result), -ECANCELED);
    yibu_task_unref(task);
    task = yibu_start(sleep_long, 0);
    assert_int_equal(yibu_wait_for(task, YIBU_SECONDS(60)), 0);
    assert_int_equal(sleep_long_result(task, &result), 0);
    assert_int_equal(result, 1);
    yibu_task_unref(task);
    return 0;
}

/* Many. */

LOOP_TEST(gather_takes_typed_tasks)
{
    yibu_task *tasks[] = {yibu_start(sum_of_1, 1), yibu_start(half, 5), yibu_start(note_of_0)};
    int sum;
    double quotient;
    assert_int_equal(yibu_gather(tasks, 3, NULL, 0), 0);
    assert_int_equal(sum_of_1_result(tasks[0], &sum), 0);
    assert_int_equal(sum, 1);
    assert_int_equal(half_result(tasks[1], &quotient), 0);
    assert_true(quotient == 2.5);
    assert_int_equal(note_of_0_result(tasks[2]), 0);
    for (int i = 0; i < 3; i++)
        yibu_task_unref(tasks[i]);
    return 0;
}

LOOP_TEST(a_groups_children_may_be_typed)
{
    yibu_group group = YIBU_GROUP_INIT;
    notes[0] = '\0';
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    yibu_task *child = yibu_start_in(&group, sum_of_2, 40, 2);
    assert_non_null(child);
    assert_int_equal(yibu_go_in(&group, note_of_1, 'c'), 0);
    assert_int_equal(yibu_go_in(&group, note_of_0), 0);
    assert_int_equal(yibu_group_children(&group), 3);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    int sum;
    assert_int_equal(sum_of_2_result(child, &sum), 0);
    assert_int_equal(sum, 42);
    assert_string_equal(notes, "c-");
    yibu_task_unref(child);
    return 0;
}

LOOP_TEST(a_typed_child_that_fails_fails_the_group)
{
    yibu_group group = YIBU_GROUP_INIT;
    int result = -1;
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    yibu_task *sleeper = yibu_start_in(&group, sleep_long, YIBU_FOREVER);
    assert_int_equal(yibu_go_in(&group, end_with, -EIO), 0);
    assert_int_equal(yibu_group_end(&group, 0), -EIO);
    assert_int_equal(sleep_long_result(sleeper, &result), -ECANCELED);
    yibu_task_unref(sleeper);
    return 0;
}

static void refuse(void *arg)
{
    (void)arg;
    fail_msg("the frame of a typed child is not the group's to discard");
}

LOOP_TEST(a_typed_child_that_never_ran_leaves_nothing_behind)
{
    yibu_group_options options = {.size = sizeof(options), .max_running = 1, .discard = refuse};
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, &options), 0);
    assert_int_equal(yibu_go_in(&group, sleep_long, YIBU_FOREVER), 0);
    yibu_task *in_line = yibu_start_in(&group, sum_of_1, 1);
    assert_true(yibu_group_cancel(&group));
    assert_null(yibu_start_in(&group, sum_of_1, 1));
    assert_int_equal(yibu_go_in(&group, sum_of_1, 1), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    assert_int_equal(sum_of_1_result(in_line, NULL), -ECANCELED);
    yibu_task_unref(in_line);
    return 0;
}

LOOP_TEST(a_typed_task_knows_where_it_was_started)
{
    const char *const place = __FILE__ ":" YIBU_STRINGIFY(__LINE__);
    yibu_task *task = yibu_start(note_of_0);
    const char *const line = strrchr(place, ':') + 1;
    const char *const started = strrchr(yibu_task_get_place(task), ':') + 1;
    assert_int_equal(atoi(started), atoi(line) + 1);
    assert_int_equal(note_of_0_await(task), 0);
    yibu_task_unref(task);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coroutine_has_up_to_eight_arguments),
        cmocka_unit_test(a_coroutine_need_not_have_a_result),
        cmocka_unit_test(calling_a_coroutine_runs_it_in_the_calling_task),
        cmocka_unit_test(
            starting_a_coroutine_runs_it_in_a_task_of_its_own_when_the_starter_suspends),
        cmocka_unit_test(coroutines_call_and_start_each_other),
        cmocka_unit_test(a_coroutine_that_a_header_declares_is_a_plain_function_elsewhere),
        cmocka_unit_test(run_calls_a_coroutine_on_a_loop_of_its_own),
        cmocka_unit_test(whatever_runs_a_plain_coroutine_runs_one_without_arguments),
        cmocka_unit_test(run_within_a_loop_fails_and_leaves_the_result),
        cmocka_unit_test(arguments_of_many_types_arrive),
        cmocka_unit_test(functions_unions_and_const_arguments_arrive),
        cmocka_unit_test(large_structs_are_copied_in_and_out),
        cmocka_unit_test(results_are_aligned_as_their_types_want),
        cmocka_unit_test(results_of_many_types_return),
        cmocka_unit_test(a_task_has_a_copy_of_its_arguments),
        cmocka_unit_test(arguments_are_evaluated_once),
        cmocka_unit_test(tasks_of_one_coroutine_do_not_share),
        cmocka_unit_test(a_result_lives_as_long_as_the_handle),
        cmocka_unit_test(the_result_of_a_task_that_has_not_ended_is_in_progress),
        cmocka_unit_test(a_status_that_is_a_failure_is_the_failure_of_the_task),
        cmocka_unit_test(a_status_above_zero_succeeds),
        cmocka_unit_test(a_status_that_is_neither_is_out_of_range),
        cmocka_unit_test(awaiting_no_task_is_out_of_memory),
        cmocka_unit_test(a_task_of_another_coroutine_is_refused_and_not_awaited),
        cmocka_unit_test(go_starts_without_a_handle),
        cmocka_unit_test(start_with_takes_a_tasks_options),
        cmocka_unit_test(options_that_are_refused_leave_nothing_behind),
        cmocka_unit_test(without_a_loop_nothing_starts),
        cmocka_unit_test(a_cancelled_task_ends_with_that_and_without_a_result),
        cmocka_unit_test(cancelling_who_awaits_cancels_the_task_and_waits_for_its_end),
        cmocka_unit_test(a_time_limit_ends_a_call),
        cmocka_unit_test(wait_for_takes_typed_tasks),
        cmocka_unit_test(gather_takes_typed_tasks),
        cmocka_unit_test(a_groups_children_may_be_typed),
        cmocka_unit_test(a_typed_child_that_fails_fails_the_group),
        cmocka_unit_test(a_typed_child_that_never_ran_leaves_nothing_behind),
        cmocka_unit_test(a_typed_task_knows_where_it_was_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
