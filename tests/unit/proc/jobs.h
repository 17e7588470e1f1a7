/* What tests of the process pool share: calls in short. */
#ifndef JOBS_H
#define JOBS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

/* Input from a string literal, from a variable, and none. */
#define TEXT(LITERAL) ((yibu_bytes){LITERAL, sizeof(LITERAL) - 1})
#define VALUE(VARIABLE) ((yibu_bytes){&(VARIABLE), sizeof(VARIABLE)})
#define NOTHING ((yibu_bytes){NULL, 0})

/* Calls a job for its status alone. */
static inline intptr_t call(const yibu_job *job, yibu_bytes input)
{
    return yibu_to_process(job, input, NULL, NULL);
}

/* The same, with a time limit and a report. */
static inline intptr_t call_with(const yibu_job *job, yibu_bytes input, int64_t timeout_ns,
                                 yibu_job_report *ret_report)
{
    *ret_report = (yibu_job_report){.size = sizeof(*ret_report)};
    yibu_job_options options = {
        .size = sizeof(options), .timeout_ns = timeout_ns, .report = ret_report};
    return yibu_to_process(job, input, NULL, &options);
}

/* A call in a task of its own. */
typedef struct call_task {
    const yibu_job *job;
    yibu_bytes input;
    yibu_job_report report;
    intptr_t result;
    yibu_task *task;
} call_task;

static inline intptr_t call_task_run(void *arg)
{
    call_task *c = arg;
    return c->result = call_with(c->job, c->input, 0, &c->report);
}

static inline void call_start(call_task *c, const yibu_job *job, yibu_bytes input)
{
    *c = (call_task){.job = job, .input = input};
    c->task = yibu_create_task(call_task_run, c, NULL);
    assert_non_null(c->task);
}

static inline intptr_t call_finish(call_task *c)
{
    intptr_t result = yibu_await(c->task);
    yibu_task_unref(c->task);
    return result;
}

static inline int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return YIBU_SECONDS(now.tv_sec) + now.tv_nsec;
}

/* Whether the process runs: neither gone nor a zombie. */
static inline bool process_alive(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    fclose(file);
    return state != 'Z' && state != 'X';
}

/* Waits until the process has gone, as it must soon. */
static inline void expect_gone(pid_t pid)
{
    int64_t limit = monotonic_ns() + YIBU_SECONDS(20);
    while (process_alive(pid)) {
        if (monotonic_ns() > limit)
            fail_msg("process %d has not gone", (int)pid);
        usleep(1000);
    }
}

#endif
