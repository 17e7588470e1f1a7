/* The loops by yibu_parallel_for and yibu_parallel_reduce. */
#ifndef YIBU_LOOPS_H
#define YIBU_LOOPS_H

#include "loops.h"

#include <yibu.h>

static yibu_executor *executor; /* NULL: the default of the task's loop */

static int add_inverses(int64_t first, int64_t end, void *accumulator, void *arg)
{
    double sum = 0;

    (void)arg;
    for (int64_t i = first; i < end; i++)
        sum += inverse_square(i);
    *(double *)accumulator += sum;
    return 0;
}

static int add_double(void *into, const void *from, void *arg)
{
    (void)arg;
    *(double *)into += *(const double *)from;
    return 0;
}

static double sum_inverses(int64_t n)
{
    const yibu_reduction reduction = {.size = sizeof(reduction),
                                      .accumulator_bytes = sizeof(double),
                                      .body = add_inverses,
                                      .combine = add_double};
    double sum = 0;
    int r = yibu_parallel_reduce(executor, 0, n, 0, &reduction, NULL, &sum);

    if (r < 0)
        bench_fail("yibu_parallel_reduce", r);
    return sum;
}

struct vectors {
    float *y;
    const float *x;
};

static int saxpy_items(int64_t first, int64_t end, void *arg)
{
    const struct vectors *vectors = arg;
    const float *x = vectors->x;
    float *y = vectors->y;

    for (int64_t i = first; i < end; i++)
        y[i] = saxpy_item(y[i], x[i]);
    return 0;
}

static void saxpy(float *y, const float *x, int64_t n)
{
    struct vectors vectors = {y, x};
    int r = yibu_parallel_for(executor, 0, n, 0, saxpy_items, &vectors);

    if (r < 0)
        bench_fail("yibu_parallel_for", r);
}

static int churn_items(int64_t first, int64_t end, void *accumulator, void *arg)
{
    for (int64_t i = first; i < end; i++)
        *(uint64_t *)accumulator += churn_item(i, *(const int64_t *)arg);
    return 0;
}

static int add_number(void *into, const void *from, void *arg)
{
    (void)arg;
    *(uint64_t *)into += *(const uint64_t *)from;
    return 0;
}

static uint64_t churn(int64_t n)
{
    const yibu_reduction reduction = {.size = sizeof(reduction),
                                      .accumulator_bytes = sizeof(uint64_t),
                                      .body = churn_items,
                                      .combine = add_number};
    uint64_t sum = 0;
    int r = yibu_parallel_reduce(executor, 0, n, 0, &reduction, &n, &sum);

    if (r < 0)
        bench_fail("yibu_parallel_reduce", r);
    return sum;
}

#endif
