/* Sleeping and yielding. */
#include <errno.h>

#include "task/task.h"

static yb_task *sleeper_of(yb_timer *timer)
{
    return YB_CONTAINER_OF(timer, yb_task, wait.timer);
}

static void fire(yb_timer *timer)
{
    yb_task_wake(sleeper_of(timer));
}

/* A sleep that was cut short is marked by a deadline that no timer has. */
static void interrupt_sleep(yb_task *task)
{
    yb_loop_timer_remove(task->future.loop, &task->wait.timer);
    task->wait.timer.deadline_ns = -1;
    yb_task_wake(task);
}

static const yb_wait_class sleeping = {"sleep", interrupt_sleep, NULL, NULL};

/* Suspends until everything ready, and I/O, had a turn. */
static int sleep_a_turn(yb_task *task)
{
    task->future.state = YB_TASK_READY;
    yb_fifo_push(&task->future.loop->after_io, &task->ready);
    yb_task_switch_away(task);
    return yb_task_cancel_pending(task) ? -ECANCELED : 0;
}

int yibu_sleep(int64_t delay_ns)
{
    int r = 0;
    yb_task *task = yb_task_require(&r);
    if (!task || (r = yb_task_checkpoint(task)) < 0)
        return r;
    if (delay_ns <= 0)
        return sleep_a_turn(task);
    task->wait.timer.deadline_ns = yb_loop_deadline(task->future.loop, delay_ns);
    task->wait.timer.fire = fire;
    yb_loop_timer_add(task->future.loop, &task->wait.timer);
    yb_task_suspend(task, &sleeping);
    return task->wait.timer.deadline_ns < 0 ? -ECANCELED : 0;
}

int yibu_yield(void)
{
    int error = 0;
    yb_task *task = yb_task_require(&error);
    if (!task)
        return error;
    yb_task_yield(task);
    return yb_task_cancel_pending(task) ? -ECANCELED : 0;
}
