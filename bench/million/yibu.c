/* A million tasks asleep, then cancelled and awaited. */
#include "bench.h"
#include "memory.h"

#include <errno.h>
#include <yibu.h>

static long asleep;

static intptr_t sleeper(void *arg)
{
    (void)arg;
    asleep++;
    return yibu_sleep(YIBU_SECONDS(3600));
}

static int create(yibu_task **tasks, long n)
{
    for (long i = 0; i < n; i++) {
        tasks[i] = yibu_create_task(sleeper, NULL, NULL);
        if (!tasks[i])
            return -ENOMEM;
    }
    while (asleep < n)
        yibu_yield();
    return 0;
}

static int cancel(yibu_task **tasks, long n)
{
    for (long i = 0; i < n; i++)
        yibu_task_cancel(tasks[i]);
    for (long i = 0; i < n; i++) {
        if (yibu_await(tasks[i]) != -ECANCELED)
            return -EINVAL;
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    const char *backend = yibu_loop_backend(yibu_get_running_loop());
    yibu_task **tasks = calloc((size_t)bench->n, sizeof(*tasks));
    long before = bench_memory_bytes(), held;
    double n = (double)bench->n;
    int64_t start = bench_now_ns(), created, ended;
    int result = create(tasks, bench->n);

    if (result != 0)
        return result;
    created = bench_now_ns();
    held = bench_memory_bytes() - before;
    ended = bench_now_ns();
    result = cancel(tasks, bench->n);
    if (result != 0)
        return result;
    bench_report("create", (double)(created - start) / n, "ns", bench->n, backend);
    bench_report("memory", (double)held / n, "bytes", bench->n, backend);
    bench_report("cancel and join", (double)(bench_now_ns() - ended) / n, "ns", bench->n, backend);
    free(tasks);
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
