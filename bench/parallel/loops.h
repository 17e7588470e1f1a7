/* What the loops of this topic do, and how they are measured, for the peers in C.
 *
 * The value is the time of one item, or, for small loops of 1000 items, of one loop. */
#ifndef LOOPS_H
#define LOOPS_H

#include "bench.h"

#include <math.h>

enum { SMALL_ITEMS = 1000, WARM_UPS = 20 };

/* One peer's way of doing each. */
struct loops {
    double (*sum_inverses)(int64_t n);
    void (*saxpy)(float *y, const float *x, int64_t n);
    uint64_t (*churn)(int64_t n); /* the sum of churn_item, uneven work */
    const char *backend;          /* or "" */
};

/* Limited by the divider: the latency of additions, which where a loop happens to lie can halve,
 * does not show. */
static inline double inverse_square(int64_t i)
{
    double x = (double)i + 1;

    return 1 / (x * x);
}

static inline float saxpy_item(float y, float x)
{
    return y + 0.5f * x;
}

/* The last tenth of the items costs a thousand times as much as the others. */
static inline uint64_t churn_item(int64_t i, int64_t n)
{
    uint64_t x = (uint64_t)i;

    for (int rounds = i < n / 10 * 9 ? 10 : 10000; rounds > 0; rounds--)
        x = (x ^ x >> 29) * 6364136223846793005u + 1442695040888963407u;
    return x;
}

static inline double time_inverses(const struct bench *bench, const struct loops *loops)
{
    double n = (double)bench->n, wanted = 1.6449340668482264 - 1 / n; /* pi squared, a sixth */
    int64_t start = bench_now_ns();
    double sum = loops->sum_inverses(bench->n);
    int64_t end = bench_now_ns();

    if (fabs(sum - wanted) > 1e-6)
        bench_fail("wrong sum", -ERANGE);
    return (double)(end - start) / n;
}

static inline float *new_floats(int64_t n)
{
    float *floats = malloc((size_t)n * sizeof(*floats));

    for (int64_t i = 0; i < n; i++)
        floats[i] = 1;
    return floats;
}

static inline double time_saxpy(const struct bench *bench, const struct loops *loops)
{
    int64_t items = bench_argument(bench, 1, 10000000), times = bench->n / items;
    float *x = new_floats(items), *y = new_floats(items);
    int64_t start = bench_now_ns();

    for (int64_t i = 0; i < times; i++)
        loops->saxpy(y, x, items);
    start = bench_now_ns() - start;
    if (y[items - 1] != 1 + 0.5f * (float)times)
        bench_fail("wrong item", -ERANGE);
    return (double)start / (double)(times * items);
}

static inline double time_uneven(const struct bench *bench, const struct loops *loops)
{
    int64_t start = bench_now_ns();
    uint64_t sum = loops->churn(bench->n);
    int64_t spent = bench_now_ns() - start;
    volatile uint64_t used = sum;

    (void)used;
    return (double)spent / (double)bench->n;
}

static inline void pause_us(long us)
{
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};

    if (us > 0)
        nanosleep(&pause, NULL);
}

static inline double time_small(const struct bench *bench, const struct loops *loops)
{
    float *x = new_floats(SMALL_ITEMS), *y = new_floats(SMALL_ITEMS);
    long pause = bench_argument(bench, 1, 0);
    int64_t spent = 0;

    for (long i = 0; i < bench->n; i++) {
        pause_us(pause);
        spent -= bench_now_ns();
        loops->saxpy(y, x, SMALL_ITEMS);
        spent += bench_now_ns();
    }
    return (double)spent / (double)bench->n;
}

/* Starts the threads, so that they are not counted. */
static inline void warm_up(const struct loops *loops)
{
    for (int i = 0; i < WARM_UPS; i++)
        (void)loops->churn(2000);
}

static inline void measure_loops(const struct bench *bench, const struct loops *loops)
{
    const char *kind = bench->argc > 0 ? bench->argv[0] : "inverses";
    double value;

    warm_up(loops);
    if (strcmp(kind, "inverses") == 0)
        value = time_inverses(bench, loops);
    else if (strcmp(kind, "saxpy") == 0)
        value = time_saxpy(bench, loops);
    else if (strcmp(kind, "uneven") == 0)
        value = time_uneven(bench, loops);
    else
        value = time_small(bench, loops);
    bench_report(bench->name, value, "ns", bench->n, loops->backend);
}

#endif
