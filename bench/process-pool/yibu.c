/* A task for each job in flight; each calls yibu_to_process again and again. */
#include "bench.h"
#include "trips.h"

#include <yibu.h>

static intptr_t give_back(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(give_back);

struct load {
    yibu_bytes input;
    long each;
};

static intptr_t one_job(const struct load *load, yibu_buffer *output)
{
    intptr_t result;

    output->size = 0;
    result = yibu_to_process(&give_back_job, load->input, output, NULL);
    if (result == 0 && output->size != load->input.size)
        result = -EBADMSG;
    return result;
}

static intptr_t caller(void *arg)
{
    const struct load *load = arg;
    yibu_buffer output = {0};
    intptr_t result = 0;

    for (long left = load->each; left > 0 && result == 0; left--)
        result = one_job(load, &output);
    yibu_buffer_free(&output);
    return result;
}

static intptr_t call_all(struct load *load, long in_flight)
{
    yibu_task **tasks = calloc((size_t)in_flight, sizeof(*tasks));
    intptr_t result = 0;

    for (long i = 0; i < in_flight; i++)
        tasks[i] = yibu_create_task(caller, load, NULL);
    for (long i = 0; i < in_flight; i++) {
        intptr_t one = yibu_await(tasks[i]);

        result = one ? one : result;
        yibu_task_unref(tasks[i]);
    }
    free(tasks);
    return result;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    long in_flight = bench_argument(bench, 0, 1);
    size_t size = (size_t)bench_argument(bench, 1, 64);
    struct load load = {{calloc(1, size), size}, 10};
    intptr_t result = call_all(&load, in_flight);
    int64_t start = bench_now_ns();

    load.each = bench->n / in_flight;
    if (result == 0)
        result = call_all(&load, in_flight);
    bench_report_trips(bench, in_flight, bench_now_ns() - start, load.each * in_flight,
                       yibu_loop_backend(yibu_get_running_loop()));
    free((void *)load.input.data);
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
