/* Parallel reductions: results, determinism, failures. */
#include <pthread.h>

#include "gate.h"

static int add_numbers(int64_t first, int64_t end, void *accumulator, void *arg)
{
    (void)arg;
    for (int64_t i = first; i < end; i++)
        *(int64_t *)accumulator += i;
    return 0;
}

static int add_sum(void *into, const void *from, void *arg)
{
    (void)arg;
    *(int64_t *)into += *(const int64_t *)from;
    return 0;
}

static const yibu_reduction sum = {.size = sizeof(sum),
                                   .accumulator_bytes = sizeof(int64_t),
                                   .body = add_numbers,
                                   .combine = add_sum};

LOOP_TEST(a_sum_over_any_range_and_grain_is_right)
{
    static const int64_t counts[] = {0, 1, 2, 3, 100, 1024, 100003, 3000000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (int64_t grain = 0; grain < 2000; grain = grain * 37 + 1)
            for (int deterministic = 0; deterministic < 2; deterministic++) {
                yibu_reduction reduction = sum;
                reduction.deterministic = deterministic;
                int64_t n = counts[i], total = -1;
                assert_int_equal(yibu_parallel_reduce(NULL, 0, n, grain, &reduction, NULL, &total),
                                 0);
                assert_int_equal(total, n * (n - 1) / 2);
            }
    return 0;
}

typedef struct extremes {
    double least, most;
} extremes;

static double noise(int64_t i)
{
    uint64_t x = (uint64_t)i * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    return (double)(x % 1000003) / 997 - 300;
}

static int note_extremes(int64_t first, int64_t end, void *accumulator, void *arg)
{
    (void)arg;
    extremes *e = accumulator;
    for (int64_t i = first; i < end; i++) {
        e->least = noise(i) < e->least ? noise(i) : e->least;
        e->most = noise(i) > e->most ? noise(i) : e->most;
    }
    return 0;
}

static int combine_extremes(void *into, const void *from, void *arg)
{
    (void)arg;
    extremes *a = into;
    const extremes *b = from;
    a->least = b->least < a->least ? b->least : a->least;
    a->most = b->most > a->most ? b->most : a->most;
    return 0;
}

LOOP_TEST(accumulators_start_as_the_identity_which_is_also_the_result_of_no_items)
{
    extremes identity = {1e9, -1e9}, seen, wanted = identity;
    yibu_reduction reduction = {sizeof(reduction), sizeof(extremes), &identity,
                                note_extremes,     combine_extremes, false};
    assert_int_equal(yibu_parallel_reduce(NULL, 7, 7, 0, &reduction, NULL, &seen), 0);
    assert_memory_equal(&seen, &identity, sizeof(seen));
    (void)note_extremes(0, 200000, &wanted, NULL);
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 200000, 0, &reduction, NULL, &seen), 0);
    assert_true(seen.least == wanted.least && seen.most == wanted.most);
    return 0;
}

enum { BUCKETS = 3000 };

static int count_buckets(int64_t first, int64_t end, void *accumulator, void *arg)
{
    (void)arg;
    for (int64_t i = first; i < end; i++)
        ((uint32_t *)accumulator)[i * i % BUCKETS]++;
    return 0;
}

static int add_buckets(void *into, const void *from, void *arg)
{
    (void)arg;
    for (int i = 0; i < BUCKETS; i++)
        ((uint32_t *)into)[i] += ((const uint32_t *)from)[i];
    return 0;
}

LOOP_TEST(an_accumulator_may_be_a_table)
{
    static uint32_t wanted[BUCKETS], seen[BUCKETS];
    memset(wanted, 0, sizeof(wanted));
    (void)count_buckets(0, 100000, wanted, NULL);
    yibu_reduction reduction = {sizeof(reduction), sizeof(seen), NULL,
                                count_buckets,     add_buckets,  false};
    for (int i = 0; i < 2; i++) {
        reduction.deterministic = i == 1;
        assert_int_equal(yibu_parallel_reduce(NULL, 0, 100000, 0, &reduction, NULL, seen), 0);
        assert_memory_equal(seen, wanted, sizeof(seen));
    }
    return 0;
}

/* Numbers whose sum depends on the order in which they are added. */
static int add_noise(int64_t first, int64_t end, void *accumulator, void *arg)
{
    (void)arg;
    static const double scale[] = {1e-3, 1, 1e3, 1e6, 1e9};
    for (int64_t i = first; i < end; i++)
        *(double *)accumulator += noise(i) * scale[i % 5];
    return 0;
}

static int add_doubles(void *into, const void *from, void *arg)
{
    (void)arg;
    *(double *)into += *(const double *)from;
    return 0;
}

static double sum_noise(yibu_executor *executor, int64_t grain)
{
    const yibu_reduction reduction = {sizeof(reduction), sizeof(double), NULL,
                                      add_noise,         add_doubles,    true};
    double total = 0;
    assert_int_equal(yibu_parallel_reduce(executor, 0, 50021, grain, &reduction, NULL, &total), 0);
    return total;
}

static yibu_executor *new_pool(unsigned max_workers)
{
    yibu_thread_pool_options options = {.size = sizeof(options), .max_workers = max_workers};
    yibu_executor *executor;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    return executor;
}

static void *sum_noise_on_a_thread(void *arg)
{
    static double total;
    total = sum_noise(arg, 0);
    return &total;
}

LOOP_TEST(a_deterministic_sum_is_the_same_on_however_many_threads)
{
    double wanted = sum_noise(NULL, 0);
    for (unsigned workers = 1; workers <= 6; workers++) {
        yibu_executor *executor = new_pool(workers);
        for (int round = 0; round < 5; round++)
            assert_true(sum_noise(executor, 0) == wanted);
        pthread_t thread;
        void *seen;
        assert_int_equal(pthread_create(&thread, NULL, sum_noise_on_a_thread, executor), 0);
        pthread_join(thread, &seen);
        assert_true(*(double *)seen == wanted);
        yibu_executor_free(executor);
    }
    assert_true(sum_noise(NULL, 50021) != wanted); /* or it would show nothing */
    return 0;
}

static _Atomic(int) calls;

static int fail_at(int64_t first, int64_t end, void *accumulator, void *arg)
{
    (void)accumulator;
    atomic_fetch_add(&calls, 1);
    int64_t at = *(int64_t *)arg;
    return first <= at && at < end ? -EDOM : 0;
}

static int refuse(void *into, const void *from, void *arg)
{
    (void)into, (void)from, (void)arg;
    return -ERANGE;
}

LOOP_TEST(a_failure_is_returned_and_the_result_left_alone)
{
    int64_t at = 1234, result = 77;
    yibu_reduction reduction = sum;
    reduction.body = fail_at;
    for (int i = 0; i < 2; i++) {
        reduction.deterministic = i == 1;
        assert_int_equal(yibu_parallel_reduce(NULL, 0, 5000, 1, &reduction, &at, &result), -EDOM);
    }
    at = -1;
    reduction.combine = refuse;
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 5000, 1, &reduction, &at, &result), -ERANGE);
    assert_int_equal(result, 77);
    return 0;
}

LOOP_TEST(wrong_arguments_are_refused)
{
    int64_t result;
    yibu_reduction wrong = sum;
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 1, 0, NULL, NULL, &result), -EINVAL);
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 1, -1, &sum, NULL, &result), -EINVAL);
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 1, 0, &sum, NULL, NULL), -EINVAL);
    wrong.size = 0;
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 1, 0, &wrong, NULL, &result), -EINVAL);
    wrong = sum;
    wrong.body = NULL;
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 1, 0, &wrong, NULL, &result), -EINVAL);
    wrong = sum;
    wrong.combine = NULL;
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 1, 0, &wrong, NULL, &result), -EINVAL);
    wrong = sum;
    wrong.accumulator_bytes = 0;
    assert_int_equal(yibu_parallel_reduce(NULL, 0, 1, 0, &wrong, NULL, &result), -EINVAL);
    return 0;
}

LOOP_TEST(accumulators_that_no_address_space_holds_are_refused)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 100, SIZE_MAX / 2, PTRDIFF_MAX / 2};
    int64_t result;
    yibu_reduction huge = sum;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int deterministic = 0; deterministic < 2; deterministic++) {
            huge.accumulator_bytes = sizes[i];
            huge.deterministic = deterministic;
            assert_int_equal(yibu_parallel_reduce(NULL, 0, 5000, 0, &huge, NULL, &result), -ENOMEM);
        }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_over_any_range_and_grain_is_right),
        cmocka_unit_test(accumulators_start_as_the_identity_which_is_also_the_result_of_no_items),
        cmocka_unit_test(an_accumulator_may_be_a_table),
        cmocka_unit_test(a_deterministic_sum_is_the_same_on_however_many_threads),
        cmocka_unit_test(a_failure_is_returned_and_the_result_left_alone),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(accumulators_that_no_address_space_holds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
