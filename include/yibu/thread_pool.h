/* Functions on threads: for blocking calls that have no asynchronous form, and for computing beside
 * the loop. */
#ifndef YIBU_THREAD_POOL_H
#define YIBU_THREAD_POOL_H

#include <yibu/base.h>
#include <yibu/executor.h>
#include <yibu/op.h>
#include <yibu/task.h>

/* Options of a thread pool.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_thread_pool_options {
    size_t size;
    unsigned max_workers;       /* default min(32, processors + 4) */
    unsigned max_queue;         /* as many calls wait, beyond those that a worker is free for; 0: as
                                 * many as memory holds */
    const char *name_prefix;    /* of the threads' names, default "yibu-worker"; see ps -L, gdb */
    int (*initializer)(void *); /* each thread's first call; a failure breaks the pool; or NULL */
    void *initializer_arg;
    const int *cpus; /* the processors that its threads may run on; copied */
    size_t cpu_count;
    int64_t exit_wait_ns; /* how long the program's end waits for running functions, default 10 s;
                           * negative: not at all */
} yibu_thread_pool_options;

YIBU_BEGIN_DECLS

/* A thread pool as an executor (concurrent.futures.ThreadPoolExecutor).  Threads start when they
 * are needed; those at rest are used first, the one that was busy last before the others.
 * An initializer that returns anything but 0 ends what is in line with YIBU_EBROKENPOOL, and so do
 * all submissions from then on.
 * Never suspends.  Context: any thread.  Returns 0, -EINVAL or -ENOMEM. */
YIBU_API int yibu_thread_pool_executor_new(const yibu_thread_pool_options *options,
                                           yibu_executor **ret_executor);

/* Runs fn(arg) on a thread, while the calling task waits and the loop goes on.  Threads start when
 * they are needed, up to the loop's max_threads; more calls wait in line, first come, first served.
 * fn may block; it must not call what suspends a task.  Task-locals are those of the calling task.
 * Checkpoint.  Cancel: a function that has not started is withdrawn; one that runs is waited for,
 * since its argument may be on the caller's stack, and its result is returned.
 * Returns fn's result, -ECANCELED, -ENOMEM, or -EAGAIN where no thread could be started. */
YIBU_API intptr_t yibu_to_thread(yibu_coroutine *fn, void *arg);

/* The callback form: the callback's result is fn's.  yibu_op_cancel withdraws a function that has
 * not started. */
YIBU_API int yibu_op_to_thread(yibu_loop *loop, yibu_op *op, yibu_coroutine *fn, void *arg);

/* The way back, inside a function that runs on a thread for a loop: runs fn(arg) as a task of that
 * loop and waits for it, while another function may use the thread's place in the pool.
 * Task-locals are those that the caller sees.
 * Returns fn's result; YIBU_ESHUTDOWN where the loop has ended or ends before the task has begun;
 * -ECANCELED where the calling function was given up; -EDEADLK where the loop is this thread's own;
 * -ENOTSUP in a simulation; YIBU_ENOTHREAD in tasks, callbacks, and functions that no loop asked
 * for; -EINVAL, -ENOMEM. */
YIBU_API intptr_t yibu_from_thread_call(yibu_coroutine *fn, void *arg);

YIBU_END_DECLS

#endif
