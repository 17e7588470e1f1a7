/* N tasks that do nothing but yield. */
#include "bench.h"

#include <yibu.h>

struct shape {
    struct bench bench;
    long tasks;
};

static intptr_t yielder(void *arg)
{
    long turns = *(long *)arg;

    while (turns-- > 0)
        yibu_yield();
    return 0;
}

static intptr_t run(void *arg)
{
    struct shape *shape = arg;
    long turns = shape->bench.n / shape->tasks;
    yibu_task **tasks = calloc((size_t)shape->tasks, sizeof(*tasks));
    int64_t start, end;

    for (long i = 0; i < shape->tasks; i++)
        tasks[i] = yibu_create_task(yielder, &turns, NULL);
    yibu_yield(); /* every task has begun, and its stack has been touched */
    yibu_yield();
    start = bench_now_ns();
    for (long i = 0; i < shape->tasks; i++) {
        if (yibu_await(tasks[i]) != 0)
            return -EINVAL;
        yibu_task_unref(tasks[i]);
    }
    end = bench_now_ns();
    free(tasks);
    bench_report(shape->bench.name, (double)(end - start) / (double)(turns * shape->tasks), "ns",
                 turns * shape->tasks, yibu_loop_backend(yibu_get_running_loop()));
    return 0;
}

int main(int argc, char **argv)
{
    struct shape shape = {bench_start(argc, argv), 2};
    intptr_t result;

    shape.tasks = bench_argument(&shape.bench, 0, 2);
    result = yibu_run(run, &shape, NULL);
    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    return 0;
}
