/* A runner: several main coroutines one after the other on one loop (asyncio.Runner).
 *
 *     yibu_runner *runner;
 *     if (yibu_runner_new(NULL, &runner) < 0)
 *         return 1;
 *     yibu_runner_run(runner, open_everything, &state);
 *     yibu_runner_run(runner, serve, &state);
 *     yibu_runner_close(runner);
 *
 * yibu_run (<yibu/task.h>) is a runner that runs one. */
#ifndef YIBU_RUNNER_H
#define YIBU_RUNNER_H

#include <yibu/base.h>
#include <yibu/loop.h>
#include <yibu/task.h>

typedef struct yibu_runner yibu_runner;

/* Options of a runner.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_runner_options {
    size_t size;
    const yibu_loop_options *loop; /* of its loop; used by yibu_runner_new only */
    bool debug;                    /* the loop's debug mode, where loop does not ask for it */
    /* How long yibu_runner_close waits before it reports the tasks that have not ended; default
     * ten seconds, YIBU_FOREVER: never. */
    int64_t shutdown_timeout_ns;
} yibu_runner_options;

YIBU_BEGIN_DECLS

/* A runner, with a loop of its own for this thread.  options may be NULL.
 * Returns 0, or as yibu_loop_new: -EBUSY where the thread has a loop, -ENOMEM, -EMFILE, -EINVAL. */
YIBU_API int yibu_runner_new_at(const yibu_runner_options *options, yibu_runner **ret_runner,
                                const char *place);
#define yibu_runner_new(options, ret_runner) yibu_runner_new_at((options), (ret_runner), YIBU_HERE)

/* Runs main(arg) as a task until it has ended.  Tasks that it leaves go on in the next run, and its
 * task-locals are the next main's.  While it runs, and the process has the default action for
 * SIGINT, the first SIGINT cancels main, and the second restores the default action and raises the
 * signal again.
 * Context: the thread that made the runner, not from inside its loop.
 * Returns main's result; -EINTR where it ended with -ECANCELED and nothing but a SIGINT had asked
 * for that (asyncio: KeyboardInterrupt); YIBU_EBUSY while the loop runs; -EINVAL, -ENOMEM. */
YIBU_API intptr_t yibu_runner_run_at(yibu_runner *runner, yibu_coroutine *main, void *arg,
                                     const char *place);
#define yibu_runner_run(runner, main, arg) yibu_runner_run_at((runner), (main), (arg), YIBU_HERE)

/* The runner's loop, which is its own; NULL for NULL. */
YIBU_API yibu_loop *yibu_runner_get_loop(const yibu_runner *runner);

/* Cancels the tasks that are left, waits until all have ended, and frees loop and runner.  Those
 * that have not ended after shutdown_timeout_ns are reported through the loop's exception handler,
 * each with its name, its place and what it waits for; they are waited for all the same.
 * NULL is fine.  Context: as yibu_runner_run.
 * Returns 0; or, with nothing done, YIBU_EBUSY while the loop runs, -EINVAL on another thread. */
YIBU_API int yibu_runner_close(yibu_runner *runner);

YIBU_END_DECLS

#endif
