/* Starts a batch of tasks and gathers their results. */
#include "bench.h"

#include <yibu.h>

struct batch {
    yibu_future **tasks;
    intptr_t *results;
    size_t size;
};

static intptr_t same(void *arg)
{
    return (intptr_t)arg;
}

static int gather(struct batch *batch)
{
    int result;

    for (size_t i = 0; i < batch->size; i++)
        batch->tasks[i] = yibu_create_task(same, (void *)i, NULL);
    result = yibu_gather(batch->tasks, batch->size, batch->results, 0);
    for (size_t i = 0; i < batch->size; i++) {
        if (result == 0 && batch->results[i] != (intptr_t)i)
            result = -EBADMSG;
        yibu_future_unref(batch->tasks[i]);
    }
    return result;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    long size = bench_argument(bench, 0, 1000), batches = bench->n / size;
    struct batch batch = {calloc((size_t)size, sizeof(*batch.tasks)),
                          calloc((size_t)size, sizeof(*batch.results)), (size_t)size};
    int result = gather(&batch);
    int64_t start = bench_now_ns(), end;

    for (long i = 0; i < batches && result == 0; i++)
        result = gather(&batch);
    end = bench_now_ns();
    free(batch.tasks);
    free(batch.results);
    bench_report(bench->name, (double)(end - start) / (double)(batches * size), "ns",
                 batches * size, yibu_loop_backend(yibu_get_running_loop()));
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
