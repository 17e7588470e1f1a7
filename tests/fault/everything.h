/* A program that uses every part of the core once; 0, or its first failure.  It ends whatever
 * fails: nobody in it waits for what will not come. */
#ifndef EVERYTHING_H
#define EVERYTHING_H

#include "../unit/backend/echo.h"
#include "everything_datagrams.h"
#include "everything_files.h"
#include "everything_loop.h"
#include "everything_protocols.h"
#include "everything_signals.h"
#include "everything_streams.h"
#include "everything_sync.h"
#include "everything_tasks.h"
#include "hush.h"
#include "test.h"

static intptr_t everything(void *arg)
{
    static intptr_t (*const parts[])(
        void) = {everything_calls,   everything_watch,     everything_tasks,   everything_futures,
                 everything_group,   everything_generate,  everything_locals,  everything_typed,
                 everything_submit,  everything_queues,    everything_channel, everything_limiter,
                 everything_resolve, everything_ops,       everything_streams, everything_datagrams,
                 everything_files,   everything_protocols, everything_signals};
    intptr_t r = echo_program(arg);
    for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
        r = parts[i]();
    return r;
}

/* Two mains, and a task that is left over. */
static inline intptr_t everything_run_again(const yibu_loop_options *loop)
{
    yibu_runner *runner;
    const yibu_runner_options options = {.size = sizeof(options), .loop = loop};
    intptr_t r = yibu_runner_new(&options, &runner);
    if (r < 0)
        return r;
    r = yibu_runner_run(runner, everything_spawn, NULL);
    if (r == 0)
        r = yibu_runner_run(runner, everything_sleep, (void *)1);
    int closed = yibu_runner_close(runner);
    return r < 0 ? r : closed;
}

/* Runs it on a loop that is asked for its descriptor, too. */
static inline intptr_t everything_run(void)
{
    yibu_loop_options options = {.size = sizeof(options), .exception_handler = test_hush};
    intptr_t r = yibu_run(everything, NULL, &options);
    if (r == 0)
        r = everything_run_again(&options);
    if (r < 0)
        return r;
    yibu_loop *loop;
    r = yibu_loop_new(&options, &loop);
    if (r < 0)
        return r;
    r = yibu_loop_fd(loop);
    if (r >= 0)
        r = yibu_run_until_complete(loop, everything_sleep, (void *)(intptr_t)YIBU_US(10));
    int freed = yibu_loop_free(loop);
    return r < 0 ? r : freed;
}

#endif
