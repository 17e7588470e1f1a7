/* The scheduler: the part of a loop that runs its tasks. */
#ifndef YB_TASK_SCHEDULER_H
#define YB_TASK_SCHEDULER_H

#include "platform/float_environment.h"
#include "task/task.h"

typedef struct yb_scheduler {
    yb_loop_part part;
    yibu_loop *loop;
    yb_context loop_context;  /* the thread's own stack, while a task runs */
    yb_context departed;      /* of the last task that ended: its stack may serve another already */
    yb_stack_pool *stacks;
    yb_float_environment float_environment; /* the thread's, for tasks without one of their own */
    yb_list tasks;            /* that have not ended */
    uint64_t last_id;
    yibu_task *cache;         /* freed tasks, linked through ready.next */
    unsigned cached;
} yb_scheduler;

static inline yb_scheduler *yb_scheduler_of(const yibu_loop *loop)
{
    return (yb_scheduler *)(void *)loop->parts[YB_PART_TASKS];
}

/* The loop's scheduler, made when it is first needed. */
int yb_scheduler_get(yibu_loop *loop, yb_scheduler **ret_scheduler);

/* Memory of tasks, the most recently freed first; context: any thread for free. */
yibu_task *yb_task_allocate(yb_scheduler *scheduler);
void yb_task_release(yibu_task *task);

/* Puts a new task into the ready queue. */
void yb_task_enqueue(yb_scheduler *scheduler, yibu_task *task);

/* Wakes whoever awaits a task that has ended. */
void yb_await_notify(yibu_task *task);

#endif
