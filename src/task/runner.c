/* Runners: main tasks one after the other on one loop, SIGINT, and an orderly end.
 *
 * States: IDLE, RUNNING (loop->main_task is there), CLOSING (yibu_runner_close waits).  The thread
 * that made the runner alone touches it; SIGINT comes in as a callback of the loop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <yibu/runner.h>

#include "base/memory.h"
#include "base/options.h"
#include "loop/signal.h"
#include "task/local.h"
#include "task/scheduler.h"
#include <yibu/error.h>

struct yibu_runner {
    yibu_loop *loop;
    int64_t shutdown_timeout_ns;
    yb_locals *locals; /* what the next main begins with */
    yb_timer patience; /* until the tasks that are left are reported */
    bool impatient;    /* it is armed */
    bool interrupted;  /* by SIGINT, in the present run */
};

static const int64_t default_shutdown_timeout_ns = YIBU_SECONDS(10);

/* Making. */

static int make_loop(const yibu_runner_options *options, yibu_loop **ret_loop, const char *place)
{
    int r = yibu_loop_new_at(options->loop, ret_loop, place);
    if (r == 0 && options->debug)
        yibu_loop_set_debug(*ret_loop, true);
    return r;
}

int yibu_runner_new_at(const yibu_runner_options *options, yibu_runner **ret_runner,
                       const char *place)
{
    yibu_runner_options taken;
    if (!ret_runner || yb_options_take(&taken, sizeof(taken), options) < 0)
        return -EINVAL;
    yibu_runner *runner = yb_calloc(1, sizeof(*runner));
    if (!runner)
        return -ENOMEM;
    int r = make_loop(&taken, &runner->loop, place);
    if (r < 0) {
        yb_free(runner);
        return r;
    }
    runner->shutdown_timeout_ns =
        taken.shutdown_timeout_ns > 0 ? taken.shutdown_timeout_ns : default_shutdown_timeout_ns;
    *ret_runner = runner;
    return 0;
}

yibu_loop *yibu_runner_get_loop(const yibu_runner *runner)
{
    return runner ? runner->loop : NULL;
}

/* 0 where the calling thread may use the runner now. */
static int check_idle(const yibu_runner *runner)
{
    int r = yb_loop_check(runner->loop);
    if (r < 0)
        return r;
    return runner->loop->running ? YIBU_EBUSY : 0;
}

/* SIGINT. */

static void cancel_main(void *arg)
{
    yibu_runner *runner = arg;
    if (!runner->loop->main_task)
        return;
    runner->interrupted = true;
    (void)yibu_task_cancel(&runner->loop->main_task->future);
}

static bool has_default_action(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
           action.sa_handler == SIG_DFL;
}

/* Running. */

typedef struct run {
    yibu_runner *runner;
    yibu_coroutine *main;
    void *arg;
} run;

/* The bottom of every main task: brings the runner's task-locals, and keeps them for the next. */
static intptr_t run_main(void *arg)
{
    run *r = arg;
    yb_task *task = yb_task_current;
    task->locals = r->runner->locals;
    r->runner->locals = NULL;
    intptr_t result = r->main(r->arg);
    r->runner->locals = yb_locals_share(task->locals);
    return result;
}

/* Only SIGINT's request is left: the program was interrupted. */
static intptr_t judge(const yibu_runner *runner, yibu_task *task)
{
    intptr_t result = yibu_task_result(task);
    bool interrupted = runner->interrupted && yibu_task_cancelling(task) == 1;
    return result == -ECANCELED && interrupted ? -EINTR : result;
}

static intptr_t run_task(yibu_runner *runner, yibu_task *task)
{
    yibu_loop *loop = runner->loop;
    bool handles =
        has_default_action(SIGINT) && yb_signal_handle_once(loop, SIGINT, cancel_main, runner) == 0;
    runner->interrupted = false;
    loop->main_task = yb_task_of(task);
    while (!yibu_task_done(task))
        yb_loop_turn(loop, INT64_MAX);
    loop->main_task = NULL;
    if (handles)
        yb_signal_unhandle_once(loop, SIGINT);
    return judge(runner, task);
}

intptr_t yibu_runner_run_at(yibu_runner *runner, yibu_coroutine *main, void *arg, const char *place)
{
    if (!runner || !main)
        return -EINVAL;
    int r = check_idle(runner);
    if (r < 0)
        return r;
    run bottom = {runner, main, arg};
    yibu_task_options options = {.size = sizeof(options), .name = "main"};
    yibu_task *task = yibu_create_task_at(run_main, &bottom, &options, place);
    if (!task)
        return -ENOMEM;
    intptr_t result = run_task(runner, task);
    yibu_task_unref(task);
    return result;
}

/* Closing. */

static yb_task *task_at(yb_list *at)
{
    return YB_CONTAINER_OF(at, yb_task, all);
}

static void describe_wait(const yb_task *task, char *ret_text, size_t size)
{
    if (task->future.state != YB_TASK_SUSPENDED)
        snprintf(ret_text, size, "its turn");
    else if (task->waits_for->describe)
        task->waits_for->describe(task, ret_text, size);
    else
        snprintf(ret_text, size, "%s", task->waits_for->name);
}

static void report(yibu_loop *loop, yb_task *task)
{
    char wanted[256] = "";
    describe_wait(task, wanted, sizeof(wanted));
    yb_loop_report(loop, 0,
                   "task \"%s\", created at %s, was cancelled and has not ended: it waits for %s",
                   yibu_task_get_name(&task->future), task->place, wanted);
}

static void report_all(yb_timer *timer)
{
    yibu_runner *runner = YB_CONTAINER_OF(timer, yibu_runner, patience);
    yb_scheduler *s = yb_scheduler_of(runner->loop);
    runner->impatient = false;
    for (yb_list *at = s->tasks.next; at != &s->tasks; at = at->next)
        report(runner->loop, task_at(at));
}

static void be_patient(yibu_runner *runner)
{
    if (runner->shutdown_timeout_ns == YIBU_FOREVER)
        return;
    runner->patience.deadline_ns = yb_loop_deadline(runner->loop, runner->shutdown_timeout_ns);
    runner->patience.fire = report_all;
    yb_loop_timer_add(runner->loop, &runner->patience);
    runner->impatient = true;
}

/* Whether a task is left that is as old as that. */
static bool left_since(const yb_scheduler *s, uint64_t last_id)
{
    for (yb_list *at = s->tasks.next; at != &s->tasks; at = at->next)
        if (task_at(at)->id <= last_id)
            return true;
    return false;
}

/* Cancels all tasks and waits until they have ended.  What they start meanwhile, to clean up, they
 * may go on with. */
static void end_generation(yibu_loop *loop, yb_scheduler *s)
{
    uint64_t last_id = s->last_id;
    for (yb_list *at = s->tasks.next; at != &s->tasks; at = at->next)
        (void)yibu_task_cancel(&task_at(at)->future);
    while (left_since(s, last_id))
        yb_loop_turn(loop, INT64_MAX);
}

static void end_tasks(yibu_runner *runner)
{
    yibu_loop *loop = runner->loop;
    if (loop->task_count == 0)
        return;
    be_patient(runner);
    while (loop->task_count > 0)
        end_generation(loop, yb_scheduler_of(loop));
    if (runner->impatient)
        yb_loop_timer_remove(loop, &runner->patience);
}

int yibu_runner_close(yibu_runner *runner)
{
    if (!runner)
        return 0;
    int r = check_idle(runner);
    if (r < 0)
        return r;
    end_tasks(runner);
    yb_locals_drop(runner->locals);
    r = yibu_loop_free(runner->loop);
    YB_ASSERT(r == 0);
    yb_free(runner);
    return 0;
}
