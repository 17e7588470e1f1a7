/* Who runs next.
 *
 * Tasks and loop hand over to each other directly: a task that suspends switches to the next ready
 * task, or to the loop's own context when the next item is no task, nothing is ready, or the budget
 * of the turn is used up.  The loop's context thus runs callbacks, I/O and timers.
 *
 * States of a task (task->future.state), changed by the loop's thread alone:
 *   READY      in loop->ready or loop->after_io; a new task has no stack yet
 *   RUNNING    yb_task_current
 *   SUSPENDED  some other part of the runtime knows it and will call yb_task_wake
 *   ENDED      its stack is gone, its result is there; freed with the last reference
 *
 * A task gets its stack when it first runs, unless it was withdrawn (`fn` is NULL) and ends without
 * having run.  Tasks that end without suspending share one, and a task that ends hands its own
 * directly to a new one that is next. */
#include "task/scheduler.h"

#include <errno.h>

#include "base/assert.h"
#include "task/group.h"
#include "task/local.h"
#include "task/scope.h"
#include <yibu/error.h>

/* How many tasks have their stacks and headers still in the second-level cache, about. */
enum { CACHED_TASKS = 4096 };

YB_THREAD_LOCAL yb_task *yb_task_current;

static yb_task *task_of(yb_runnable *item)
{
    return YB_CONTAINER_OF(item, yb_task, ready);
}

static yb_task *end_on_own_stack(yb_task *task);

/* The bottom of every task's stack: runs its task, then any new one that takes the stack over. */
static void task_main(void *arg)
{
    yb_task *task = arg;
    for (;;) {
        task->future.result = task->fn(task->arg);
        yb_locals_end(task);
        task = end_on_own_stack(task);
    }
}

static bool started(const yb_task *task)
{
    return task->stack != NULL;
}

/* Marks an ended task, tells who waits, and drops the loop's reference. */
static void end(yb_scheduler *s, yb_task *task)
{
    task->future.state = YB_FUTURE_ENDED;
    task->stack = NULL;
    yb_list_unlink(&task->all);
    if (task->scope)
        yb_group_child_ended(task);
    s->loop->task_count--;
    if (!yb_waiters_empty(&task->future.waiters))
        yb_future_notify(&task->future);
    yb_future_drop(&task->future);
}

/* Ends a task that never ran. */
static bool end_unstarted(yb_scheduler *s, yb_task *task, int failure)
{
    task->fn = NULL;
    task->future.result = failure;
    yb_locals_end(task);
    end(s, task);
    return false;
}

/* Gives a new task its stack; false: there is no memory, and the task has failed with that, or it
 * was withdrawn. */
static bool prepare_start(yb_scheduler *s, yb_task *task)
{
    if (YB_UNLIKELY(!task->fn))
        return end_unstarted(s, task, -ECANCELED);
    yb_stack *stack = yb_stack_acquire(s->stacks, task->wait.stack_bytes, task);
    if (YB_UNLIKELY(!stack))
        return end_unstarted(s, task, -ENOMEM);
    task->stack = stack;
    task->context = (yb_context){0};
    if (YB_UNLIKELY(s->stacks->canaries))
        task->future.flags |= YB_TASK_CHECK_STACK;
    return true;
}

/* The task that is next in the ready queue; NULL: it is the loop's turn. */
static inline yb_task *peek_task(const yibu_loop *loop)
{
    yb_runnable *item = loop->ready.head;
    if (YB_UNLIKELY(!item || item->run != yb_task_run || loop->budget <= 1))
        return NULL;
    return task_of(item);
}

/* Takes what peek_task answered off the queue. */
static inline void take_task(yibu_loop *loop, yb_task *task)
{
    loop->ready.head = task->ready.next;
    loop->budget--;
}

/* Takes the next task off the queue, and gives it a stack where it needs one; NULL: it is the
 * loop's turn. */
static inline yb_task *next_task(yb_scheduler *s, yibu_loop *loop)
{
    yb_task *next;
    while ((next = peek_task(loop))) {
        take_task(loop, next);
        if (YB_LIKELY(started(next)) || prepare_start(s, next))
            return next;
    }
    return NULL;
}

static inline void become(const yb_scheduler *s, yb_task *task)
{
    task->future.state = YB_TASK_RUNNING;
    yb_task_current = task;
    *s->error = task->saved_errno;
}

/* Apart, so that the switch itself needs few registers. */
static inline void start(yb_task *task, yb_context *from)
{
    yb_context_start(from, &task->context, task->stack, task_main, task);
}

/* Leaves the running context for the task, which has a stack and may never have run on it. */
static inline void continue_with(const yb_scheduler *s, yb_task *task, yb_context *from)
{
    become(s, task);
    if (YB_LIKELY(task->context.stack_pointer != NULL))
        yb_context_switch(from, &task->context);
    else
        start(task, from);
}

/* Leaves the running task for the next one, NULL: for the loop. */
static inline void hand_over(yb_scheduler *s, yb_task *from, yb_task *next)
{
    if (YB_LIKELY(next != NULL)) {
        continue_with(s, next, &from->context);
    } else {
        yb_task_current = NULL;
        yb_context_switch(&from->context, &s->loop_context);
    }
}

/* What few tasks need: a look at the canary that guards the stack, floats of the task's own. */
__attribute__((noinline)) static void hand_over_with_care(yb_scheduler *s, yb_task *from,
                                                          yb_task *next)
{
    if (from->future.flags & YB_TASK_CHECK_STACK)
        yb_stack_check(from->stack);
    if (!(from->future.flags & YB_TASK_OWN_FLOAT)) {
        hand_over(s, from, next);
        return;
    }
    yb_float_environment own;
    yb_float_environment_save(&own);
    yb_float_environment_restore(&s->float_environment);
    hand_over(s, from, next);
    yb_float_environment_restore(&own);
}

void yb_task_switch_away(yb_task *task)
{
    yibu_loop *loop = yb_loop_current;
    yb_scheduler *s = yb_scheduler_of(loop);
    yb_task *next = next_task(s, loop);
    if (YB_UNLIKELY(next == task)) {
        task->future.state = YB_TASK_RUNNING;
        return;
    }
    task->saved_errno = *s->error;
    if (YB_UNLIKELY(task->future.flags & (YB_TASK_OWN_FLOAT | YB_TASK_CHECK_STACK)))
        hand_over_with_care(s, task, next);
    else
        hand_over(s, task, next);
}

static void check_end(yb_task *task)
{
    if (YB_UNLIKELY(yb_task_current != task))
        yb_abort("a forked child returned into the runtime of its parent: call _exit or exec");
    if (YB_UNLIKELY(yb_scope_own(task) != NULL))
        yb_abort("task \"%s\" (created at %s) ended inside the scope that began at %s",
                 yibu_task_get_name(&task->future), task->place, task->scope->place);
}

/* Whether a new task may run on the stack that the ending one leaves. */
static bool takes_over(const yb_task *next, uint8_t ending_flags)
{
    return next && !started(next) && (next->future.flags & ending_flags & YB_TASK_DEFAULT_STACK);
}

/* Leaves the context of a task that has ended, for ever. */
__attribute__((noreturn)) static inline void depart(yb_scheduler *s, yb_task *next)
{
    if (!next) {
        yb_task_current = NULL;
        yb_context_exit(&s->loop_context);
    }
    if (YB_LIKELY(next->context.stack_pointer != NULL)) {
        become(s, next);
        yb_context_exit(&next->context);
    }
    continue_with(s, next, &s->departed);
    yb_abort("a context that had exited was switched to");
}

/* Runs on the stack of the task that ends.  Returns a new task to run on it, or does not return.
 *
 * The stack goes back to the pool while we are on it: nobody takes it before the switch, which
 * leaves it for ever. */
static yb_task *end_on_own_stack(yb_task *task)
{
    check_end(task);
    yb_scheduler *s = yb_scheduler_of(task->future.loop);
    yb_stack *stack = task->stack;
    uint8_t flags = task->future.flags;
    if (YB_UNLIKELY(flags & YB_TASK_OWN_FLOAT))
        yb_float_environment_restore(&s->float_environment);
    yb_context_release(&s->departed);
    s->departed = task->context;
    end(s, task);

    yb_task *next = peek_task(s->loop);
    if (takes_over(next, flags)) {
        take_task(s->loop, next);
        stack->owner = next;
        next->stack = stack;
        next->future.flags |= flags & YB_TASK_CHECK_STACK;
        next->context = s->departed;
        s->departed = (yb_context){0};
        become(s, next);
        return next;
    }
    next = next_task(s, s->loop);
    yb_stack_release(s->stacks, stack);
    depart(s, next);
}

/* Asks the memory for the stacks of the tasks that have this turn, all at once: each task would
 * wait for its own.  The statement without code is there because a function that only prefetches
 * has no effect in the compiler's eyes. */
static void fetch_stacks(const yibu_loop *loop)
{
    __asm__ volatile("");
    int left = loop->budget;
    for (yb_runnable *item = loop->ready.head; item && left-- > 0; item = item->next) {
        if (item->run != yb_task_run)
            return;
        yb_task_fetch_stack(task_of(item));
    }
}

void yb_task_run(yb_runnable *item)
{
    yb_task *task = task_of(item);
    yb_scheduler *s = yb_scheduler_of(task->future.loop);
    if (YB_UNLIKELY(s->loop->task_count > CACHED_TASKS))
        fetch_stacks(s->loop);
    if (YB_LIKELY(started(task)) || prepare_start(s, task))
        continue_with(s, task, &s->loop_context);
}

bool yb_task_borrow_budget(yb_scheduler *s)
{
    if (s->eager == 0 || s->eager_budget <= 0)
        return false;
    s->eager_budget--;
    yb_loop_set_budget(s->loop, 1);
    return true;
}

/* The running context takes the place of the loop's own, and the budget is such that nobody else is
 * next: so wherever the task leaves, it comes back here. */
static void run_in_place_of_loop(yb_scheduler *s, yb_task *creator, yb_task *task)
{
    yb_context outer = s->loop_context;
    int error = *s->error;
    bool running = s->loop->running;
    if (creator)
        s->loop_context = creator->context;
    s->loop->running = true;
    continue_with(s, task, &s->loop_context);
    s->loop->running = running;
    s->loop_context = outer;
    yb_task_current = creator;
    *s->error = error;
}

/* The task's floats are the thread's, unless it has its own. */
static void run_with_care(yb_scheduler *s, yb_task *creator, yb_task *task)
{
    yb_float_environment own;
    if (!creator || !(creator->future.flags & YB_TASK_OWN_FLOAT)) {
        run_in_place_of_loop(s, creator, task);
        return;
    }
    yb_float_environment_save(&own);
    yb_float_environment_restore(&s->float_environment);
    run_in_place_of_loop(s, creator, task);
    yb_float_environment_restore(&own);
}

void yb_task_run_eagerly(yb_scheduler *s, yb_task *task)
{
    if (!prepare_start(s, task))
        return;
    if (s->eager++ == 0)
        s->eager_budget = s->loop->running ? s->loop->budget : s->loop->budget_limit;
    s->eager_budget--;
    yb_loop_set_budget(s->loop, 1);
    run_with_care(s, yb_task_current, task);
    yb_loop_set_budget(s->loop, --s->eager == 0 ? s->eager_budget : 1);
}

void yb_task_suspend_checked(yb_task *task, const yb_wait_class *waits_for)
{
    task->waits_for = waits_for;
    task->future.state = YB_TASK_SUSPENDED;
    if (YB_UNLIKELY(yb_task_cancel_pending(task)))
        waits_for->interrupt(task); /* may wake it: then it only goes to the end of the queue */
    yb_task_switch_away(task);
}

int yb_task_missing(void)
{
    return yb_forked() ? YIBU_EFORKED : YIBU_ENOTASK;
}
