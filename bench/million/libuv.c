/* libuv has no tasks: a million timers, each with a callback, is its form of the same program.
 * bench-packages: libuv
 * bench-backend: epoll
 */
#include "bench.h"
#include "memory.h"

#include <uv.h>

static void expired(uv_timer_t *timer)
{
    (void)timer;
    bench_fail("uv_timer", 0);
}

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void create(uv_loop_t *loop, uv_timer_t **timers, long n)
{
    for (long i = 0; i < n; i++) {
        timers[i] = malloc(sizeof(**timers));
        uv_timer_init(loop, timers[i]);
        uv_timer_start(timers[i], expired, 3600 * 1000, 0);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    uv_timer_t **timers = calloc((size_t)bench.n, sizeof(*timers));
    uv_loop_t *loop = uv_default_loop();
    long before = bench_memory_bytes(), held;
    double n = (double)bench.n;
    int64_t start = bench_now_ns(), created, ended;

    create(loop, timers, bench.n);
    uv_run(loop, UV_RUN_NOWAIT);
    created = bench_now_ns();
    held = bench_memory_bytes() - before;
    ended = bench_now_ns();
    for (long i = 0; i < bench.n; i++)
        uv_close((uv_handle_t *)timers[i], closed);
    uv_run(loop, UV_RUN_DEFAULT);
    bench_report("create", (double)(created - start) / n, "ns", bench.n, "epoll");
    bench_report("memory", (double)held / n, "bytes", bench.n, "epoll");
    bench_report("cancel and join", (double)(bench_now_ns() - ended) / n, "ns", bench.n, "epoll");
    free(timers);
    return 0;
}
