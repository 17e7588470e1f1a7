/* yibu_op_to_thread, the callback form; each finished function starts the next. */
#include "bench.h"
#include "trips.h"

#include <yibu.h>

static long left, ended;

static intptr_t nothing(void *arg)
{
    (void)arg;
    return 7;
}

static void start(yibu_op *op)
{
    int r = yibu_op_to_thread(yibu_get_running_loop(), op, nothing, NULL);

    if (r < 0)
        bench_fail("yibu_op_to_thread", r);
}

static void finished(yibu_op *op, ssize_t result)
{
    if (result != 7)
        bench_fail("the function", (int)result);
    ended++;
    if (left-- > 0)
        start(op);
}

static void run(yibu_loop *loop, yibu_op *ops, long in_flight, long n)
{
    left = n - in_flight;
    ended = 0;
    for (long i = 0; i < in_flight; i++) {
        ops[i].callback = finished;
        start(&ops[i]);
    }
    while (ended < n)
        yibu_loop_run_once(loop, YIBU_SECONDS(1));
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long in_flight = bench_argument(&bench, 0, 1);
    yibu_op *ops = calloc((size_t)in_flight, sizeof(*ops));
    yibu_loop *loop;
    int64_t start_ns;

    if (!ops || yibu_loop_new(NULL, &loop) < 0)
        return 1;
    run(loop, ops, in_flight, in_flight * 10);
    start_ns = bench_now_ns();
    run(loop, ops, in_flight, bench.n);
    bench_report_trips(&bench, in_flight, bench_now_ns() - start_ns, bench.n,
                       yibu_loop_backend(loop));
    yibu_loop_free(loop);
    free(ops);
    return 0;
}
