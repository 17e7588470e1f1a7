/* What every benchmark in C or C++ needs: the clock, its arguments, and the line it prints.
 * A peer is started as `PEER case n args...` and prints one JSON line a measurement. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench {
    const char *name;
    long n;
    int argc;
    char **argv;
};

static inline int64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((noreturn)) static inline void bench_fail(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(error < 0 ? -error : error));
    exit(1);
}

static inline struct bench bench_start(int argc, char **argv)
{
    struct bench bench = {argc > 1 ? argv[1] : "", argc > 2 ? atol(argv[2]) : 0,
                          argc > 3 ? argc - 3 : 0, argv + 3};

    if (argc < 3) {
        fprintf(stderr, "usage: %s CASE N [ARGUMENT...]\n", argv[0]);
        exit(2);
    }
    return bench;
}

/* The argument number i as a number, or what to take where it is not given. */
static inline long bench_argument(const struct bench *bench, int i, long otherwise)
{
    return i < bench->argc ? atol(bench->argv[i]) : otherwise;
}

static inline void bench_report(const char *name, double value, const char *unit, long n,
                                const char *backend)
{
    printf("{\"case\":\"%s\",\"value\":%.4f,\"unit\":\"%s\",\"n\":%ld,\"backend\":\"%s\"}\n", name,
           value, unit, n, backend);
    fflush(stdout);
}

/* What a server under a driver prints once it listens. */
static inline void bench_report_port(int port, const char *backend)
{
    printf("{\"port\":%d,\"backend\":\"%s\"}\n", port, backend);
    fflush(stdout);
}

#endif
