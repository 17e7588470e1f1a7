/* A plain loop on one thread: what there is to gain. */
#include "loops.h"

static double sum_inverses(int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += inverse_square(i);
    return sum;
}

static void saxpy(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = saxpy_item(y[i], x[i]);
}

static uint64_t churn(int64_t n)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += churn_item(i, n);
    return sum;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    const struct loops loops = {sum_inverses, saxpy, churn, ""};

    measure_loops(&bench, &loops);
    return 0;
}
