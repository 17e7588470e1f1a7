/* Computing: in a worker process of the loop's pool, isolated, killable, on another core.
 *
 *     static intptr_t count_words(yibu_bytes input, yibu_buffer *output) { … }
 *     YIBU_JOB(count_words);
 *     …
 *     yibu_buffer result = {0};
 *     r = yibu_to_process(&count_words_job, (yibu_bytes){text, length}, &result, NULL);
 *
 * A job is a function registered by name, from bytes to bytes.  It sees none of the caller's
 * memory: workers are forked from a fresh run of the program in which constructors ran and main
 * did not. */
#ifndef YIBU_PROCESS_POOL_H
#define YIBU_PROCESS_POOL_H

#include <yibu/base.h>
#include <yibu/op.h>

typedef struct yibu_bytes {
    const void *data;
    size_t size;
} yibu_bytes;

/* Bytes that grow.  Zero is empty.  Freed with yibu_buffer_free. */
typedef struct yibu_buffer {
    void *data;
    size_t size;
    size_t capacity;
    uintptr_t reserved[2];
} yibu_buffer;

/* A job: reads input, appends to output, returns a status (a value in [-65535, -1] is a failure).
 * Context: the only thread of a worker process. */
typedef intptr_t yibu_job_function(yibu_bytes input, yibu_buffer *output);

typedef struct yibu_job {
    const char *name;
    yibu_job_function *function;
} yibu_job;

/* Registers FUNCTION as the job named after it and defines `FUNCTION_job`.  At file scope, once a
 * name in a program and its libraries. */
#define YIBU_JOB(FUNCTION)                                                                  \
    static const yibu_job FUNCTION##_job = {#FUNCTION, (FUNCTION)};                         \
    __attribute__((used, retain, section("yibu_jobs"))) static const yibu_job *const        \
        yibu_job_entry_##FUNCTION = &FUNCTION##_job;                                        \
    YIBU_JOB_MODULE_

/* What became of a job's worker. */
typedef struct yibu_job_report {
    size_t size;              /* set to sizeof */
    pid_t worker;             /* the process that ran the job, 0: none did */
    int signal;               /* that ended it, 0: none */
    int exit_status;          /* where it exited, -1: it did not */
    uint64_t peak_memory_bytes; /* of the worker that died */
    int64_t run_ns;           /* time from the worker's taking the job to its answer or death */
} yibu_job_report;

/* Options of one call.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_job_options {
    size_t size;
    int64_t timeout_ns;      /* the worker is killed after this much running; default: no limit */
    yibu_job_report *report; /* filled where not NULL, also on success */
} yibu_job_options;

YIBU_BEGIN_DECLS

/* Runs the job in a worker process.  Workers start when they are needed, up to the loop's
 * max_processes; more calls wait in line.  input is read before the job runs and must stay until
 * the call returns.  The output is appended to *ret_output, which the caller frees.
 * Checkpoint.  Cancel: a job that has not started is withdrawn; the worker of one that runs is
 * killed and replaced.
 * Returns the job's status; YIBU_EWORKER where its worker died; -ETIMEDOUT after timeout_ns;
 * YIBU_ENOJOB; -ECANCELED; -ENOMEM; or another negative errno where no worker could be started. */
YIBU_API intptr_t yibu_to_process(const yibu_job *job, yibu_bytes input, yibu_buffer *ret_output,
                                  const yibu_job_options *options);

/* The callback form.  input, ret_output and options must stay until the callback has run. */
YIBU_API int yibu_op_to_process(yibu_loop *loop, yibu_op *op, const yibu_job *job, yibu_bytes input,
                                yibu_buffer *ret_output, const yibu_job_options *options);

/* Appends bytes; grows as needed.  Returns 0, or -ENOMEM with the buffer as it was. */
YIBU_API int yibu_buffer_append(yibu_buffer *buffer, const void *data, size_t size);

/* Makes room for at least size more bytes after the end: write there, then add to buffer->size.
 * Returns 0 or -ENOMEM. */
YIBU_API int yibu_buffer_reserve(yibu_buffer *buffer, size_t size);

/* Frees the bytes and makes the buffer empty. */
YIBU_API void yibu_buffer_free(yibu_buffer *buffer);

/* Registers the jobs of one program or shared library; called by YIBU_JOB's own constructor. */
YIBU_API void yibu_register_jobs_(const yibu_job *const *first, const yibu_job *const *last);

YIBU_END_DECLS

#endif
