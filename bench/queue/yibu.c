/* One task puts, the main one gets. */
#include "bench.h"

#include <yibu.h>

struct shape {
    yibu_queue queue;
    long n;
};

static intptr_t put_all(void *arg)
{
    struct shape *shape = arg;

    for (intptr_t i = 0; i < shape->n; i++) {
        int result = yibu_queue_put(&shape->queue, (void *)i);
        if (result != 0)
            return result;
    }
    return 0;
}

static int get_all(struct shape *shape)
{
    for (intptr_t i = 0; i < shape->n; i++) {
        void *item;
        int result = yibu_queue_get(&shape->queue, &item);
        if (result != 0)
            return result;
        if (item != (void *)i)
            return -EBADMSG;
    }
    return 0;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    struct shape shape = {YIBU_QUEUE_INIT((size_t)bench_argument(bench, 0, 128)), bench->n};
    int64_t start = bench_now_ns(), end;
    yibu_task *putter = yibu_create_task(put_all, &shape, NULL);
    int result = get_all(&shape);

    end = bench_now_ns();
    yibu_await(putter);
    yibu_task_unref(putter);
    yibu_queue_destroy(&shape.queue);
    bench_report(bench->name, (double)(end - start) / (double)bench->n, "ns", bench->n,
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
