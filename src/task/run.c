/* Running a program: a main task on a loop, SIGINT, and an orderly end. */
#include <errno.h>
#include <signal.h>

#include "loop/signal.h"
#include "task/scheduler.h"
#include "task/task.h"
#include <yibu/error.h>

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
    yibu_task *task = yibu_create_task_at(main, arg, &options, "yibu_run");
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

static void cancel_main(void *arg)
{
    yibu_loop *loop = arg;
    if (loop->main_task)
        (void)yibu_task_cancel(&loop->main_task->future);
}

static bool has_default_action(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
           action.sa_handler == SIG_DFL;
}

/* Cancels whatever main left behind and waits until it has ended. */
static void end_tasks(yibu_loop *loop)
{
    yb_scheduler *s = yb_scheduler_of(loop);
    if (!s)
        return;
    for (yb_list *at = s->tasks.next; at != &s->tasks; at = at->next)
        (void)yibu_task_cancel(&YB_CONTAINER_OF(at, yb_task, all)->future);
    while (loop->task_count > 0)
        yb_loop_turn(loop, INT64_MAX);
}

intptr_t yibu_run(yibu_coroutine *main, void *arg, const yibu_loop_options *options)
{
    yibu_loop *loop;
    int r = yibu_loop_new_at(options, &loop, "yibu_run");
    if (r < 0)
        return r;
    if (has_default_action(SIGINT))
        (void)yb_signal_handle_once(loop, SIGINT, cancel_main, loop);
    intptr_t result = yibu_run_until_complete(loop, main, arg);
    end_tasks(loop);
    r = yibu_loop_free(loop);
    YB_ASSERT(r == 0);
    return result;
}
