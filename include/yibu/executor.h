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
     * a cancel gives the function up at once, and takes arg over: this is called with it once the
     * function has returned (on its thread), or at once where it had not started.  Where the call
     * ends without a cancel, arg is still the caller's; so fn neither frees it nor returns
     * -ECANCELED, which tells the caller that it was given up. */
    void (*abandon_on_cancel)(void *arg);
} yibu_submit_options;

/* The two kinds of work that a loop has a default executor for. */
typedef enum yibu_executor_kind {
    YIBU_EXECUTOR_THREADS,  /* functions: yibu_to_thread */
    YIBU_EXECUTOR_PROCESSES /* jobs: yibu_to_process */
} yibu_executor_kind;

/* Options of a map.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_map_options {
    size_t size;
    bool unordered;              /* items come as their calls end, not in the order of the inputs */
    unsigned chunk_size;         /* inputs that a call takes; functions alone; default 1 */
    unsigned max_in_flight;      /* calls; default twice the executor's max_workers */
    int64_t timeout_ns;          /* of the whole map; default: no limit */
    const yibu_job_options *job; /* of each call of a job; where they are to write is left out */
} yibu_map_options;

/* What a map hands out. */
typedef struct yibu_map_item {
    size_t index;                 /* of the input, the first is 0 */
    void *arg;                    /* the input */
    intptr_t result;              /* the function's, or why it was not called; the job's status */
    yibu_bytes output;            /* of a job */
    yibu_concurrent_future *call; /* for what else there is to ask, yibu_concurrent_future_report */
} yibu_map_item;

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
 * allows, this waits for room, first come, first served: a task suspends, a thread without a
 * running loop blocks.  A function of the executor's own does not wait, since it would wait for
 * itself: then fn(arg) has run when this returns.
 * arg must live until fn has used it.  In fn, task-locals are those of the calling task.
 * The caller owns a reference to the future; ret_future may be NULL: then a failure is told to the
 * exception handler of the thread that it happens on, which has the default one without a loop.
 * A cancel of the future, or of a task that awaits it, withdraws a function that has not started;
 * one that runs is waited for, unless options say otherwise.
 * Checkpoint.  Cancel: nothing was submitted.
 * Returns 0; YIBU_ESHUTDOWN, YIBU_EBROKENPOOL; -ENOTSUP where the executor runs jobs alone;
 * -EDEADLK where the wait for room would be one of this thread for itself; YIBU_ENOTASK where it
 * would be one in a callback; -ECANCELED, -EINVAL, -ENOMEM, -EAGAIN where no worker could be
 * started, YIBU_EFORKED. */
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
 * A cancel of the future withdraws a job that has not started, and kills the worker of one that
 * runs.  On threads a job is a function like any other: its cancel, too, and options that need a
 * process of its own (a time limit, memory, processors, environment, output, priority, attempts)
 * are -ENOTSUP.
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

/* Has fn(arg) run by an executor, and waits for the result.  executor NULL: the loop's default one.
 * Context: a task.  Checkpoint.  Cancel: a function that has not started is withdrawn; one that
 * runs is waited for, and its result returned, unless options say otherwise.
 * Returns fn's result, or as yibu_executor_submit. */
YIBU_API intptr_t yibu_run_in_executor(yibu_executor *executor, yibu_coroutine *fn, void *arg,
                                       const yibu_submit_options *options);

/* Has a job run by an executor, and waits; the rest is as for yibu_to_process, which this is where
 * executor is NULL and the loop has no other default.
 * Context: a task.  Checkpoint.  Cancel: a job that has not started is withdrawn, the worker of one
 * that runs is killed.
 * Returns the job's status, or as yibu_executor_submit_job; -ENOMEM also where *ret_output (may be
 * NULL) could not take the output. */
YIBU_API intptr_t yibu_run_job_in_executor(yibu_executor *executor, const yibu_job *job,
                                           yibu_bytes input, yibu_buffer *ret_output,
                                           const yibu_job_options *options);

/* fn for each input, on the executor: an async iterator (<yibu/iterator.h>) whose items are
 * `yibu_map_item *`, each alive until the next is asked for.  It takes over inputs, and asks it for
 * the next one from a task of its own, as long as fewer than max_in_flight calls are submitted
 * whose items have not all been taken: so endless inputs work.  What an input points to must live
 * until its item has come, or the map is closed.
 * A failure of fn is its item's result, and the map goes on.  A failure of inputs, and of a
 * submission, is what next answers, after the items before it; so is -ETIMEDOUT, at once.  Closing
 * the map early withdraws what is in line and waits for what runs.
 * Never suspends where it succeeds; next is a checkpoint.  Context: a task.
 * Returns the iterator; NULL where there is no memory, no loop, no inputs or no fn, or options are
 * wrong: then inputs has been closed. */
YIBU_API yibu_iterator *yibu_executor_map(yibu_executor *executor, yibu_coroutine *fn,
                                          yibu_iterator *inputs, const yibu_map_options *options);

/* The same with a job for each input, which is a `yibu_bytes *`, read when it is asked for (NULL:
 * no bytes).  Items have an output.  Closing the map early kills the workers of those that run. */
YIBU_API yibu_iterator *yibu_executor_map_jobs(yibu_executor *executor, const yibu_job *job,
                                               yibu_iterator *inputs,
                                               const yibu_map_options *options);

/* fn for each of count structs of item_bytes, one after the other in items: all at once, in chunks
 * (default: four for each worker), and waits for all.  fn gets a pointer to its struct, where it
 * may leave more than a result; results go to ret_results (may be NULL), in order.
 * A task suspends, a thread without a running loop blocks.  options: unordered means nothing here.
 * Checkpoint.  Cancel: what is in line is withdrawn, what runs is waited for; the results of what
 * was not called are -ECANCELED.
 * Returns 0; the first failure in the order of items, all of which were called; -ECANCELED;
 * -ETIMEDOUT, as after a cancel; -EINVAL, -ENOMEM, YIBU_ENOTASK in a callback, or as
 * yibu_executor_submit. */
YIBU_API intptr_t yibu_executor_starmap(yibu_executor *executor, yibu_coroutine *fn, void *items,
                                        size_t count, size_t item_bytes, intptr_t *ret_results,
                                        const yibu_map_options *options);

/* Makes the executor what yibu_to_thread uses in this loop, or, where it runs jobs,
 * yibu_to_process.  It stays the caller's, and must live until the loop has ended or another one
 * was set.  Never suspends.  Context: the loop's thread.  Returns 0, -EINVAL; -EBUSY where
 * yibu_loop_get_default_executor has made one already; -ENOMEM, YIBU_ESHUTDOWN. */
YIBU_API int yibu_loop_set_default_executor(yibu_loop *loop, yibu_executor *executor);

/* The default executor of a kind.  Where none was set, one is made, of the size that the loop's
 * options say, which is the loop's and ends with it.
 * Never suspends.  Context: the loop's thread.  Returns 0, YIBU_ESHUTDOWN, -EINVAL, -ENOMEM,
 * -ENOTSUP in a simulation. */
YIBU_API int yibu_loop_get_default_executor(yibu_loop *loop, yibu_executor_kind kind,
                                            yibu_executor **ret_executor);

/* Ends what yibu_to_thread and yibu_to_process do in this loop, which is YIBU_ESHUTDOWN from now
 * on: waits for calls under way, and shuts default executors down, those that were set, too.
 * Context: a task.  Must finish, within timeout_ns (YIBU_FOREVER: without limit).
 * Returns 0, -ETIMEDOUT, -ENOMEM, -EINVAL, YIBU_ENOTASK. */
YIBU_API int yibu_loop_shutdown_default_executor(yibu_loop *loop, int64_t timeout_ns);

/* Refuses what is submitted from now on, with YIBU_ESHUTDOWN, and ends the workers once what was
 * submitted before has ended; with cancel_futures, what waits in line ends at once with
 * YIBU_ESHUTDOWN.  With wait, returns only when the workers have ended, or timeout_ns
 * (YIBU_FOREVER: without limit) has passed: then the exception handler is told what is left, which
 * goes on.  Again, and from several threads at once, is fine.
 * Must finish, within its limit: a task suspends, a thread without a running loop blocks.
 * Returns 0; -ETIMEDOUT; with wait, -EDEADLK in a function of the executor's own and in the thread
 * of the loop that runs it while that does not, YIBU_ENOTASK in a callback; -EINVAL,
 * YIBU_EFORKED. */
YIBU_API int yibu_executor_shutdown(yibu_executor *executor, bool wait, bool cancel_futures,
                                    int64_t timeout_ns);

/* Shuts down, waits, without limit, and frees.  NULL is fine.  Where the loop that runs it belongs
 * to this thread and does not run, what is under way there is ended at once.
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
