/* yibu_timer, in memory that has been used before. */
#include "bench.h"
#include "timers.h"

#include <yibu.h>

struct timers {
    struct bench *bench;
    yibu_loop *loop;
    yibu_timer *timers;
    int64_t *delays_ns;
    long fired;
    yibu_event all_fired;
};

static void fire(void *arg)
{
    struct timers *t = arg;

    if (++t->fired == t->bench->n)
        yibu_event_set(&t->all_fired);
}

static int64_t add_all(struct timers *t)
{
    int64_t start = bench_now_ns();
    int64_t base_ns = yibu_loop_time(t->loop);

    for (long i = 0; i < t->bench->n; i++)
        yibu_timer_start_at(t->loop, &t->timers[i], base_ns + t->delays_ns[i], fire, t);
    return bench_now_ns() - start;
}

static int64_t cancel_all(struct timers *t)
{
    int64_t start = bench_now_ns();

    for (long i = 0; i < t->bench->n; i++)
        if (!yibu_timer_stop(&t->timers[i]))
            bench_fail("yibu_timer_stop", EINVAL);
    return bench_now_ns() - start;
}

static int64_t fire_overdue(struct timers *t)
{
    int64_t start;

    bench_sleep_past_all();
    start = bench_now_ns();
    yibu_event_wait(&t->all_fired);
    return bench_now_ns() - start;
}

static int64_t fire_in_time(struct timers *t)
{
    int64_t start = bench_cpu_ns();

    yibu_event_wait(&t->all_fired);
    return bench_cpu_ns() - start;
}

static intptr_t run(void *arg)
{
    struct timers *t = arg;
    const char *backend = yibu_loop_backend(yibu_get_running_loop());
    int64_t added_ns, then_ns;

    t->loop = yibu_get_running_loop();
    add_all(t); /* once before, so that all memory is warm */
    cancel_all(t);
    added_ns = add_all(t);
    if (bench_case_is(t->bench, "cancel")) {
        then_ns = cancel_all(t);
        bench_report_timers(t->bench, added_ns, "cancel", then_ns, backend);
    } else if (bench_case_is(t->bench, "overdue")) {
        then_ns = fire_overdue(t);
        bench_report_timers(t->bench, added_ns, "fire overdue", then_ns, backend);
    } else {
        then_ns = fire_in_time(t);
        bench_report_timers(t->bench, added_ns, "fire in time", then_ns, backend);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    struct timers t = {&bench,
                       NULL,
                       calloc((size_t)bench.n, sizeof(yibu_timer)),
                       bench_delays_ns(bench.n),
                       0,
                       YIBU_EVENT_INIT};
    intptr_t result = yibu_run(run, &t, NULL);

    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    free(t.timers);
    free(t.delays_ns);
    return 0;
}
