/* A million tasks wait, each on its own event; then every event is set. */
#include "bench.h"
#include "memory.h"

#include <yibu.h>

static long waiting, woken;

static intptr_t wait_for_own(void *arg)
{
    waiting++;
    int result = yibu_event_wait(arg);
    woken++;
    return result;
}

static int create(yibu_event *events, long n)
{
    for (long i = 0; i < n; i++)
        if (yibu_spawn(wait_for_own, &events[i]) < 0)
            return -ENOMEM;
    while (waiting < n)
        yibu_yield();
    return 0;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    const char *backend = yibu_loop_backend(yibu_get_running_loop());
    yibu_event *events = calloc((size_t)bench->n, sizeof(*events));
    long before = bench_memory_bytes(), held;
    int64_t start, end;
    int result = create(events, bench->n);

    if (result != 0)
        return result;
    held = bench_memory_bytes() - before;
    start = bench_now_ns();
    for (long i = 0; i < bench->n; i++)
        yibu_event_set(&events[i]);
    while (woken < bench->n)
        yibu_yield();
    end = bench_now_ns();
    free(events);
    bench_report("wake", (double)(end - start) / (double)bench->n, "ns", bench->n, backend);
    bench_report("memory", (double)held / (double)bench->n, "bytes", bench->n, backend);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    intptr_t result = yibu_run(run, &bench, NULL);

    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    return 0;
}
