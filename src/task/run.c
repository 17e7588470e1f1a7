/* Running a program: a main task on a loop. */
#include <errno.h>

#include "task/scheduler.h"
#include <yibu/error.h>
#include <yibu/runner.h>

intptr_t yibu_run_until_complete(yibu_loop *loop, yibu_coroutine *main, void *arg)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!main)
        return -EINVAL;
    if (loop->running)
        return YIBU_EBUSY;
    yibu_task_options options = {.size = sizeof(options), .name = "main"};
    yibu_task *task = yibu_create_task_at(main, arg, &options, "yibu_run_until_complete");
    if (!task)
        return -ENOMEM;
    loop->main_task = yb_task_of(task);
    while (!yibu_task_done(task))
        yb_loop_turn(loop, INT64_MAX);
    loop->main_task = NULL;
    intptr_t result = yibu_task_result(task);
    yibu_task_unref(task);
    return result;
}

intptr_t yibu_run(yibu_coroutine *main, void *arg, const yibu_loop_options *options)
{
    yibu_runner_options runner_options = {.size = sizeof(runner_options), .loop = options};
    yibu_runner *runner;
    int r = yibu_runner_new_at(&runner_options, &runner, "yibu_run");
    if (r < 0)
        return r;
    intptr_t result = yibu_runner_run_at(runner, main, arg, "yibu_run");
    r = yibu_runner_close(runner);
    YB_ASSERT(r == 0);
    return result;
}
