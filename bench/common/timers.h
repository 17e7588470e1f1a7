/* What the timer programs in C share: the deadlines, and what they report.
 *
 * Three cases.  "cancel": all timers are added, then cancelled.  "overdue": all are added, the
 * thread sleeps until all are overdue, then the loop fires them.  "fire": the loop waits and fires
 * each in its time; what counts is the CPU time, since the second has to pass either way. */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include "bench.h"

enum { BENCH_TIMERS_WITHIN_MS = 1000 };

static inline uint64_t bench_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* n random delays within a second. */
static inline int64_t *bench_delays_ns(long n)
{
    int64_t *delays = calloc((size_t)n, sizeof(*delays));
    uint64_t state = 0x9e3779b97f4a7c15;

    for (long i = 0; i < n; i++)
        delays[i] = (int64_t)(bench_random(&state) % (BENCH_TIMERS_WITHIN_MS * 1000000));
    return delays;
}

static inline int64_t bench_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void bench_sleep_past_all(void)
{
    struct timespec time = {BENCH_TIMERS_WITHIN_MS / 1000, 50000000};

    nanosleep(&time, NULL);
}

static inline int bench_case_is(const struct bench *bench, const char *what)
{
    return bench->argc > 0 && strcmp(bench->argv[0], what) == 0;
}

static inline void bench_report_timers(const struct bench *bench, int64_t added_ns,
                                       const char *then, int64_t then_ns, const char *backend)
{
    double n = (double)bench->n;

    if (strcmp(then, "cancel") == 0)
        bench_report("add", (double)added_ns / n, "ns", bench->n, backend);
    bench_report(then, (double)then_ns / n, "ns", bench->n, backend);
}

#endif
