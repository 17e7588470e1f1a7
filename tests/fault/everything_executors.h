/* Everything of executors: one of threads and one of processes, made, used in all ways, and
 * freed. */
#ifndef EVERYTHING_EXECUTORS_H
#define EVERYTHING_EXECUTORS_H

#include <errno.h>

#include "test.h"

static intptr_t everything_double(void *arg)
{
    return 2 * (intptr_t)arg;
}

static intptr_t everything_double_in_place(void *arg)
{
    *(int *)arg *= 2;
    return 0;
}

static intptr_t everything_copy(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(everything_copy);

static intptr_t everything_gather_calls(yibu_executor *e)
{
    enum { COUNT = 3 };
    yibu_concurrent_future *futures[COUNT] = {NULL};
    yibu_future *wrapped[COUNT];
    intptr_t r = 0;
    for (intptr_t i = 0; i < COUNT && r == 0; i++)
        r = yibu_executor_submit(e, everything_double, (void *)i, NULL, &futures[i]);
    for (int i = 0; i < COUNT; i++)
        wrapped[i] = futures[i] ? yibu_wrap_future(futures[i]) : NULL;
    if (r == 0)
        r = yibu_gather(wrapped, COUNT, NULL, 0);
    for (int i = 0; i < COUNT; i++) {
        yibu_future_unref(wrapped[i]);
        yibu_concurrent_future_unref(futures[i]);
    }
    return r;
}

static intptr_t everything_map(yibu_executor *e)
{
    void *const inputs[] = {(void *)1, (void *)2, (void *)3, (void *)4, (void *)5};
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 2, .max_in_flight = 2};
    int r;
    YIBU_ASYNC_FOR (
        yibu_map_item *, item,
        yibu_executor_map(e, everything_double, yibu_iterate_array(inputs, 5), &options), &r)
        if (item->result < 0)
            return item->result;
    return r;
}

static intptr_t everything_map_structs(yibu_executor *e)
{
    int numbers[] = {1, 2, 3, 4, 5, 6, 7};
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 2, .max_in_flight = 2};
    intptr_t r = yibu_executor_starmap(e, everything_double_in_place, numbers, 7,
                                       sizeof(numbers[0]), NULL, &options);
    return r == 0 && numbers[6] != 14 ? -EPROTO : r;
}

static int everything_double_range(int64_t first, int64_t end, void *arg)
{
    for (int64_t i = first; i < end; i++)
        ((int *)arg)[i] *= 2;
    return 0;
}

static intptr_t everything_loop_in_parallel(yibu_executor *e)
{
    int numbers[] = {1, 2, 3, 4, 5, 6, 7};
    intptr_t r = yibu_parallel_for(e, 0, 7, 1, everything_double_range, numbers);
    return r == 0 && numbers[6] != 14 ? -EPROTO : r;
}

static intptr_t everything_run_on_threads(yibu_executor *e)
{
    intptr_t r = yibu_run_in_executor(e, everything_double, (void *)2, NULL);
    if (r == 4)
        r = everything_gather_calls(e);
    if (r == 0)
        r = everything_map(e);
    if (r == 0)
        r = everything_map_structs(e);
    if (r == 0)
        r = everything_loop_in_parallel(e);
    return r;
}

/* The bounded line makes submitters wait. */
static intptr_t everything_thread_executor(void)
{
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = 1, .max_queue = 1};
    yibu_executor *e;
    intptr_t r = yibu_thread_pool_executor_new(&options, &e);
    if (r < 0)
        return r;
    r = everything_run_on_threads(e);
    yibu_executor_free(e);
    return r;
}

static intptr_t everything_map_jobs(yibu_executor *e)
{
    yibu_bytes texts[] = {{"one", 3}, {"two", 3}, {"three", 5}};
    void *const inputs[] = {&texts[0], &texts[1], &texts[2]};
    int r;
    YIBU_ASYNC_FOR (
        yibu_map_item *, item,
        yibu_executor_map_jobs(e, &everything_copy_job, yibu_iterate_array(inputs, 3), NULL), &r)
        if (item->result < 0)
            return item->result;
    return r;
}

static intptr_t everything_run_in_processes(yibu_executor *e)
{
    yibu_buffer output = {0};
    intptr_t r =
        yibu_run_job_in_executor(e, &everything_copy_job, (yibu_bytes){"abc", 3}, &output, NULL);
    if (r == 0 && output.size != 3)
        r = -EPROTO;
    yibu_buffer_free(&output);
    return r == 0 ? everything_map_jobs(e) : r;
}

static intptr_t everything_process_executor(void)
{
    const yibu_process_pool_options options = {.size = sizeof(options), .max_workers = 1};
    yibu_executor *e;
    intptr_t r = yibu_process_pool_executor_new(&options, &e);
    if (r < 0)
        return r;
    r = everything_run_in_processes(e);
    yibu_executor_free(e);
    return r;
}

#endif
