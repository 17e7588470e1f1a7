/* Tests that run a loop by hand, where yibu_run would do too much.
 *
 *     static void name(void **state) { yibu_loop *loop = *state; … }
 *     … loop_unit_test(name) …
 *
 * A failed assertion ends the program: what is on the loop's stack must not be jumped over. */
#ifndef LOOP_H
#define LOOP_H

#include "test.h"

static inline int test_loop_setup(void **state)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return yibu_loop_new(NULL, (yibu_loop **)state);
}

static inline int test_loop_teardown(void **state)
{
    return yibu_loop_free(*state);
}

#define loop_unit_test(NAME) \
    cmocka_unit_test_setup_teardown(NAME, test_loop_setup, test_loop_teardown)

/* Runs the loop until *done; the test's time limit ends what never comes. */
static inline void test_loop_until(yibu_loop *loop, const bool *done)
{
    while (!*done)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
}

/* Runs the loop until nothing is left that could happen. */
static inline void test_loop_drain(yibu_loop *loop)
{
    int r = yibu_loop_run_once(loop, 0);
    while (r == 1)
        r = yibu_loop_run_once(loop, YIBU_FOREVER);
    assert_int_equal(r, 0);
}

/* Callbacks for any test. */

static inline void test_set(void *arg)
{
    *(bool *)arg = true;
}

static inline void test_count(void *arg)
{
    ++*(int *)arg;
}

#endif
