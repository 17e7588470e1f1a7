/* The line for round trips: the time of one where one is under way at a time, else how many a
 * second. */
#ifndef BENCH_TRIPS_H
#define BENCH_TRIPS_H

#include "bench.h"

static inline int bench_compare_ns(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;

    return (first > second) - (first < second);
}

/* Of trips with pauses between them, some find others at work on their processor: so not the sum of
 * their times counts, but so many times the median. */
static inline int64_t bench_typical_ns(int64_t *times, long n)
{
    qsort(times, (size_t)n, sizeof(*times), bench_compare_ns);
    return times[n / 2] * n;
}

static inline void bench_report_trips(const struct bench *bench, long in_flight, int64_t spent_ns,
                                      long n, const char *backend)
{
    if (in_flight == 1)
        bench_report(bench->name, (double)spent_ns / (double)n, "ns", n, backend);
    else
        bench_report(bench->name, (double)n * 1e9 / (double)spent_ns, "op/s", n, backend);
}

#endif
