/* Exception handlers. */
#include "loop.h"

#include <errno.h>
#include <pthread.h>

#include "process.h"

typedef struct heard {
    yibu_loop *loop;
    int count;
    intptr_t code;
    char message[256];
} heard;

static void hear(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    heard *h = arg;
    h->loop = loop;
    h->count++;
    h->code = code;
    snprintf(h->message, sizeof(h->message), "%s", message);
}

static intptr_t fail_unheard(void *arg)
{
    (void)arg;
    return -EIO;
}

static void the_handler_hears_of_a_failure_that_nobody_retrieved(void **state)
{
    yibu_loop *loop = *state;
    heard h = {0};
    assert_int_equal(yibu_loop_set_exception_handler(loop, hear, &h), 0);
    assert_int_equal(yibu_spawn(fail_unheard, NULL), 0);
    test_loop_drain(loop);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, -EIO);
    assert_ptr_equal(h.loop, loop);
    assert_non_null(strstr(h.message, "test_handler.c:"));
}

/* asyncio: "loop.call_exception_handler(context): Call the current event loop exception
 * handler." */
static void a_program_may_call_the_handler_itself(void **state)
{
    yibu_loop *loop = *state;
    heard h = {0};
    assert_int_equal(yibu_loop_set_exception_handler(loop, hear, &h), 0);
    assert_int_equal(yibu_loop_call_exception_handler(loop, "the disk is full", -ENOSPC), 0);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.code, -ENOSPC);
    assert_string_equal(h.message, "the disk is full");
    assert_int_equal(yibu_loop_call_exception_handler(loop, NULL, 0), -EINVAL);
    assert_int_equal(yibu_loop_call_exception_handler(NULL, "x", 0), -EINVAL);
    assert_int_equal(h.count, 1);
}

static void the_handler_can_be_asked_for_and_set_back(void **state)
{
    yibu_loop *loop = *state;
    void *arg = &arg;
    heard h = {0};
    assert_ptr_equal(yibu_loop_get_exception_handler(loop, &arg),
                     yibu_loop_default_exception_handler);
    assert_null(arg);
    yibu_loop_set_exception_handler(loop, hear, &h);
    assert_ptr_equal(yibu_loop_get_exception_handler(loop, &arg), hear);
    assert_ptr_equal(arg, &h);
    assert_int_equal(yibu_loop_set_exception_handler(loop, NULL, &h), 0);
    assert_ptr_equal(yibu_loop_get_exception_handler(loop, NULL),
                     yibu_loop_default_exception_handler);
    assert_null(yibu_loop_get_exception_handler(NULL, &arg));
    assert_int_equal(yibu_loop_set_exception_handler(NULL, hear, &h), -EINVAL);
}

static void pass_on_but_io_errors(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    if (code != -EIO)
        yibu_loop_default_exception_handler(loop, message, code, arg);
}

static int run_with_a_choosy_handler(void *arg)
{
    (void)arg;
    yibu_loop *loop;
    if (yibu_loop_new(NULL, &loop) < 0)
        return 1;
    yibu_loop_set_exception_handler(loop, pass_on_but_io_errors, NULL);
    yibu_loop_call_exception_handler(loop, "left out", -EIO);
    yibu_loop_call_exception_handler(loop, "passed on", -ENOSPC);
    yibu_loop_call_exception_handler(loop, "without a code", 0);
    yibu_loop_call_exception_handler(loop, "two\n  lines", -ENOSPC);
    return yibu_loop_free(loop);
}

static void the_default_handler_prints_a_line_and_can_be_called_by_others(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_with_a_choosy_handler, NULL, &result);
    assert_true(test_exited(&result, 0));
    char expected[256];
    snprintf(expected, sizeof(expected),
             "yibu: passed on: %s\nyibu: without a code\nyibu: two\n  lines\n",
             yibu_strerror(-ENOSPC));
    assert_string_equal(result.said, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(the_handler_hears_of_a_failure_that_nobody_retrieved),
        loop_unit_test(a_program_may_call_the_handler_itself),
        loop_unit_test(the_handler_can_be_asked_for_and_set_back),
        cmocka_unit_test(the_default_handler_prints_a_line_and_can_be_called_by_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
