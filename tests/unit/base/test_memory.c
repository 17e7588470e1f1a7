/* The allocator a program may choose: everything comes from it and goes back to it.
 *
 * The order of the tests matters: an allocator can be chosen until the first allocation. */
#include "test.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/memory.h"

static atomic_long live, calls;

static void *count_up(void *memory)
{
    if (memory)
        live++;
    calls++;
    return memory;
}

static void *allocate(size_t size, void *arg)
{
    assert_ptr_equal(arg, &live);
    return count_up(malloc(size));
}

static void *reallocate(void *memory, size_t size, void *arg)
{
    assert_ptr_equal(arg, &live);
    calls++;
    if (!memory)
        live++;
    return realloc(memory, size);
}

static void release(void *memory, void *arg)
{
    assert_ptr_equal(arg, &live);
    if (memory)
        live--;
    free(memory);
}

static const yibu_allocator counting = {allocate, reallocate, release, &live};

static void an_allocator_needs_all_three_functions(void **state)
{
    (void)state;
    yibu_allocator incomplete = counting;
    incomplete.reallocate = NULL;
    assert_int_equal(yibu_set_allocator(&incomplete), -EINVAL);
}

static void an_allocator_can_be_chosen_again_before_the_first_allocation(void **state)
{
    (void)state;
    assert_int_equal(yibu_set_allocator(&counting), 0);
    assert_int_equal(yibu_set_allocator(NULL), 0);
    assert_int_equal(yibu_set_allocator(&counting), 0);
}

static intptr_t double_it(void *arg)
{
    return 2 * (intptr_t)arg;
}

static intptr_t use_a_bit_of_everything(void *arg)
{
    (void)arg;
    yibu_task_options options = {.size = sizeof(options), .name = "named"};
    yibu_task *task = yibu_create_task(double_it, (void *)21, &options);
    assert_int_equal(yibu_await(task), 42);
    yibu_task_unref(task);
    assert_int_equal(yibu_to_thread(double_it, (void *)4), 8);
    int fd = yibu_tcp_listen("127.0.0.1", 0, NULL);
    YIBU_TIMEOUT(limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_accept(fd, NULL)), -ETIMEDOUT);
    return yibu_close(fd);
}

static void everything_a_loop_takes_comes_from_the_allocator_and_goes_back(void **state)
{
    (void)state;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_run(use_a_bit_of_everything, NULL, NULL), 0);
    unsetenv("CMOCKA_TEST_ABORT");
    assert_true(calls > 5);
    assert_int_equal(live, 0);
}

static void the_choice_is_final_after_the_first_allocation(void **state)
{
    (void)state;
    assert_int_equal(yibu_set_allocator(NULL), -EBUSY);
    assert_int_equal(yibu_set_allocator(&counting), -EBUSY);
}

static void zeroed_memory_is_zero_and_overflow_is_noticed(void **state)
{
    (void)state;
    unsigned char *bytes = yb_calloc(16, 16);
    for (int i = 0; i < 256; i++)
        assert_int_equal(bytes[i], 0);
    yb_free(bytes);
    volatile size_t half = SIZE_MAX / 2 + 2;
    assert_null(yb_calloc(half, 2));
    yb_free(NULL);
    char *copy = yb_strdup("copied");
    assert_string_equal(copy, "copied");
    yb_free(copy);
    assert_int_equal(live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allocator_needs_all_three_functions),
        cmocka_unit_test(an_allocator_can_be_chosen_again_before_the_first_allocation),
        cmocka_unit_test(everything_a_loop_takes_comes_from_the_allocator_and_goes_back),
        cmocka_unit_test(the_choice_is_final_after_the_first_allocation),
        cmocka_unit_test(zeroed_memory_is_zero_and_overflow_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
