/* Computing: in a worker process of the loop's pool, isolated, killable, on another core.
 *
 *     #include <yibu.h>
 *
 *     static intptr_t shout(yibu_bytes input, yibu_buffer *output)
 *     {
 *         const char *text = input.data;
 *         for (size_t i = 0; i < input.size; i++)
 *             if (yibu_buffer_append(output, text[i] == '.' ? "!" : &text[i], 1) < 0)
 *                 return -ENOMEM;
 *         return 0;
 *     }
 *     YIBU_JOB(shout);
 *
 *     static intptr_t start(void *arg)
 *     {
 *         yibu_buffer loud = {0};
 *         yibu_bytes text = {arg, strlen(arg)};
 *         intptr_t status = yibu_to_process(&shout_job, text, &loud, NULL);
 *         if (!yibu_failed(status))
 *             printf("%.*s\n", (int)loud.size, (const char *)loud.data);
 *         yibu_buffer_free(&loud);
 *         return status;
 *     }
 *     int main(void) { return yibu_failed(yibu_run(start, "Out of step.", NULL)); }
 *
 * A job is a function registered by name, from bytes to bytes.  It sees none of the caller's
 * memory: workers are forked from a fresh run of the program in which constructors ran and main
 * did not.  So what main or the caller has set up is not there; what a job leaves in globals is
 * there for the next job that the same worker happens to run.
 *
 * A job may crash, exit, overflow its stack or run away: its worker dies, that call fails, the
 * worker is replaced.  Standard input is /dev/null; output and error are the caller's; no other
 * descriptor is inherited.  Workers end with the process that made them, whatever ends it. */
#ifndef YIBU_PROCESS_POOL_H
#define YIBU_PROCESS_POOL_H

#include <yibu/base.h>
#include <yibu/buffer.h>
#include <yibu/op.h>

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

/* Runs the job in a worker process.  Workers start when they are needed, up to the loop's
 * max_processes; more calls wait in line, first come, first served (jobs shorter than 0.1 ms may
 * overtake each other).  The line has no limit but memory: each call in it is one that waits.
 * input, of any size, is copied once, into memory that only that worker shares, and must stay until
 * the call returns; the output is copied once, appended to *ret_output (NULL: dropped), which is the
 * caller's, but nobody else's until the call returns.
 * Checkpoint.  Cancel: a job that has not started is withdrawn; the worker of one that runs is
 * killed, with what it has started itself, and replaced.
 * Returns the job's status; YIBU_EWORKER where its worker died, or none could be kept alive;
 * -ETIMEDOUT after timeout_ns; YIBU_ENOJOB where the worker knows no such job; -ECANCELED; -EINVAL;
 * -ENOMEM, also where *ret_output could not take the output; or, where no worker could be started,
 * what prevented it: -EAGAIN, -EMFILE, -ENOSYS for a program that cannot run a second time, ... */
YIBU_API intptr_t yibu_to_process(const yibu_job *job, yibu_bytes input, yibu_buffer *ret_output,
                                  const yibu_job_options *options);

/* The callback form.  job, input, ret_output, and the report that options name must stay until the
 * callback has run; options itself need not.  A job under way when the loop is freed is ended, and
 * the result is -ECANCELED. */
YIBU_API int yibu_op_to_process(yibu_loop *loop, yibu_op *op, const yibu_job *job, yibu_bytes input,
                                yibu_buffer *ret_output, const yibu_job_options *options);

/* What YIBU_JOB is made of: the jobs of this program or shared library, as its linker gathered
 * them; registered by the first of their constructors, taken back when the library is unloaded. */
extern const yibu_job *const __start_yibu_jobs[] __attribute__((visibility("hidden")));
extern const yibu_job *const __stop_yibu_jobs[] __attribute__((visibility("hidden")));
YIBU_API void yibu_register_jobs_(const yibu_job *const *first, const yibu_job *const *end);
YIBU_API void yibu_unregister_jobs_(const yibu_job *const *first);

YIBU_END_DECLS

#endif
