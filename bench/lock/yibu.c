/* A lock and a semaphore of one permit, taken and given back by the only task there is. */
#include "bench.h"

#include <yibu.h>

static int take_lock(long n)
{
    yibu_lock lock = YIBU_LOCK_INIT;
    int result = 0;

    while (n-- > 0) {
        result |= yibu_lock_acquire(&lock);
        result |= yibu_lock_release(&lock);
    }
    return result;
}

static int take_semaphore(long n)
{
    yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(1);
    int result = 0;

    while (n-- > 0) {
        result |= yibu_semaphore_acquire(&semaphore);
        yibu_semaphore_release(&semaphore);
    }
    return result;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    int is_lock = bench->argc > 0 && strcmp(bench->argv[0], "lock") == 0;
    int64_t start = bench_now_ns(), end;
    int result = is_lock ? take_lock(bench->n) : take_semaphore(bench->n);

    end = bench_now_ns();
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
