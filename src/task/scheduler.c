/* Who runs next.
 *
 * Tasks and loop hand over to each other directly: a task that suspends switches to the next ready
 * task, or to the loop's own context when the next item is no task, nothing is ready, or the budget
 * of the turn is used up.  The loop's context thus runs callbacks, I/O and timers.
 *
 * States of a task (task->state), changed by the loop's thread alone:
 *   READY      in loop->ready or loop->after_io; a new task has no stack yet
 *   RUNNING    yb_task_current
 *   SUSPENDED  some other part of the runtime knows it and will call yb_task_wake
 *   ENDED      its stack is gone, its result is there; freed with the last reference
 *
 * A task gets its stack when it first runs: tasks that end without suspending share one, and a task
 * that ends hands its own directly to a new one that is next. */
#include "task/scheduler.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "platform/overflow.h"
#include "platform/overflow.h"
#include "task/scope.h"
#include <yibu/error.h>

enum { CACHE_MAX = 1024 };

YB_THREAD_LOCAL yibu_task *yb_task_current;

static void run_from_loop(yb_runnable *item);

static yibu_task *task_of(yb_runnable *item)
{
    return YB_CONTAINER_OF(item, yibu_task, ready);
}

static yibu_task *end_on_own_stack(yibu_task *task);

/* The bottom of every task's stack: runs its task, then any new one that takes the stack over. */
static void task_main(void *arg)
{
    yibu_task *task = arg;
    for (;;) {
        task->result = task->fn(task->arg);
        task = end_on_own_stack(task);
    }
}

static bool started(const yibu_task *task)
{
    return task->stack != NULL;
}

/* Marks an ended task, tells who waits, and drops the loop's reference. */
static void end(yb_scheduler *s, yibu_task *task)
{
    task->state = YB_TASK_ENDED;
    task->stack = NULL;
    yb_list_remove(&task->all);
    s->loop->task_count--;
    yb_await_notify(task);
    yibu_task_unref(task);
}

/* Gives a new task its stack; false: there is no memory, and the task has failed with that. */
static bool prepare_start(yb_scheduler *s, yibu_task *task)
{
    yb_stack *stack = yb_stack_acquire(s->stacks, task->wait.stack_bytes, task);
    if (YB_UNLIKELY(!stack)) {
        task->result = -ENOMEM;
        end(s, task);
        return false;
    }
    task->stack = stack;
    yb_context_init(&task->context, stack, task_main, task);
    return true;
}

/* Takes the next task to run off the ready queue; NULL: it is the loop's turn. */
static yibu_task *take_next(yibu_loop *loop)
{
    yb_runnable *item = loop->ready.head;
    if (!item || item->run != run_from_loop || --loop->budget <= 0)
        return NULL;
    loop->ready.head = item->next;
    return task_of(item);
}

/* The context to continue with, after yb_task_current was set to whose it is. */
static yb_context *next_context(yb_scheduler *s)
{
    yibu_task *next;
    do
        next = take_next(s->loop);
    while (next && !started(next) && !prepare_start(s, next));
    yb_task_current = next;
    if (!next)
        return &s->loop_context;
    next->state = YB_TASK_RUNNING;
    return &next->context;
}

void yb_task_switch_away(yibu_task *task)
{
    yb_scheduler *s = yb_scheduler_of(task->loop);
    yb_context *to = next_context(s);
    if (to == &task->context)
        return;
    int *error = &errno; /* a task never changes threads */
    int saved_errno = *error;
    if (YB_UNLIKELY(task->flags & YB_TASK_OWN_FLOAT)) {
        yb_float_environment own;
        yb_float_environment_save(&own);
        yb_float_environment_restore(&s->float_environment);
        yb_context_switch(&task->context, to);
        yb_float_environment_restore(&own);
    } else {
        yb_context_switch(&task->context, to);
    }
    *error = saved_errno;
}

static void check_end(yibu_task *task)
{
    if (YB_UNLIKELY(yb_task_current != task))
        yb_abort("a forked child returned into the runtime of its parent: call _exit or exec");
    if (YB_UNLIKELY(task->scope))
        yb_abort("task \"%s\" (created at %s) ended inside the scope that began at %s",
                 yibu_task_get_name(task), task->place,
                 yb_scope_place(task->scope));
}

/* Whether a new task may run on the stack that the ending one leaves. */
static bool takes_over(const yibu_task *next, uint8_t ending_flags)
{
    return !started(next) && (next->flags & ending_flags & YB_TASK_DEFAULT_STACK);
}

/* Runs on the stack of the task that ends.  Returns a new task to run on it, or does not return.
 *
 * The stack goes back to the pool while we are on it: nobody takes it before the switch, which
 * leaves it for ever. */
static yibu_task *end_on_own_stack(yibu_task *task)
{
    check_end(task);
    yb_scheduler *s = yb_scheduler_of(task->loop);
    yb_stack *stack = task->stack;
    if (YB_UNLIKELY(task->flags & YB_TASK_OWN_FLOAT))
        yb_float_environment_restore(&s->float_environment);
    yb_context_release(&s->departed);
    s->departed = task->context;
    uint8_t flags = task->flags;
    end(s, task);

    yb_runnable *item = s->loop->ready.head;
    if (item && item->run == run_from_loop && s->loop->budget > 1 &&
        takes_over(task_of(item), flags)) {
        yibu_task *next = take_next(s->loop);
        next->stack = stack;
        next->context = s->departed;
        s->departed = (yb_context){0};
        stack->owner = next;
        next->state = YB_TASK_RUNNING;
        yb_task_current = next;
        return next;
    }
    yb_context *to = next_context(s);
    yb_stack_release(s->stacks, stack);
    yb_context_exit(&s->departed, to);
}

/* A task's turn, from the loop's context. */
static void run_from_loop(yb_runnable *item)
{
    yibu_task *task = task_of(item);
    yb_scheduler *s = yb_scheduler_of(task->loop);
    if (!started(task) && !prepare_start(s, task))
        return;
    task->state = YB_TASK_RUNNING;
    yb_task_current = task;
    yb_context_switch(&s->loop_context, &task->context);
}

void yb_task_suspend(yibu_task *task, yb_interrupt *interrupt)
{
    task->interrupt = interrupt;
    task->state = YB_TASK_SUSPENDED;
    yb_task_switch_away(task);
}

void yb_task_suspend_checked(yibu_task *task, yb_interrupt *interrupt)
{
    task->state = YB_TASK_SUSPENDED;
    if (YB_LIKELY(!yb_task_cancel_pending(task))) {
        task->interrupt = interrupt;
    } else {
        task->interrupt = NULL;
        interrupt(task); /* may wake it: then it only goes to the end of the queue */
    }
    yb_task_switch_away(task);
}

void yb_task_wake(yibu_task *task)
{
    YB_ASSERT(task->state == YB_TASK_SUSPENDED);
    task->state = YB_TASK_READY;
    task->interrupt = NULL;
    yb_loop_ready(task->loop, &task->ready);
}

void yb_task_yield(yibu_task *task)
{
    task->state = YB_TASK_READY;
    task->interrupt = NULL;
    yb_loop_ready(task->loop, &task->ready);
    yb_task_switch_away(task);
}

yibu_task *yb_task_require(int *ret_error)
{
    yibu_task *task = yb_task_current;
    if (YB_UNLIKELY(!task))
        *ret_error = yb_forked() ? YIBU_EFORKED : YIBU_ENOTASK;
    return task;
}

void yb_task_enqueue(yb_scheduler *s, yibu_task *task)
{
    task->id = ++s->last_id;
    task->state = YB_TASK_READY;
    task->ready.run = run_from_loop;
    yb_list_push_back(&s->tasks, &task->all);
    s->loop->task_count++;
    yb_loop_ready(s->loop, &task->ready);
}

yibu_task *yb_task_allocate(yb_scheduler *s)
{
    yibu_task *task = s->cache;
    if (!task)
        return yb_malloc(sizeof(*task));
    s->cache = (yibu_task *)(void *)task->ready.next;
    s->cached--;
    return task;
}

void yb_task_release(yibu_task *task)
{
    /* The task may have outlived its loop: what counts is the loop of this thread. */
    yb_scheduler *s = yb_loop_current ? yb_scheduler_of(yb_loop_current) : NULL;
    if (!s || s->cached == CACHE_MAX) {
        yb_free(task);
        return;
    }
    task->ready.next = (yb_runnable *)(void *)s->cache;
    s->cache = task;
    s->cached++;
}

/* For the report of a stack overflow: snprintf of %s and %u neither allocates nor locks. */
static void describe(void *owner, char *ret_text, size_t size)
{
    const yibu_task *task = owner;
    if (task->name)
        snprintf(ret_text, size, "task \"%s\" (created at %s)", task->name, task->place);
    else
        snprintf(ret_text, size, "task \"task-%u\" (created at %s)", (unsigned)task->id,
                 task->place);
}

static int64_t idle(yb_loop_part *part)
{
    yb_scheduler *s = (yb_scheduler *)part;
    return yb_stack_pool_trim(s->stacks, s->loop->now_ns);
}

static void free_scheduler(yb_loop_part *part)
{
    yb_scheduler *s = (yb_scheduler *)part;
    s->loop->parts[YB_PART_TASKS] = NULL;
    while (s->cache) {
        yibu_task *task = s->cache;
        s->cache = (yibu_task *)(void *)task->ready.next;
        yb_free(task);
    }
    yb_context_release(&s->departed);
    yb_context_release(&s->loop_context);
    yb_stack_pool_free(s->stacks);
    yb_overflow_watch_stop();
    yb_free(s);
}

/* In the child of a fork no task runs: whoever made it was copied, with a stack but no loop. */
static void forget_task(void)
{
    yb_task_current = NULL;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_task);
}

int yb_scheduler_get(yibu_loop *loop, yb_scheduler **ret_scheduler)
{
    yb_scheduler *s = yb_scheduler_of(loop);
    if (YB_LIKELY(s != NULL)) {
        *ret_scheduler = s;
        return 0;
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    s = yb_calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    int r = yb_stack_pool_new(&s->stacks);
    if (r < 0)
        goto fail;
    r = yb_overflow_watch_start(describe);
    if (r < 0)
        goto fail_stacks;
    s->part = (yb_loop_part){.free = free_scheduler, .idle = idle};
    s->loop = loop;
    yb_list_init(&s->tasks);
    yb_context_adopt(&s->loop_context);
    yb_float_environment_save(&s->float_environment);
    loop->parts[YB_PART_TASKS] = &s->part;
    *ret_scheduler = s;
    return 0;
fail_stacks:
    yb_stack_pool_free(s->stacks);
fail:
    yb_free(s);
    return r;
}
