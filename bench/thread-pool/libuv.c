/* uv_queue_work on libuv's default pool; each finished function queues the next.
 * bench-packages: libuv
 * bench-backend: epoll
 */
#include "bench.h"
#include "trips.h"

#include <uv.h>

static long left;

static void nothing(uv_work_t *work)
{
    (void)work;
}

static void finished(uv_work_t *work, int status)
{
    if (status < 0)
        bench_fail("uv_queue_work", status);
    if (left-- > 0)
        uv_queue_work(work->loop, work, nothing, finished);
}

static void run(uv_loop_t *loop, uv_work_t *works, long in_flight, long n)
{
    left = n - in_flight;
    for (long i = 0; i < in_flight; i++)
        uv_queue_work(loop, &works[i], nothing, finished);
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long in_flight = bench_argument(&bench, 0, 1);
    uv_work_t *works = calloc((size_t)in_flight, sizeof(*works));
    uv_loop_t *loop = uv_default_loop();
    int64_t start;

    run(loop, works, in_flight, in_flight * 10);
    start = bench_now_ns();
    run(loop, works, in_flight, bench.n);
    bench_report_trips(&bench, in_flight, bench_now_ns() - start, bench.n, "epoll");
    return 0;
}
