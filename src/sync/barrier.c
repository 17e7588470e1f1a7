/* A barrier.
 *
 * States:
 *   filling   draining == 0, fewer than `parties` wait
 *   draining  those who were let pass have not all run yet; who comes waits, however many
 *   broken    nobody waits; beside either of the above
 * When the last one has drained, those who came meanwhile fill it: enough of them pass at once.
 *
 * Being let pass cannot be passed on, since the others go on too: a task that is cancelled after it
 * has passed. */
#include <errno.h>
#include <stdio.h>
#include <yibu/barrier.h>

#include "task/wait.h"

typedef struct barrier {
    yb_waiters waiters;
    size_t waiting; /* length of that list */
    size_t draining;
    uintptr_t broken;
} barrier;

_Static_assert(sizeof(barrier) <= sizeof(((yibu_barrier *)0)->reserved), "yibu_barrier has room");

static barrier *view(const yibu_barrier *public_barrier)
{
    return (barrier *)(uintptr_t)public_barrier->reserved;
}

/* Ends the wait of the first count tasks: with their index, or all with a failure. */
static void end_waits(barrier *b, size_t count, int status)
{
    b->waiting -= count;
    for (size_t i = 0; i < count; i++)
        yb_waiter_end(yb_waiters_first(&b->waiters), (intptr_t)i, status);
}

/* Lets those pass who wait, where they and `arriving` who does not are enough. */
static bool let_pass(yibu_barrier *public_barrier, size_t arriving)
{
    barrier *b = view(public_barrier);
    size_t needed = public_barrier->parties - arriving;
    if (b->draining > 0 || b->waiting < needed)
        return false;
    b->draining = needed;
    end_waits(b, needed, 0);
    return true;
}

/* A task that was let pass runs. */
static void drain(yibu_barrier *public_barrier)
{
    if (--view(public_barrier)->draining == 0)
        (void)let_pass(public_barrier, 0);
}

static void interrupt(yb_task *task)
{
    view(task->wait.waiter.object)->waiting--;
    yb_waiter_interrupt(task);
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    const yibu_barrier *public_barrier = task->wait.waiter.object;
    snprintf(ret_text, size, "a barrier that %zu of %zu tasks have come to",
             view(public_barrier)->waiting, public_barrier->parties);
}

static const yb_wait_class waiting = {
    .name = "barrier", .interrupt = interrupt, .describe = describe};

static ssize_t wait_in_line(yibu_barrier *public_barrier, yb_task *task)
{
    barrier *b = view(public_barrier);
    yb_task_begin_wait(task, &b->waiters, public_barrier, 0);
    b->waiting++;
    yb_task_suspend(task, &waiting);
    if (task->wait.waiter.status < 0)
        return task->wait.waiter.status;
    ssize_t index = task->wait.waiter.value;
    drain(public_barrier);
    return index;
}

ssize_t yibu_barrier_wait(yibu_barrier *public_barrier)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    if (public_barrier->parties == 0)
        return -EINVAL;
    if (view(public_barrier)->broken)
        return YIBU_EBROKEN;
    if (let_pass(public_barrier, 1))
        return (ssize_t)(public_barrier->parties - 1);
    return wait_in_line(public_barrier, task);
}

void yibu_barrier_reset(yibu_barrier *public_barrier)
{
    barrier *b = view(public_barrier);
    b->broken = false;
    end_waits(b, b->waiting, YIBU_EBROKEN);
}

void yibu_barrier_abort(yibu_barrier *public_barrier)
{
    barrier *b = view(public_barrier);
    b->broken = true;
    end_waits(b, b->waiting, YIBU_EBROKEN);
}

size_t yibu_barrier_parties(const yibu_barrier *public_barrier)
{
    return public_barrier->parties;
}

size_t yibu_barrier_n_waiting(const yibu_barrier *public_barrier)
{
    const barrier *b = view(public_barrier);
    return b->draining > 0 ? 0 : b->waiting;
}

bool yibu_barrier_broken(const yibu_barrier *public_barrier)
{
    return view(public_barrier)->broken;
}

void yibu_barrier_statistics(const yibu_barrier *public_barrier, yibu_barrier_stats *ret_stats)
{
    const barrier *b = view(public_barrier);
    *ret_stats = (yibu_barrier_stats){
        .parties = public_barrier->parties,
        .waiting = b->waiting,
        .draining = b->draining,
        .broken = b->broken,
    };
}
