/* Jobs: functions registered by name, from bytes to bytes, which workers run elsewhere: in another
 * process, or on another machine.
 *
 * A job sees none of the caller's memory: what main or the caller has set up is not there; what a
 * job leaves in globals is there for the next job that the same worker happens to run. */
#ifndef YIBU_JOB_H
#define YIBU_JOB_H

#include <sys/types.h>

#include <yibu/base.h>
#include <yibu/buffer.h>

typedef struct yibu_bytes {
    const void *data;
    size_t size;
} yibu_bytes;

/* A job: reads input, appends to output with yibu_buffer_append or _reserve, returns a status (a
 * value in [-65535, -1] is a failure; the output is handed over all the same).
 * input.data is NULL where there are no bytes, and aligned to 16 where there are.
 * Context: the main thread of a worker process, outside any loop; it may make a loop of its own,
 * and so a pool of its own. */
typedef intptr_t yibu_job_function(yibu_bytes input, yibu_buffer *output);

/* What a call names.  The name counts: a job that only the worker's program knows may be called
 * with {"name", NULL}. */
typedef struct yibu_job {
    const char *name; /* at most 255 bytes */
    yibu_job_function *function;
} yibu_job;

/* Registers FUNCTION as the job of that name and defines FUNCTION_job.  At file scope, once a name
 * in a program and the libraries it is linked with (of two, the first that was loaded counts).
 * A library that is only opened later, with dlopen, is unknown to the workers. */
#define YIBU_JOB(FUNCTION)                                                                         \
    YIBU_DECLARE_JOB(FUNCTION);                                                                    \
    const yibu_job FUNCTION##_job = {#FUNCTION, (FUNCTION)};                                       \
    __attribute__((used, retain,                                                                   \
                   section("yibu_jobs"))) static const yibu_job *const yibu_job_entry_##FUNCTION = \
        &FUNCTION##_job;                                                                           \
    __attribute__((constructor)) static void yibu_job_arrive_##FUNCTION(void)                      \
    {                                                                                              \
        yibu_register_jobs_(__start_yibu_jobs, __stop_yibu_jobs);                                  \
    }                                                                                              \
    __attribute__((destructor)) static void yibu_job_leave_##FUNCTION(void)                        \
    {                                                                                              \
        yibu_unregister_jobs_(__start_yibu_jobs);                                                  \
    }                                                                                              \
    YIBU_DECLARE_JOB(FUNCTION)

/* Declares FUNCTION_job, for callers in other files than YIBU_JOB(FUNCTION). */
#ifdef __cplusplus
#define YIBU_DECLARE_JOB(FUNCTION) extern "C" const yibu_job FUNCTION##_job
#else
#define YIBU_DECLARE_JOB(FUNCTION) extern const yibu_job FUNCTION##_job
#endif

/* What became of a job's worker. */
typedef struct yibu_job_report {
    size_t size;                /* set to sizeof */
    pid_t worker;               /* the process that ran the job, 0: none did */
    int signal;                 /* that ended it, 0: none */
    int exit_status;            /* where it exited, -1: it did not */
    uint64_t peak_memory_bytes; /* resident, of the worker that died; 0 where it lives */
    int64_t run_ns;             /* time from the worker's taking the job to its answer or death */
} yibu_job_report;

/* Options of one call.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_job_options {
    size_t size;
    int64_t timeout_ns;      /* the worker is killed after this much running; default: no limit */
    yibu_job_report *report; /* filled where not NULL, also on success */
} yibu_job_options;

YIBU_BEGIN_DECLS

/* What YIBU_JOB is made of: the jobs of this program or shared library, as its linker gathered
 * them; registered by the first of their constructors, taken back when the library is unloaded. */
extern const yibu_job *const __start_yibu_jobs[] __attribute__((visibility("hidden")));
extern const yibu_job *const __stop_yibu_jobs[] __attribute__((visibility("hidden")));
YIBU_API void yibu_register_jobs_(const yibu_job *const *first, const yibu_job *const *end);
YIBU_API void yibu_unregister_jobs_(const yibu_job *const *first);

YIBU_END_DECLS

#endif
