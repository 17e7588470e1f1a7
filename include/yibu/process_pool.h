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
#include <yibu/executor.h>
#include <yibu/job.h>
#include <yibu/op.h>

YIBU_BEGIN_DECLS

/* How workers come to be. */
typedef enum yibu_start_method {
    YIBU_START_FORK, /* copies of the zygote: quick, and share its memory until they write to it */
    YIBU_START_SPAWN /* each its own run of the program up to main: nothing in common with others */
} yibu_start_method;

/* Options of a pool.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_process_pool_options {
    size_t size;
    unsigned max_workers; /* default: the number of cores; at most 1024 */
    /* Jobs that wait, beyond those that a worker is free for; default: memory is the limit. */
    unsigned max_queue;
    /* A worker ends after so many jobs, and is replaced; default: never. */
    unsigned max_tasks_per_child;
    const yibu_job *initializer;  /* runs first in each worker; its failure breaks the pool */
    yibu_bytes initializer_input; /* copied */
    /* Runs once, in the process that workers are copied from, without input; its failure breaks the
     * pool; not with YIBU_START_SPAWN. */
    const yibu_job *preload;
    yibu_start_method start_method;
    int nice;         /* nice value added in the workers */
    bool own_thread;  /* the pool is run by a thread of its own instead of the current loop */
    const char *name; /* of the worker processes, at most 15 bytes; default "yibu-worker" */
} yibu_process_pool_options;

/* Makes an executor (<yibu/executor.h>) of worker processes, which start when they are needed.  The
 * calling thread's loop is its home and runs it; where there is none, or options ask for it, a
 * thread of its own does.  A home loop that ends ends the workers: what is under way fails with
 * YIBU_ESHUTDOWN.  Any thread may use it.  Its functions' side is not there: only jobs can be
 * submitted.  options may be NULL; the names of its jobs must stay.
 * Returns 0; -EINVAL; -ENOMEM; -EAGAIN: no thread; -EMFILE; YIBU_EFORKED; YIBU_ESHUTDOWN at the
 * loop's end; -ENOTSUP in a simulation. */
YIBU_API int yibu_process_pool_executor_new(const yibu_process_pool_options *options,
                                            yibu_executor **ret_executor);

/* Runs the job in a worker process.  Workers start when they are needed, up to the loop's
 * max_processes; more calls wait in line, first come, first served (jobs shorter than 0.1 ms may
 * overtake each other).  The line has no limit but memory: each call in it is one that waits.
 * input, of any size, is copied once, into memory that only that worker shares, and must stay until
 * the call returns; the output is copied once, appended to *ret_output (NULL: dropped), which is
 * the caller's, but nobody else's until the call returns.
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

YIBU_END_DECLS

#endif
