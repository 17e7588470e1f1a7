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

/* Why a job's worker died. */
typedef enum yibu_job_reason {
    YIBU_JOB_REASON_NONE,          /* it lives */
    YIBU_JOB_REASON_SIGNAL,        /* by the report's signal */
    YIBU_JOB_REASON_EXIT,          /* it exited, with the report's exit_status */
    YIBU_JOB_REASON_OUT_OF_MEMORY, /* the kernel killed it for memory, or it died of memory_bytes */
    YIBU_JOB_REASON_STACK_OVERFLOW,
    YIBU_JOB_REASON_TIME_LIMIT, /* killed after timeout_ns */
    YIBU_JOB_REASON_CANCELLED,  /* killed for a cancel */
} yibu_job_reason;

/* What became of a job and its worker: in its last attempt, where it had several. */
typedef struct yibu_job_report {
    size_t size;                /* set to sizeof */
    pid_t worker;               /* the process that ran the job, 0: none did */
    int signal;                 /* that ended it, 0: none */
    int exit_status;            /* where it exited, -1: it did not */
    uint64_t peak_memory_bytes; /* resident, the most that the worker ever had */
    int64_t run_ns;             /* time from the worker's taking the job to its answer or death */
    unsigned attempts;          /* how often a worker took the job */
    yibu_job_reason reason;     /* why the worker died */
    int64_t user_ns, system_ns; /* processor time: the job's, or that of the worker that died */
    bool truncated;             /* captured text reached capture_limit, the rest is lost */
} yibu_job_report;

/* Where what a job writes to standard output or error goes. */
typedef enum yibu_job_stdio {
    YIBU_JOB_STDIO_PASS,    /* where the caller's does */
    YIBU_JOB_STDIO_CAPTURE, /* to the caller's buffer, once the job has ended, however it did */
    YIBU_JOB_STDIO_DEVNULL, /* nowhere */
} yibu_job_stdio;

/* Options of one call.  Set size to sizeof; zero means the default everywhere else.
 * report, ret_out and ret_err must stay until the call is over; the rest is read at once. */
typedef struct yibu_job_options {
    size_t size;
    int64_t timeout_ns;      /* the worker is killed after this much running; default: no limit */
    yibu_job_report *report; /* filled where not NULL, also on success */
    int64_t grace_ns;        /* SIGTERM comes this much before SIGKILL; default: it does not */
    unsigned max_attempts;   /* how often it is begun where its worker dies; default 1 */
    int64_t retry_delay_ns; /* before the second attempt, then twice as long each; default 100 ms */
    int priority;           /* in line: higher first */
    uint64_t memory_bytes;  /* address space beyond an idle worker's; default: no limit */
    const int *cpus;        /* processors that it may run on; default: the worker's */
    size_t cpu_count;
    const char *const *env_changes; /* "NAME=value" sets, "NAME" removes; … NULL */
    const char *cwd;                /* its working directory */
    yibu_job_stdio out, err;
    yibu_buffer *ret_out, *ret_err; /* captured text is appended here; NULL: dropped */
    size_t capture_limit;           /* bytes of each, at most 64 MiB; default 1 MiB */
    /* Called in the loop with each message that the job sends (yibu_job_send), in order, before the
     * call ends; the bytes are there until it returns. */
    void (*on_message)(yibu_bytes message, void *arg);
    void *message_arg;
    bool keep_messages; /* of what was submitted: for yibu_concurrent_future_messages */
} yibu_job_options;

YIBU_BEGIN_DECLS

/* What YIBU_JOB is made of: the jobs of this program or shared library, as its linker gathered
 * them; registered by the first of their constructors, taken back when the library is unloaded. */
extern const yibu_job *const __start_yibu_jobs[] __attribute__((visibility("hidden")));
extern const yibu_job *const __stop_yibu_jobs[] __attribute__((visibility("hidden")));
YIBU_API void yibu_register_jobs_(const yibu_job *const *first, const yibu_job *const *end);
YIBU_API void yibu_unregister_jobs_(const yibu_job *const *first);

/* Says in a line what a report means: "worker 123 was killed by SIGSEGV (stack overflow) after 12
 * ms, peak memory 8 MiB".  Returns as snprintf: the length it has, whatever the buffer's size.
 * Context: any thread. */
YIBU_API int yibu_job_report_describe(const yibu_job_report *report, char *buffer, size_t size);

/* A word for a reason, "out of memory".  Context: any thread. */
YIBU_API const char *yibu_job_reason_name(yibu_job_reason reason);

YIBU_END_DECLS

#endif
