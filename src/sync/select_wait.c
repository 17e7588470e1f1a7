/* A wait of several arms: each arm has a waiter in the line of its object, and the earliest moment
 * has the timer.
 *
 * States of a selection: FILLED IN (nobody else runs), WAITING, DECIDED.  Whoever ends an arm's
 * wait first decides: at that very moment, before anything else runs, all other arms leave their
 * lines, so a second object never finds one to hand anything to.  A cancel decides for none.  After
 * that nothing points to the selection but its task.
 *
 * Selections are not on the task's stack, since others point to them.  Those of up to ARMS_CACHED
 * arms are kept by the loop for the next select. */
#include "sync/select_wait.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { ARMS_CACHED = 8, CACHE_MAX = 64 };

typedef struct cache {
    yb_loop_part part;
    yibu_loop *loop;
    yb_selection *first;
    unsigned count;
} cache;

static void free_cache(yb_loop_part *part)
{
    cache *c = (cache *)(void *)part;
    c->loop->parts[YB_PART_SELECTIONS] = NULL;
    while (c->first) {
        yb_selection *selection = c->first;
        c->first = selection->next;
        yb_free(selection);
    }
    yb_free(c);
}

static cache *cache_of(const yibu_loop *loop)
{
    return (cache *)(void *)loop->parts[YB_PART_SELECTIONS];
}

static yb_selection *allocate(size_t capacity)
{
    size_t most = (SIZE_MAX - sizeof(yb_selection)) / sizeof(yb_select_arm);
    if (capacity > most)
        return NULL;
    yb_selection *selection = yb_malloc(sizeof(*selection) + capacity * sizeof(yb_select_arm));
    if (selection)
        selection->capacity = capacity;
    return selection;
}

static yb_selection *take_cached(yibu_loop *loop)
{
    cache *c = cache_of(loop);
    if (!c || !c->first)
        return allocate(ARMS_CACHED);
    yb_selection *selection = c->first;
    c->first = selection->next;
    c->count--;
    return selection;
}

yb_selection *yb_selection_new(yb_task *task, size_t count)
{
    yb_selection *selection =
        count > ARMS_CACHED ? allocate(count) : take_cached(task->future.loop);
    if (!selection)
        return NULL;
    selection->task = task;
    selection->count = selection->winner = selection->timed = count;
    for (size_t i = 0; i < count; i++)
        selection->arms[i].class = NULL;
    return selection;
}

/* The loop's cache, made with the first selection that it may keep. */
static cache *require_cache(yibu_loop *loop)
{
    cache *c = cache_of(loop);
    if (c)
        return c;
    c = yb_calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->part.free = free_cache;
    c->loop = loop;
    loop->parts[YB_PART_SELECTIONS] = &c->part;
    return c;
}

void yb_selection_free(yb_selection *selection)
{
    cache *c = NULL;
    if (selection->capacity == ARMS_CACHED)
        c = require_cache(selection->task->future.loop);
    if (!c || c->count == CACHE_MAX) {
        yb_free(selection);
        return;
    }
    selection->next = c->first;
    c->first = selection;
    c->count++;
}

/* Takes every arm out of its line but the winner, which has left it. */
static void withdraw(yb_selection *selection)
{
    for (size_t i = 0; i < selection->count; i++)
        if (i != selection->winner && selection->arms[i].class)
            yb_list_unlink(&selection->arms[i].waiter.links);
    if (selection->timed < selection->count && selection->timed != selection->winner)
        yb_loop_timer_remove(selection->task->future.loop, &selection->timer);
}

static void decide(yb_selection *selection, size_t winner)
{
    selection->winner = winner;
    withdraw(selection);
    yb_task_wake(selection->task);
}

static void end_arm(yb_waiter *waiter)
{
    yb_select_arm *arm = YB_CONTAINER_OF(waiter, yb_select_arm, waiter);
    yb_selection *selection = arm->selection;
    yb_task_check_thread(selection->task, "what it waits for was signalled");
    decide(selection, (size_t)(arm - selection->arms));
}

static void end_timer(yb_timer *timer)
{
    yb_selection *selection = YB_CONTAINER_OF(timer, yb_selection, timer);
    decide(selection, selection->timed);
}

static yb_selection *selection_of(const yb_task *task)
{
    return task->wait.waiter.object;
}

static void interrupt(yb_task *task)
{
    yb_selection *selection = selection_of(task);
    decide(selection, selection->count);
}

/* "one of 3: queue get, event, a moment"; what does not fit is cut off. */
static void describe(const yb_task *task, char *ret_text, size_t size)
{
    const yb_selection *selection = selection_of(task);
    int written = snprintf(ret_text, size, "one of %zu", selection->count);
    const char *before = ": ";
    for (size_t i = 0; i < selection->count; i++) {
        const yb_waitable_class *class = selection->arms[i].class;
        if (!class && i != selection->timed)
            continue;
        if (written < 0 || (size_t)written >= size)
            return;
        written += snprintf(ret_text + written, size - (size_t)written, "%s%s", before,
                            class ? class->wait.name : "a moment");
        before = ", ";
    }
}

static const yb_wait_class selecting = {
    .name = "select", .interrupt = interrupt, .describe = describe};

void yb_selection_enlist(yb_selection *selection, size_t index, const yb_waitable_class *class,
                         void *object, intptr_t value)
{
    yb_select_arm *arm = &selection->arms[index];
    arm->selection = selection;
    arm->class = class;
    arm->waiter.object = object;
    arm->waiter.value = value;
    arm->waiter.end = end_arm;
    arm->waiter.interest = YB_AWAITS;
    yb_waiters_add(class->waiters(object), &arm->waiter);
}

void yb_selection_set_time(yb_selection *selection, size_t index, int64_t when_ns)
{
    if (selection->timed < selection->count && selection->timer.deadline_ns <= when_ns)
        return;
    selection->timed = index;
    selection->timer.deadline_ns = when_ns;
}

ssize_t yb_selection_wait(yb_selection *selection)
{
    yb_task *task = selection->task;
    if (selection->timed < selection->count) {
        selection->timer.fire = end_timer;
        yb_loop_timer_add(task->future.loop, &selection->timer);
    }
    task->wait.waiter.object = selection;
    yb_task_suspend(task, &selecting);
    return selection->winner < selection->count ? (ssize_t)selection->winner : -ECANCELED;
}
