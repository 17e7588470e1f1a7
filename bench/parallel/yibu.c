/* The loops from a task: the loop's thread takes no part, and could serve others. */
#include "yibu_loops.h"

static intptr_t run(void *arg)
{
    const struct loops loops = {sum_inverses, saxpy, churn,
                                yibu_loop_backend(yibu_get_running_loop())};

    measure_loops(arg, &loops);
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
