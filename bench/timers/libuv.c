/* uv_timer_t, in memory that has been used before.
 * bench-packages: libuv
 * bench-backend: epoll
 */
#include "bench.h"
#include "timers.h"

#include <uv.h>

static long fired;

static void fire(uv_timer_t *timer)
{
    (void)timer;
    fired++;
}

/* Milliseconds are what libuv has; the loop's own idea of now, as its users see it. */
static int64_t add_all(uv_loop_t *loop, uv_timer_t *timers, const int64_t *delays_ns, long n)
{
    int64_t start = bench_now_ns();

    uv_update_time(loop);
    for (long i = 0; i < n; i++)
        uv_timer_start(&timers[i], fire, (uint64_t)(delays_ns[i] / 1000000), 0);
    return bench_now_ns() - start;
}

static int64_t cancel_all(uv_timer_t *timers, long n)
{
    int64_t start = bench_now_ns();

    for (long i = 0; i < n; i++)
        uv_timer_stop(&timers[i]);
    return bench_now_ns() - start;
}

static int64_t fire_overdue(uv_loop_t *loop)
{
    int64_t start;

    bench_sleep_past_all();
    start = bench_now_ns();
    uv_run(loop, UV_RUN_DEFAULT);
    return bench_now_ns() - start;
}

static int64_t fire_in_time(uv_loop_t *loop)
{
    int64_t start = bench_cpu_ns();

    uv_run(loop, UV_RUN_DEFAULT);
    return bench_cpu_ns() - start;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *timers = calloc((size_t)bench.n, sizeof(*timers));
    int64_t *delays_ns = bench_delays_ns(bench.n), added_ns;

    for (long i = 0; i < bench.n; i++)
        uv_timer_init(loop, &timers[i]);
    add_all(loop, timers, delays_ns, bench.n);
    cancel_all(timers, bench.n);
    added_ns = add_all(loop, timers, delays_ns, bench.n);
    if (bench_case_is(&bench, "cancel"))
        bench_report_timers(&bench, added_ns, "cancel", cancel_all(timers, bench.n), "epoll");
    else if (bench_case_is(&bench, "overdue"))
        bench_report_timers(&bench, added_ns, "fire overdue", fire_overdue(loop), "epoll");
    else
        bench_report_timers(&bench, added_ns, "fire in time", fire_in_time(loop), "epoll");
    if (!bench_case_is(&bench, "cancel") && fired != bench.n)
        bench_fail("uv_run", EBADMSG);
    free(timers);
    free(delays_ns);
    return 0;
}
