/* The line for round trips: the time of one where one is under way at a time, else how many a
 * second. */
#ifndef BENCH_TRIPS_H
#define BENCH_TRIPS_H

#include "bench.h"

static inline void bench_report_trips(const struct bench *bench, long in_flight, int64_t spent_ns,
                                      long n, const char *backend)
{
    if (in_flight == 1)
        bench_report(bench->name, (double)spent_ns / (double)n, "ns", n, backend);
    else
        bench_report(bench->name, (double)n * 1e9 / (double)spent_ns, "op/s", n, backend);
}

#endif
