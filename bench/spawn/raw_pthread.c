/* C without a runtime: a thread a task, pthread_create and pthread_join. */
#include "bench.h"

#include <pthread.h>

static void *nothing(void *arg)
{
    return arg;
}

static void batch_of(pthread_t *threads, long batch)
{
    for (long i = 0; i < batch; i++) {
        int error = pthread_create(&threads[i], NULL, nothing, NULL);
        if (error)
            bench_fail("pthread_create", error);
    }
    for (long i = 0; i < batch; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long batch = bench_argument(&bench, 0, 1);
    long batches = bench.n / batch;
    pthread_t *threads = calloc((size_t)batch, sizeof(*threads));
    int64_t start, end;

    batch_of(threads, batch);
    start = bench_now_ns();
    for (long i = 0; i < batches; i++)
        batch_of(threads, batch);
    end = bench_now_ns();
    free(threads);
    bench_report(bench.name, (double)(end - start) / (double)(batches * batch), "ns",
                 batches * batch, "pthread");
    return 0;
}
