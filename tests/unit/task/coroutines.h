/* Coroutines and small helpers for the tests of futures. */
#ifndef COROUTINES_H
#define COROUTINES_H

#include "test.h"

#include <errno.h>

/* Ends at once with its argument, which may be a failure. */
static inline intptr_t return_it(void *arg)
{
    return (intptr_t)arg;
}

static inline intptr_t sleep_for_ever(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_FOREVER);
}

static inline intptr_t await_it(void *arg)
{
    return yibu_await(arg);
}

static inline intptr_t shield_it(void *arg)
{
    return yibu_shield(arg);
}

/* Refuses its cancel: waits for the future in a shield of its own, whose result is its own. */
static inline intptr_t refuse_until(void *arg)
{
    yibu_timeout shield;
    intptr_t r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = yibu_await(arg);
    yibu_shield_end(&shield);
    return r;
}

/* Lets everything that is ready run, and what that made ready, too. */
static inline void settle(void)
{
    for (int i = 0; i < 4; i++)
        yibu_sleep(0);
}

/* A task that has begun to wait. */
static inline yibu_task *started(yibu_coroutine *fn, void *arg)
{
    yibu_task *task = yibu_create_task(fn, arg, NULL);
    settle();
    return task;
}

static inline void unref_all(yibu_future **futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        yibu_future_unref(futures[i]);
}

/* A future that has ended with the result, which may be a failure. */
static inline yibu_future *ended(intptr_t result)
{
    yibu_future *future = yibu_create_future(NULL);
    assert_int_equal(yibu_future_set_result(future, result), 0);
    return future;
}

/* What the exception handler heard. */
typedef struct reports {
    int count;
    intptr_t code;
    char message[256];
} reports;

static inline void keep_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    reports *kept = arg;
    kept->count++;
    kept->code = code;
    snprintf(kept->message, sizeof(kept->message), "%s", message);
}

/* Runs the coroutine, with a pointer to kept as its argument, on a loop that keeps reports. */
static inline void run_with_reports(yibu_coroutine *body, reports *kept)
{
    *kept = (reports){0};
    yibu_loop_options options = {
        .size = sizeof(options), .exception_handler = keep_report, .exception_handler_arg = kept};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_run(body, kept, &options), 0);
    unsetenv("CMOCKA_TEST_ABORT");
}

#endif
