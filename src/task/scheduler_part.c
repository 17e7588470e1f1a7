/* The scheduler as a part of its loop: how it begins and ends, what it keeps for later, and what it
 * tells the loop about its tasks.
 *
 * It is made with the loop's first task or future, by the loop's thread, and freed with the loop,
 * when no task is left.  Who runs next is scheduler.c's. */
#include "task/scheduler.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/peek.h"
#include "platform/overflow.h"
#include "task/deadlock.h"
#include "task/local.h"
#include "task/scope.h"

/* For the report of a stack overflow: snprintf of %s and %u neither allocates nor locks. */
static void describe(void *owner, char *ret_text, size_t size)
{
    const yb_task *task = owner;
    if (task->name)
        snprintf(ret_text, size, "task \"%s\" (created at %s)", task->name, task->place);
    else
        snprintf(ret_text, size, "task \"task-%u\" (created at %s)", (unsigned)task->id,
                 task->place);
}

/* Ends a task that will never run again, wherever it is. */
static void abandon(yb_scheduler *s, yb_task *task)
{
    if (task->stack) {
        yb_context_release(&task->context);
        yb_stack_release(s->stacks, task->stack);
    }
    task->stack = NULL;
    yb_scope_abandon_all(task);
    yb_locals_end(task);
    task->future.state = YB_FUTURE_ENDED;
    task->future.result = -ECANCELED;
    s->loop->task_count--;
    yb_future_drop(&task->future);
}

void yb_scheduler_abandon(yb_scheduler *s)
{
    for (yb_list *item; (item = yb_list_pop_front(&s->tasks));)
        abandon(s, YB_CONTAINER_OF(item, yb_task, all));
}

static void identify(yb_loop_part *part, yb_runnable *item, yb_subject *ret_subject)
{
    (void)part;
    if (item->run != yb_task_run)
        return;
    const yb_task *task = YB_CONTAINER_OF(item, yb_task, ready);
    const size_t size = sizeof(ret_subject->name);
    ret_subject->place = task->place;
    if (task->name)
        snprintf(ret_subject->name, size, "%s", task->name);
    else
        snprintf(ret_subject->name, size, "task-%llu", (unsigned long long)task->id);
}

/* The scheduler's thread may ask, then nothing changes meanwhile; others read what may be gone. */
YB_UNSYNCHRONISED static bool copy_task(const yb_scheduler *s, const yb_task *task,
                                        yb_task *ret_copy)
{
    if (s->current != &yb_task_current)
        return yb_peek(ret_copy, task, sizeof(*task)) == sizeof(*task);
    *ret_copy = *task;
    return true;
}

/* Also for signal handlers: as describe. */
YB_UNSYNCHRONISED static bool tell_running(const yb_scheduler *s, const yb_task *task,
                                           yb_subject *ret_subject)
{
    yb_task copy;
    if (!copy_task(s, task, &copy))
        return false;
    const size_t size = sizeof(ret_subject->name);
    memset(ret_subject->name, 0, size);
    ret_subject->place = copy.place;
    if (!copy.name)
        snprintf(ret_subject->name, size, "task-%u", (unsigned)copy.id);
    else if (s->current == &yb_task_current)
        snprintf(ret_subject->name, size, "%s", copy.name);
    else
        (void)yb_peek(ret_subject->name, copy.name, size - 1);
    return true;
}

YB_UNSYNCHRONISED static bool running(const yb_loop_part *part, yb_subject *ret_subject)
{
    const yb_scheduler *s = (const yb_scheduler *)part;
    const yb_task *task = *(yb_task *const volatile *)s->current;
    if (!task || !ret_subject)
        return task != NULL;
    return tell_running(s, task, ret_subject);
}

static int64_t idle(yb_loop_part *part)
{
    yb_scheduler *s = (yb_scheduler *)part;
    int64_t trim_ns = yb_stack_pool_trim(s->stacks, s->loop->now_ns);
    int64_t watch_ns = yb_deadlock_watch(s);
    return watch_ns < trim_ns ? watch_ns : trim_ns;
}

void yb_scheduler_trim(yb_scheduler *s)
{
    while (s->cache) {
        yb_task *task = s->cache;
        s->cache = (yb_task *)(void *)task->ready.next;
        yb_free(task);
    }
    s->cached = 0;
    yb_future_free_cache(s);
}

static void free_scheduler(yb_loop_part *part)
{
    yb_scheduler *s = (yb_scheduler *)part;
    s->loop->parts[YB_PART_TASKS] = NULL;
    yb_scheduler_trim(s);
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

int yb_scheduler_new(yibu_loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    yb_scheduler *s = yb_calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    int r = yb_stack_pool_new(&s->stacks);
    if (r < 0)
        goto fail;
    r = yb_overflow_watch_start(describe);
    if (r < 0)
        goto fail_stacks;
    s->part = (yb_loop_part){
        .free = free_scheduler, .idle = idle, .identify = identify, .running = running};
    s->loop = loop;
    s->error = &errno;
    s->current = &yb_task_current;
    yb_list_init(&s->tasks);
    yb_context_adopt(&s->loop_context);
    yb_float_environment_save(&s->float_environment);
    loop->parts[YB_PART_TASKS] = &s->part;
    return 0;
fail_stacks:
    yb_stack_pool_free(s->stacks);
fail:
    yb_free(s);
    return r;
}
