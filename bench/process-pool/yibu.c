/* A task for each job in flight; each calls yibu_to_process again and again.  A third argument says
 * what else is measured. */
#include "bench.h"
#include "callbacks.h"
#include "trips.h"

#include <unistd.h>

#include <yibu.h>
#include <yibu/payload.h>

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

/* One at a time, with a pause before each, in which both sides go to sleep. */
static intptr_t call_cold(const struct load *load, long n, int64_t *ret_spent_ns)
{
    int64_t *times = calloc((size_t)n, sizeof(*times));
    yibu_buffer output = {0};
    intptr_t result = 0;

    for (long i = 0; i < n && result == 0; i++) {
        int64_t start;

        result = yibu_sleep(YIBU_MS(2));
        start = bench_now_ns();
        if (result == 0)
            result = one_job(load, &output);
        times[i] = bench_now_ns() - start;
    }
    *ret_spent_ns = bench_typical_ns(times, n);
    free(times);
    yibu_buffer_free(&output);
    return result;
}

/* Answers with as many bytes as it was given, of which both sides touch but a few. */
static intptr_t answer(yibu_bytes input, yibu_buffer *output)
{
    if (yibu_buffer_reserve(output, input.size) < 0)
        return -ENOMEM;
    memcpy(output->data, input.data, 64);
    output->size = input.size;
    return 0;
}
YIBU_JOB(answer);

static intptr_t one_payload(size_t size)
{
    yibu_payload *input, *output;
    intptr_t result = yibu_payload_new(NULL, size, &input);

    if (result < 0)
        return result;
    memset(yibu_payload_data(input), 1, 64);
    result = yibu_to_process_payload(&answer_job, input, &output, NULL);
    if (result == 0 && yibu_payload_size(output) != size)
        result = -EBADMSG;
    yibu_payload_free(output);
    return result;
}

static intptr_t call_without_copies(size_t size, long n)
{
    intptr_t result = 0;

    for (long i = 0; i < n && result == 0; i++)
        result = one_payload(size);
    return result;
}

static intptr_t crash(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    (void)output;
    _exit(1);
}
YIBU_JOB(crash);

/* The job that follows a crash, in the only worker there may be. */
static intptr_t call_after_crashes(const struct load *load, long n, int64_t *ret_spent_ns)
{
    yibu_buffer output = {0};
    intptr_t result = 0;

    *ret_spent_ns = 0;
    for (long i = 0; i < n && result == 0; i++) {
        int64_t start;

        result = yibu_to_process(&crash_job, load->input, NULL, NULL);
        start = bench_now_ns();
        if (result == YIBU_EWORKER)
            result = one_job(load, &output);
        *ret_spent_ns += bench_now_ns() - start;
    }
    yibu_buffer_free(&output);
    return result;
}

static intptr_t measure(const struct bench *bench, struct load *load, int64_t *ret_spent_ns)
{
    long in_flight = bench_argument(bench, 0, 1);
    const char *how = bench->argc > 2 ? bench->argv[2] : "";
    int64_t start = bench_now_ns();
    intptr_t result;

    if (strcmp(how, "cold") == 0)
        return call_cold(load, load->each, ret_spent_ns);
    if (strcmp(how, "crash") == 0)
        return call_after_crashes(load, load->each, ret_spent_ns);
    if (strcmp(how, "payload") == 0)
        result = call_without_copies(load->input.size, load->each);
    else if (strcmp(how, "callbacks") == 0)
        result = callbacks_run(&give_back_job, load->input, in_flight, load->each * in_flight);
    else
        result = call_all(load, in_flight);
    *ret_spent_ns = bench_now_ns() - start;
    return result;
}

static intptr_t run(void *arg)
{
    struct bench *bench = arg;
    long in_flight = bench_argument(bench, 0, 1);
    size_t size = (size_t)bench_argument(bench, 1, 64);
    void *bytes = malloc(size);
    struct load load = {{memset(bytes, 1, size), size}, 10};
    int64_t spent_ns;
    intptr_t result = measure(bench, &load, &spent_ns);

    load.each = bench->n / in_flight;
    if (result == 0)
        result = measure(bench, &load, &spent_ns);
    if (result == 0)
        bench_report_trips(bench, in_flight, spent_ns, load.each * in_flight,
                           yibu_loop_backend(yibu_get_running_loop()));
    free(bytes);
    return result;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    yibu_loop_options options = {.size = sizeof(options)};
    intptr_t result;

    if (bench.argc > 2 && strcmp(bench.argv[2], "crash") == 0)
        options.max_processes = 1;
    result = yibu_run(run, &bench, &options);
    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    return 0;
}
