#define EXPORTED __attribute__((visibility("default")))
#include "linked_library.h"

extern EXPORTED const yibu_job job_in_library_job, another_job_in_library_job;

static int constructed;

__attribute__((constructor)) static void construct(void)
{
    constructed++;
}

static intptr_t job_in_library(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return constructed;
}
YIBU_JOB(job_in_library);

static intptr_t another_job_in_library(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return 2;
}
YIBU_JOB(another_job_in_library);

static intptr_t call(void *arg)
{
    return yibu_to_process(arg, (yibu_bytes){NULL, 0}, NULL, NULL);
}

intptr_t run_a_job_in_library(void)
{
    return yibu_run(call, (void *)(uintptr_t)&job_in_library_job, NULL);
}
