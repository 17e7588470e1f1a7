/* Creates a batch of tasks, then awaits each of them. */
#include "bench.h"

#include <yibu.h>

static intptr_t nothing(void *arg)
{
    return (intptr_t)arg;
}

static int batch_of(yibu_task **tasks, long batch)
{
    for (long i = 0; i < batch; i++)
        tasks[i] = yibu_create_task(nothing, (void *)7, NULL);
    for (long i = 0; i < batch; i++) {
        if (yibu_await(tasks[i]) != 7)
            return -EINVAL;
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    long batch = bench_argument(bench, 0, 1);
    long batches = bench->n / batch;
    yibu_task **tasks = calloc((size_t)batch, sizeof(*tasks));
    int result = batch_of(tasks, batch);
    int64_t start = bench_now_ns(), end;

    for (long i = 0; i < batches && result == 0; i++)
        result = batch_of(tasks, batch);
    end = bench_now_ns();
    free(tasks);
    bench_report(bench->name, (double)(end - start) / (double)(batches * batch), "ns",
                 batches * batch, yibu_loop_backend(yibu_get_running_loop()));
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
