/* What every test includes: cmocka with the headers that it needs, and tests that are coroutines.
 *
 *     LOOP_TEST(sleep_returns_cancelled_when_cancelled)
 *     {
 *         …;              // in the main task of a new loop on the backend of $YIBU_BACKEND
 *         return 0;       // anything else fails the test
 *     }
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {cmocka_unit_test(sleep_returns_cancelled_…)};
 *         return cmocka_run_group_tests(tests, NULL, NULL);
 *     }
 *
 * A failed assertion inside a coroutine ends the program at once: cmocka's way, a long jump to the
 * test's caller, would leave a running loop behind. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <yibu.h>

/* The backend asked for, "epoll" or "io_uring"; NULL where the library may choose. */
static inline const char *test_backend(void)
{
    return getenv("YIBU_BACKEND");
}

/* Says so when a machine refuses io_uring, so that a test which ran on epoll is not mistaken. */
static inline void test_report_fallback(void)
{
    const char *used = yibu_loop_backend(yibu_get_running_loop());
    if (test_backend() && strcmp(test_backend(), used) != 0)
        fprintf(stderr, "%s is refused here: this test runs on %s\n", test_backend(), used);
}

typedef struct test_body {
    yibu_coroutine *run;
    void **state;
} test_body;

static inline intptr_t test_run_body(void *arg)
{
    test_body *body = (test_body *)arg;
    test_report_fallback();
    return body->run(body->state);
}

static inline void test_run_loop(yibu_coroutine *run, void **state)
{
    test_body body = {run, state};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    intptr_t result = yibu_run(test_run_body, &body, NULL);
    unsetenv("CMOCKA_TEST_ABORT");
    if (yibu_failed(result))
        fail_msg("returned %s", yibu_error_name(result));
    assert_int_equal(result, 0);
}

#define LOOP_TEST(NAME)                     \
    static intptr_t NAME##_body(void *arg); \
    static void NAME(void **state)          \
    {                                       \
        test_run_loop(NAME##_body, state);  \
    }                                       \
    static intptr_t NAME##_body(__attribute__((unused)) void *arg)

#endif
