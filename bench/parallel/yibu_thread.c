/* The loops from a plain thread, which takes part. */
#include "yibu_loops.h"

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    const struct loops loops = {sum_inverses, saxpy, churn, ""};
    int r = yibu_thread_pool_executor_new(NULL, &executor);

    if (r < 0)
        bench_fail("yibu_thread_pool_executor_new", r);
    measure_loops(&bench, &loops);
    yibu_executor_free(executor);
    return 0;
}
