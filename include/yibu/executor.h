/* Executors: functions and jobs that run beside the loop, on threads (<yibu/thread_pool.h>) or in
 * processes (<yibu/process_pool.h>), with one interface for both (concurrent.futures.Executor).
 *
 * An executor belongs to no thread and no loop: every call here that does not say otherwise may be
 * made from any thread, by tasks of any loop and by threads without one.  What is submitted is
 * followed by a future of no thread (<yibu/concurrent_future.h>). */
#ifndef YIBU_EXECUTOR_H
#define YIBU_EXECUTOR_H

#include <yibu/base.h>
#include <yibu/buffer.h>
#include <yibu/concurrent_future.h>
#include <yibu/iterator.h>
#include <yibu/job.h>
#include <yibu/loop.h>
#include <yibu/task.h>

typedef struct yibu_executor yibu_executor;

/* Options of one submission.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_submit_options {
    size_t size;
    /* NULL: whoever is cancelled while a running function is awaited waits until it returns.  Else
     * the submission takes over arg: a cancel gives the function up at once, and this is called with
     * arg once it has returned (on its thread), or at once where it had not started.  It is not
     * called where the function ends without a cancel: then arg is the function's to free. */
    void (*abandon_on_cancel)(void *arg);
} yibu_submit_options;

/* What an executor does and has done.  Set size to sizeof before asking. */
typedef struct yibu_executor_stats {
    size_t size;
    unsigned workers;     /* threads or processes that are there */
    unsigned idle;        /* of them, without work */
    unsigned max_workers; /* as many as it may have */
    size_t queued;        /* calls in line */
    size_t running;       /* calls being run */
    uint64_t done;        /* that have ended with a value */
    uint64_t failed;      /* with a failure */
    uint64_t cancelled;   /* with -ECANCELED, before they ran or while they did */
    int64_t waited_ns;    /* in line, all calls together */
    int64_t ran_ns;       /* being run, all calls together */
    uint64_t crashed;     /* workers that died */
    uint64_t restarted;   /* of them, replaced */
} yibu_executor_stats;

YIBU_BEGIN_DECLS

/* Has fn(arg) run on one of the executor's workers.  Where as many calls wait in line as max_queue
 * allows, this waits for room, first come, first served: a task suspends, a thread without a running
 * loop blocks.  A function of the executor's own does not wait, since it would wait for itself: then
 * fn(arg) has run when this returns.
 * arg must live until fn has used it.  In fn, task-locals are those of the calling task.
 * The caller owns a reference to the future; ret_future may be NULL: then a failure is told to the
 * exception handler of the thread that it happens on, which has the default one without a loop.
 * A cancel of the future, or of a task that awaits it, withdraws a function that has not started;
 * one that runs is waited for, unless options say otherwise.
 * Checkpoint.  Cancel: nothing was submitted.
 * Returns 0; YIBU_ESHUTDOWN, YIBU_EBROKENPOOL; -ENOTSUP where the executor runs jobs alone; -EDEADLK
 * where the wait for room would be one of this thread for itself; YIBU_ENOTASK where it would be one
 * in a callback; -ECANCELED, -EINVAL, -ENOMEM, -EAGAIN where no worker could be started,
 * YIBU_EFORKED. */
YIBU_API int yibu_executor_submit(yibu_executor *executor, yibu_coroutine *fn, void *arg,
                                  const yibu_submit_options *options,
                                  yibu_concurrent_future **ret_future);

/* The same, but that it never waits: -EAGAIN where the line is full.  Never suspends. */
YIBU_API int yibu_executor_try_submit(yibu_executor *executor, yibu_coroutine *fn, void *arg,
                                      const yibu_submit_options *options,
                                      yibu_concurrent_future **ret_future);

/* Has a job run by one of the executor's workers; waits for room as yibu_executor_submit does.
 * job, input and options are copied before this returns; report, ret_out and ret_err, where options
 * name them, must live until the future is done.  The output is the future's.
 * A cancel of the future withdraws a job that has not started, and kills the worker of one that runs.
 * On threads a job is a function like any other: its cancel, too, and options that need a process of
 * its own (a time limit, memory, processors, environment, output, priority, attempts) are -ENOTSUP.
 * Checkpoint.  Cancel: nothing was submitted.
 * Returns as yibu_executor_submit; on threads YIBU_ENOJOB where the job names no function.  The
 * future's results are those of yibu_to_process. */
YIBU_API int yibu_executor_submit_job(yibu_executor *executor, const yibu_job *job,
                                      yibu_bytes input, const yibu_job_options *options,
                                      yibu_concurrent_future **ret_future);

/* The same, but that it never waits: -EAGAIN where the line is full.  Never suspends. */
YIBU_API int yibu_executor_try_submit_job(yibu_executor *executor, const yibu_job *job,
                                          yibu_bytes input, const yibu_job_options *options,
                                          yibu_concurrent_future **ret_future);

/* What a job whose future is done has answered: the bytes live as long as the future.
 * Returns 0, -EINPROGRESS, or -EINVAL where it is no job's future. */
YIBU_API int yibu_concurrent_future_output(yibu_concurrent_future *future, yibu_bytes *ret_output);

/* What became of it; set report->size before.  Returns as yibu_concurrent_future_output. */
YIBU_API int yibu_concurrent_future_report(yibu_concurrent_future *future, yibu_job_report *report);

/* Refuses what is submitted from now on, with YIBU_ESHUTDOWN, and ends the workers once what was
 * submitted before has ended; with cancel_futures, what waits in line ends at once with
 * YIBU_ESHUTDOWN.  With wait, returns only when the workers have ended, or timeout_ns (YIBU_FOREVER:
 * without limit) has passed: then the exception handler is told what is left, which goes on.
 * Again, and from several threads at once, is fine.
 * Must finish, within its limit: a task suspends, a thread without a running loop blocks.
 * Returns 0; -ETIMEDOUT; with wait, -EDEADLK in a function of the executor's own and in the thread of
 * the loop that runs it while that does not, YIBU_ENOTASK in a callback; -EINVAL, YIBU_EFORKED. */
YIBU_API int yibu_executor_shutdown(yibu_executor *executor, bool wait, bool cancel_futures,
                                    int64_t timeout_ns);

/* Shuts down, waits, without limit, and frees.  NULL is fine.  Where the loop that runs it belongs to
 * this thread and does not run, what is under way there is ended at once.
 * Nobody else may use the executor any more.  Futures may be used on.
 * Must finish.  Context: a task, or a thread without a running loop. */
YIBU_API void yibu_executor_free(yibu_executor *executor);

/* What the executor does and has done.  Returns 0, -EINVAL or YIBU_EFORKED. */
YIBU_API int yibu_executor_statistics(yibu_executor *executor, yibu_executor_stats *statistics);

/* The same as one line of text, without its end.  Returns as snprintf: the length it has, whatever
 * the size of line; -EINVAL, YIBU_EFORKED. */
YIBU_API int yibu_executor_describe(yibu_executor *executor, char *line, size_t size);

YIBU_END_DECLS

#endif
