/* A task for each function in flight; each calls yibu_to_thread again and again. */
#include "bench.h"
#include "trips.h"

#include <yibu.h>

static intptr_t nothing(void *arg)
{
    (void)arg;
    return 7;
}

static intptr_t caller(void *arg)
{
    for (long left = *(long *)arg; left > 0; left--)
        if (yibu_to_thread(nothing, NULL) != 7)
            return -EINVAL;
    return 0;
}

static intptr_t call_all(long in_flight, long each)
{
    yibu_task **tasks = calloc((size_t)in_flight, sizeof(*tasks));
    intptr_t result = 0;

    for (long i = 0; i < in_flight; i++)
        tasks[i] = yibu_create_task(caller, &each, NULL);
    for (long i = 0; i < in_flight; i++) {
        intptr_t one = yibu_await(tasks[i]);

        result = one ? one : result;
        yibu_task_unref(tasks[i]);
    }
    free(tasks);
    return result;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    long in_flight = bench_argument(bench, 0, 1);
    long each = bench->n / in_flight;
    intptr_t result = call_all(in_flight, 10);
    int64_t start = bench_now_ns();

    if (result == 0)
        result = call_all(in_flight, each);
    bench_report_trips(bench, in_flight, bench_now_ns() - start, each * in_flight,
                       yibu_loop_backend(yibu_get_running_loop()));
    return result;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    intptr_t result = yibu_run(run, &bench, NULL);

    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    return 0;
}
