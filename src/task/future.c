/* Futures: what a task and a plain future have in common. */
#include "task/future.h"

#include "task/scheduler.h"

void yb_future_notify(yibu_future *future)
{
    future->flags |= YB_FUTURE_RESULT_SEEN;
    while (yb_waiters_end_first(&future->waiters, future->result))
        ;
}

void yb_future_free(yibu_future *future)
{
    yb_task_free(yb_task_of(future));
}
