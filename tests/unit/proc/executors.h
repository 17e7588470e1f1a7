/* What tests of process executors share. */
#ifndef EXECUTORS_H
#define EXECUTORS_H

#include <pthread.h>

#include "jobs.h"
#include "result.h"

static inline yibu_executor *executor_new(yibu_process_pool_options options)
{
    yibu_executor *executor = NULL;
    options.size = sizeof(options);
    assert_int_equal(yibu_process_pool_executor_new(&options, &executor), 0);
    return executor;
}

static inline yibu_concurrent_future *submit_with(yibu_executor *executor, const yibu_job *job,
                                                  yibu_bytes input, yibu_job_options options)
{
    yibu_concurrent_future *future = NULL;
    options.size = sizeof(options);
    assert_int_equal(yibu_executor_submit_job(executor, job, input, &options, &future), 0);
    assert_non_null(future);
    return future;
}

static inline yibu_concurrent_future *submit(yibu_executor *executor, const yibu_job *job,
                                             yibu_bytes input)
{
    return submit_with(executor, job, input, (yibu_job_options){0});
}

static inline intptr_t run_job(yibu_executor *executor, const yibu_job *job, yibu_bytes input)
{
    return result_of(submit(executor, job, input));
}

static inline yibu_executor_stats statistics_of(yibu_executor *executor)
{
    yibu_executor_stats statistics = {.size = sizeof(statistics)};
    assert_int_equal(yibu_executor_statistics(executor, &statistics), 0);
    return statistics;
}

#endif
