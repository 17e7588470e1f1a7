/* Typed coroutines in C++: the same, and arguments and results that have constructors. */
#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

extern "C" {
#include <cmocka.h>
}

#include "test.h"

#include "async_elsewhere.h"

namespace
{

int alive; /* objects of the class below */

class counted
{
  public:
    counted()
    {
        alive++;
    }
    counted(const counted &)
    {
        alive++;
    }
    ~counted()
    {
        alive--;
    }
    counted &operator=(const counted &) = default;
};

YIBU_ASYNC(std::string, repeat, std::string, text, std::size_t, times)
{
    int r = yibu_yield();
    if (r < 0)
        return r;
    ret->clear();
    for (std::size_t i = 0; i < times; i++)
        *ret += text;
    return 0;
}

YIBU_ASYNC(int, sum, std::vector<int>, numbers)
{
    *ret = 0;
    for (int number : numbers)
        *ret += number;
    return yibu_yield();
}

YIBU_ASYNC(int, take, std::unique_ptr<int>, owned)
{
    *ret = *owned;
    return yibu_yield();
}

YIBU_ASYNC(counted, hold, counted, one, const counted, another, int, status)
{
    *ret = one;
    (void)another;
    (void)yibu_yield();
    return status;
}

YIBU_ASYNC(void, nothing)
{
    return yibu_yield();
}

} // namespace

LOOP_TEST(arguments_and_results_may_have_constructors)
{
    std::string text = "a text that is too long to be kept within the object itself ", result;
    yibu_task *task = yibu_start(repeat, text, 2);
    text = "another";
    assert_int_equal(repeat_await(task, &result), 0);
    assert_int_equal(result.size(), 120);
    assert_int_equal(repeat_await(task, &result), 0);
    assert_int_equal(result.size(), 120);
    yibu_task_unref(task);
    assert_int_equal(repeat("x", 3, &result), 0);
    assert_string_equal(result.c_str(), "xxx");
    return 0;
}

LOOP_TEST(arguments_are_moved_where_they_can_be)
{
    int result = 0;
    std::vector<int> numbers = {1, 2, 4};
    yibu_task *task = yibu_start(sum, std::move(numbers));
    assert_int_equal(sum_await(task, &result), 0);
    assert_int_equal(result, 7);
    yibu_task_unref(task);
    task = yibu_start(take, std::unique_ptr<int>(new int(42)));
    assert_int_equal(take_await(task, &result), 0);
    assert_int_equal(result, 42);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(every_object_is_destroyed_with_the_last_handle)
{
    yibu_task *task = yibu_start(hold, counted(), counted(), 0);
    assert_true(alive > 0);
    assert_int_equal(hold_await(task, nullptr), 0);
    assert_int_equal(alive, 3);
    yibu_task_unref(task);
    assert_int_equal(alive, 0);

    assert_int_equal(yibu_go(hold, counted(), counted(), -ECANCELED), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(alive, 0);
    return 0;
}

static void what_cannot_start_is_destroyed(void **)
{
    assert_null(yibu_start(hold, counted(), counted(), 0));
    assert_int_equal(yibu_go(hold, counted(), counted(), 0), YIBU_ENOTASK);
    assert_int_equal(alive, 0);
}

static void run_calls_a_coroutine_on_a_loop_of_its_own(void **)
{
    std::string result;
    assert_int_equal(repeat_run(nullptr, "ab", 2, &result), 0);
    assert_string_equal(result.c_str(), "abab");
    assert_int_equal(take_run(nullptr, std::unique_ptr<int>(new int(1)), nullptr), 0);
    assert_int_equal(nothing_run(nullptr), 0);
}

LOOP_TEST(coroutines_of_c_are_called_and_started)
{
    point p;
    assert_int_equal(elsewhere_move(point{1, 2}, 3, &p), 0);
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

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_and_results_may_have_constructors),
        cmocka_unit_test(arguments_are_moved_where_they_can_be),
        cmocka_unit_test(every_object_is_destroyed_with_the_last_handle),
        cmocka_unit_test(what_cannot_start_is_destroyed),
        cmocka_unit_test(run_calls_a_coroutine_on_a_loop_of_its_own),
        cmocka_unit_test(coroutines_of_c_are_called_and_started),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
