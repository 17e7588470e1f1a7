/* Kernels that refuse: io_uring, or newer calls.  A loop is made all the same, on epoll, and works.
 * Each test is a process of its own, since a refusal is for good. */
#include "process.h"

#include <errno.h>
#include <time.h>

#include "echo.h"
#include "refuse.h"

typedef struct refusal {
    long number;
    int error;
} refusal;

static bool fell_back;

static void listen_for_fallback(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    fell_back = fell_back || (strstr(message, "epoll") && code == -*(int *)arg);
    fprintf(stderr, "%s: %s\n", message, yibu_error_name(code));
}

static intptr_t echo_on_epoll(void *arg)
{
    if (strcmp(yibu_loop_backend(yibu_get_running_loop()), "epoll") != 0)
        return -EPROTO;
    return echo_program(arg);
}

static int run_without_ring(void *arg)
{
    refusal *r = arg;
    refuse(r->number, r->error);
    yibu_loop_options options = {.size = sizeof(options),
                                 .backend = "io_uring",
                                 .debug = true,
                                 .slow_callback_duration_ns = YIBU_FOREVER,
                                 .exception_handler = listen_for_fallback,
                                 .exception_handler_arg = &r->error};
    assert_int_equal(yibu_run(echo_on_epoll, NULL, &options), 0);
    assert_true(fell_back);
    return 0;
}

static void without(long number, int error)
{
    refusal r = {number, error};
    test_result result;
    test_in_process(run_without_ring, &r, &result);
    assert_true(test_exited(&result, 0));
}

static void a_forbidden_ring_makes_the_loop_use_epoll(void **state)
{
    (void)state;
    without(SYS_io_uring_setup, EPERM);
}

static void a_kernel_without_rings_makes_the_loop_use_epoll(void **state)
{
    (void)state;
    without(SYS_io_uring_setup, ENOSYS);
}

static void want_of_memory_for_a_ring_makes_the_loop_use_epoll(void **state)
{
    (void)state;
    without(SYS_io_uring_setup, ENOMEM);
}

static void a_ring_that_cannot_be_entered_makes_the_loop_use_epoll(void **state)
{
    (void)state;
    without(SYS_io_uring_enter, EPERM);
}

static void a_ring_that_cannot_be_probed_makes_the_loop_use_epoll(void **state)
{
    (void)state;
    refusal r = {SYS_io_uring_register, EOPNOTSUPP};
    test_result result;
    test_in_process(run_without_ring, &r, &result);
    assert_true(test_exited(&result, 0));
}

/* Without being asked: nothing is said, and nothing is lost. */
static int run_by_default(void *arg)
{
    (void)arg;
    unsetenv("YIBU_BACKEND");
    refuse(SYS_io_uring_setup, EPERM);
    return yibu_run(echo_on_epoll, NULL, NULL) == 0 ? 0 : 1;
}

static void a_fallback_is_silent_without_debug(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_by_default, NULL, &result);
    assert_true(test_exited(&result, 0));
    assert_string_equal(result.said, "");
}

static int run_with_debug_environment(void *arg)
{
    setenv("YIBU_DEBUG", "1", 1);
    return run_by_default(arg);
}

static void the_environment_s_debug_says_so(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_with_debug_environment, NULL, &result);
    assert_true(test_exited(&result, 0));
    assert_non_null(strstr(result.said, "epoll"));
}

/* What a loop that works says in debug mode: nothing. */
static int run_whole(void *arg)
{
    (void)arg;
    yibu_loop_options options = {
        .size = sizeof(options), .debug = true, .slow_callback_duration_ns = YIBU_FOREVER};
    return yibu_run(echo_program, NULL, &options) == 0 ? 0 : 1;
}

static void a_loop_that_did_not_fall_back_says_nothing(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_whole, NULL, &result);
    assert_true(test_exited(&result, 0));
    if (!strstr(result.said, "io_uring is not to be had"))
        assert_string_equal(result.said, "");
}

/* epoll on kernels, and under filters, that lack its newest call. */

static intptr_t sleep_exactly(void *arg)
{
    int *exact = arg;
    for (int i = 0; i < 50; i++) {
        int64_t start = yibu_loop_time(yibu_get_running_loop());
        if (yibu_sleep(YIBU_US(200)) < 0)
            return -EINTR;
        int64_t took = yibu_loop_time(yibu_get_running_loop()) - start;
        if (took < YIBU_US(200))
            return -EDOM;
        *exact += took < YIBU_US(900); /* rounded up to milliseconds, none would be */
    }
    return 0;
}

static int run_without_pwait2(void *arg)
{
    int exact = 0;
    refuse(SYS_epoll_pwait2, *(int *)arg);
    yibu_loop_options options = {.size = sizeof(options), .backend = "epoll"};
    for (int attempt = 0; attempt < 20 && exact < 25; attempt++) {
        exact = 0;
        assert_int_equal(yibu_run(sleep_exactly, &exact, &options), 0);
    }
    assert_true(exact >= 25);
    assert_int_equal(yibu_run(echo_program, NULL, &options), 0);
    return 0;
}

static void timers_are_exact_without_epoll_pwait2(void **state)
{
    (void)state;
    test_result result;
    int error = ENOSYS;
    test_in_process(run_without_pwait2, &error, &result);
    assert_true(test_exited(&result, 0));
}

/* Older container runtimes answer EPERM for every call that they do not know. */
static void timers_are_exact_where_epoll_pwait2_is_forbidden(void **state)
{
    (void)state;
    test_result result;
    int error = EPERM;
    test_in_process(run_without_pwait2, &error, &result);
    assert_true(test_exited(&result, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forbidden_ring_makes_the_loop_use_epoll),
        cmocka_unit_test(a_kernel_without_rings_makes_the_loop_use_epoll),
        cmocka_unit_test(want_of_memory_for_a_ring_makes_the_loop_use_epoll),
        cmocka_unit_test(a_ring_that_cannot_be_entered_makes_the_loop_use_epoll),
        cmocka_unit_test(a_ring_that_cannot_be_probed_makes_the_loop_use_epoll),
        cmocka_unit_test(a_fallback_is_silent_without_debug),
        cmocka_unit_test(the_environment_s_debug_says_so),
        cmocka_unit_test(a_loop_that_did_not_fall_back_says_nothing),
        cmocka_unit_test(timers_are_exact_without_epoll_pwait2),
        cmocka_unit_test(timers_are_exact_where_epoll_pwait2_is_forbidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
