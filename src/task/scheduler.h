/* The scheduler: the part of a loop that runs its tasks. */
#ifndef YB_TASK_SCHEDULER_H
#define YB_TASK_SCHEDULER_H

#include "base/memory.h"
#include "platform/float_environment.h"
#include "task/task.h"

typedef struct yb_scheduler {
    yb_loop_part part;
    yibu_loop *loop;
    yb_context loop_context; /* the thread's own stack, while a task runs */
    yb_context departed;     /* of the last task that ended: its stack may serve another already */
    yb_stack_pool *stacks;
    yb_float_environment float_environment; /* the thread's, for tasks without one of their own */
    yb_list tasks;                          /* that have not ended */
    uint64_t last_id;
    int *error;              /* the thread's errno, which tasks of this thread share */
    yb_task *const *current; /* the thread's yb_task_current */
    yb_task *cache;          /* freed tasks, linked through ready.next */
    unsigned cached;
    unsigned eager;       /* how deep eager tasks stand in each other */
    int eager_budget;     /* what is left of the budget meanwhile: the loop's is 1 */
    yibu_future *futures; /* freed plain futures: future.c */
    unsigned cached_futures;
    yb_fifo cancelling;  /* gatherings whose cancel is being passed on: gather.c */
    int64_t deadlock_ns; /* when the present spell without a wake-up is reported: deadlock.c */
    yb_runnable deadlock_report;
} yb_scheduler;

static inline yb_scheduler *yb_scheduler_of(const yibu_loop *loop)
{
    return (yb_scheduler *)(void *)loop->parts[YB_PART_TASKS];
}

/* Makes the loop's scheduler. */
int yb_scheduler_new(yibu_loop *loop);

/* The loop's scheduler, made when it is first needed; NULL: there is no memory for it. */
static inline yb_scheduler *yb_scheduler_get(yibu_loop *loop)
{
    yb_scheduler *s = yb_scheduler_of(loop);
    if (YB_UNLIKELY(!s) && yb_scheduler_new(loop) == 0)
        s = yb_scheduler_of(loop);
    return s;
}

/* Frees the memory that is kept for tasks and futures to come. */
void yb_scheduler_trim(yb_scheduler *s);

/* Drops the tasks that have not ended, with their stacks: what they hold is lost, nobody hears of
 * their end, and whatever could still wake one must be gone.  For a simulation that has failed. */
void yb_scheduler_abandon(yb_scheduler *s);

/* A task's turn when the loop's own context gives it: also what tells tasks from callbacks in the
 * ready queue. */
void yb_task_run(yb_runnable *item);

/* A task that is in no list yet, with the reference that the loop holds until it has ended.
 * NULL: no memory, no loop, or invalid arguments.  Context: the loop's thread. */
yb_task *yb_task_make(yibu_coroutine *fn, void *arg, size_t stack_bytes, const char *place);
yb_task *yb_task_make_with(yibu_coroutine *fn, void *arg, const yibu_task_options *options,
                           const char *place);

/* Puts a task that was made among the loop's, behind another one. */
static inline void yb_task_enlist(yb_scheduler *s, yb_task *task, yb_list *behind)
{
    task->id = ++s->last_id;
    task->ready.run = yb_task_run;
    yb_list_push_front(behind, &task->all);
    s->loop->task_count++;
}

/* Puts a task that was made into the ready queue. */
static inline void yb_task_enqueue(yb_scheduler *s, yb_task *task)
{
    yb_task_enlist(s, task, s->tasks.previous);
    yb_loop_ready(s->loop, &task->ready);
}

/* Runs a task that was enlisted at once, until it first suspends or ends, then goes on here: in a
 * task, a callback, or outside the loop. */
void yb_task_run_eagerly(yb_scheduler *s, yb_task *task);

/* Begins a task that was made and enlisted: puts it into the ready queue, or, where the options,
 * which may be NULL, say so, runs it eagerly. */
void yb_task_begin(yb_scheduler *s, yb_task *task, const yibu_task_options *options);

/* For a task that has used the budget up: whether it may go on, since whoever started it eagerly
 * had some left. */
bool yb_task_borrow_budget(yb_scheduler *s);

/* Memory for a task, the most recently freed first. */
static inline yb_task *yb_task_allocate(yb_scheduler *s)
{
    yb_task *task = s->cache;
    if (YB_UNLIKELY(!task))
        return yb_malloc(sizeof(*task));
    s->cache = (yb_task *)(void *)task->ready.next;
    s->cached--;
    return task;
}

/* Frees the memory that is kept for plain futures. */
void yb_future_free_cache(yb_scheduler *s);

/* Frees a task that has ended and that nobody refers to. */
void yb_task_free(yb_task *task);

/* Asks the memory for what a suspended task touches first when it goes on. */
static inline void yb_task_fetch_stack(const yb_task *task)
{
    enum { CACHE_LINE_BYTES = 64, LINES = 4 };
    const char *top = task->context.stack_pointer;
    for (int i = 0; i < LINES; i++)
        __builtin_prefetch(top + i * CACHE_LINE_BYTES, 1);
}

#endif
