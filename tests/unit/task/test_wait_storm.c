/* Trees of tasks that wait for their children in every way, while the simulator cancels any of them
 * at any point and lets allocations fail: every task ends, no result is lost, nothing is left. */
#include "sim.h"

#include <errno.h>

enum { CHILDREN = 4, DEPTH = 3 };

static size_t pick(size_t bound)
{
    return (size_t)yibu_sim_random(bound);
}

static bool is_expected(intptr_t result)
{
    return !yibu_failed(result) || result == -ECANCELED || result == -EIO || result == -ENOMEM ||
           result == -ETIMEDOUT;
}

static intptr_t leaf(void)
{
    intptr_t r = yibu_sleep((int64_t)pick(2000));
    return pick(5) ? r : -EIO;
}

/* The children's results as gather tells them, and as they are. */
static void check_results(yibu_task **children, size_t n, const intptr_t *results, bool all)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(!all || yibu_task_done(children[i]));
        if (results[i] != -EINPROGRESS)
            assert_int_equal(results[i], yibu_task_result(children[i]));
    }
}

static void gather(yibu_task **children, size_t n)
{
    intptr_t results[CHILDREN] = {0};
    unsigned flags = pick(2) ? YIBU_RETURN_EXCEPTIONS : 0;
    int r = yibu_gather(children, n, results, flags);
    assert_true(is_expected(r));
    if (r == -ENOMEM && !results[0] && !results[n - 1])
        return; /* its own memory */
    check_results(children, n, results, r == 0 || flags);
}

static void wait_for_some(yibu_task **children, size_t n)
{
    unsigned return_when = (unsigned)pick(3);
    int64_t timeout_ns = pick(2) ? YIBU_FOREVER : (int64_t)pick(2000);
    ssize_t done = yibu_wait(children, n, timeout_ns, return_when);
    assert_true(done >= 0 || done == -ECANCELED || done == -ENOMEM);
    for (size_t i = 0; done == (ssize_t)n && i < n; i++)
        assert_true(yibu_task_done(children[i]));
}

static void complete(yibu_task **children, size_t n)
{
    int64_t timeout_ns = pick(2) ? YIBU_FOREVER : (int64_t)pick(2000);
    int r;
    YIBU_ASYNC_FOR (yibu_task *, child, yibu_as_completed(children, n, timeout_ns), &r)
        assert_true(yibu_task_done(child));
    assert_true(r == 0 || is_expected(r));
}

static void one_by_one(yibu_task **children, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t way = pick(3);
        intptr_t r = way == 0   ? yibu_await(children[i])
                     : way == 1 ? yibu_shield(children[i])
                                : yibu_wait_for(children[i], (int64_t)pick(2000));
        assert_true(is_expected(r));
    }
}

static intptr_t node(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    static void (*const ways[])(yibu_task **, size_t) = {gather, wait_for_some, complete,
                                                         one_by_one};
    if (depth == 0)
        return leaf();
    yibu_task *children[CHILDREN];
    size_t n = 1 + pick(CHILDREN);
    for (size_t i = 0; i < n; i++)
        children[i] = yibu_create_task(node, (void *)(depth - 1), NULL);
    ways[pick(4)](children, n);
    intptr_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (pick(2))
            yibu_task_cancel(children[i]);
        intptr_t r = yibu_await(children[i]);
        assert_true(is_expected(r));
        assert_true(yibu_task_done(children[i]));
        sum += yibu_failed(r) ? 0 : 1 + r;
        yibu_task_unref(children[i]);
    }
    return sum;
}

static uint64_t seeds(void)
{
    const char *text = getenv("YIBU_MODEL_SEEDS");
    return text ? strtoull(text, NULL, 10) : YB_TEST_SLOWDOWN > 1 ? 50 : 3000;
}

SIM_TEST_WITH(every_wait_ends_among_cancels_and_without_memory, seeds(), .cancel = 0.03,
              .allocation_failure = 0.03, .step_ns = 100)
{
    return node((void *)DEPTH) < 0 ? -EILSEQ : 0;
}

SIM_TEST_WITH(every_wait_ends_among_cancels, seeds(), .cancel = 0.1)
{
    return node((void *)DEPTH) < 0 ? -EILSEQ : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wait_ends_among_cancels_and_without_memory),
        cmocka_unit_test(every_wait_ends_among_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
