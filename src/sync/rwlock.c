/* A read-write lock.
 *
 * One line for readers and writers.  `admit` lets in whoever is at its head and may enter, and is
 * called after all that can change who that is: a release, and a waiter that leaves.  So the head
 * of the line is never one that could enter, and a newcomer that finds nobody in line may try.
 *
 * States: free; read (readers > 0); written (writer != 0).  A waiter brings along what it wants, as
 * its task's id with a sign: negative for a writer. */
#include <stdio.h>
#include <yibu/rwlock.h>

#include "sync/owner.h"
#include "task/wait.h"

typedef struct rwlock {
    yb_waiters waiters;
    size_t readers;
    uint64_t writer; /* as owner.h has it */
} rwlock;

_Static_assert(sizeof(rwlock) <= sizeof(yibu_rwlock), "yibu_rwlock has room");

static rwlock *view(const yibu_rwlock *public_rwlock)
{
    return (rwlock *)(uintptr_t)public_rwlock->reserved;
}

/* Enters where nobody inside is in the way. */
static bool enter(rwlock *l, bool writes, uint64_t id)
{
    if (l->writer != 0 || (writes && l->readers > 0))
        return false;
    if (writes)
        l->writer = id;
    else
        l->readers++;
    return true;
}

static bool admit_first(rwlock *l)
{
    intptr_t wish = yb_waiters_first(&l->waiters)->value;
    bool writes = wish < 0;
    return enter(l, writes, (uint64_t)(writes ? -wish : wish)) &&
           yb_waiters_end_first(&l->waiters, wish);
}

static void admit(rwlock *l)
{
    while (!yb_waiters_empty(&l->waiters) && admit_first(l))
        ;
}

static int try_acquire(rwlock *l, bool writes)
{
    return yb_waiters_empty(&l->waiters) && enter(l, writes, yb_owner_current()) ? 0 : -EAGAIN;
}

int yibu_rwlock_try_acquire_read(yibu_rwlock *public_rwlock)
{
    return try_acquire(view(public_rwlock), false);
}

int yibu_rwlock_try_acquire_write(yibu_rwlock *public_rwlock)
{
    return try_acquire(view(public_rwlock), true);
}

int yibu_rwlock_release_read(yibu_rwlock *public_rwlock)
{
    rwlock *l = view(public_rwlock);
    if (l->readers == 0)
        return -EPERM;
    if (--l->readers == 0)
        admit(l);
    return 0;
}

int yibu_rwlock_release_write(yibu_rwlock *public_rwlock)
{
    rwlock *l = view(public_rwlock);
    if (l->writer == 0)
        return -EPERM;
    l->writer = 0;
    admit(l);
    return 0;
}

/* Waiting. */

static const rwlock *awaited_by(const yb_task *task)
{
    return view(task->wait.waiter.object);
}

/* Who waited behind the one that leaves may now be able to enter. */
static void interrupt(yb_task *task)
{
    yb_waiter_interrupt(task);
    admit(view(task->wait.waiter.object));
}

static yb_task *owner_of_wait(const yb_task *task)
{
    return yb_owner_find(task->future.loop, awaited_by(task)->writer);
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    const rwlock *l = awaited_by(task);
    if (l->readers > 0)
        snprintf(ret_text, size, "a read-write lock held by %zu reader%s", l->readers,
                 l->readers == 1 ? "" : "s");
    else
        yb_owner_describe(task->future.loop, l->writer, "a read-write lock", ret_text, size);
}

static const yb_wait_class waiting = {.name = "read-write lock",
                                      .interrupt = interrupt,
                                      .owner = owner_of_wait,
                                      .describe = describe};

/* Somebody else may have released it meanwhile: then a writer's is another's. */
static void pass_on(yibu_rwlock *public_rwlock, bool writes, uint64_t id)
{
    if (!writes)
        (void)yibu_rwlock_release_read(public_rwlock);
    else if (view(public_rwlock)->writer == id)
        (void)yibu_rwlock_release_write(public_rwlock);
}

static int acquire(yibu_rwlock *public_rwlock, bool writes)
{
    int r;
    rwlock *l = view(public_rwlock);
    yb_task *task = yb_task_enter(&r);
    if (!task || try_acquire(l, writes) == 0)
        return r;
    intptr_t id = (intptr_t)task->id;
    yb_task_begin_wait(task, &l->waiters, public_rwlock, writes ? -id : id);
    yb_task_suspend(task, &waiting);
    if (task->wait.waiter.status < 0)
        return task->wait.waiter.status;
    if (!yb_task_cancel_pending(task))
        return 0;
    pass_on(public_rwlock, writes, task->id);
    return -ECANCELED;
}

int yibu_rwlock_acquire_read(yibu_rwlock *public_rwlock)
{
    return acquire(public_rwlock, false);
}

int yibu_rwlock_acquire_write(yibu_rwlock *public_rwlock)
{
    return acquire(public_rwlock, true);
}

static size_t count_waiting_writers(const rwlock *l)
{
    size_t count = 0;
    if (!yb_waiters_empty(&l->waiters))
        for (yb_list *at = l->waiters.list.next; at != &l->waiters.list; at = at->next)
            count += YB_CONTAINER_OF(at, yb_waiter, links)->value < 0;
    return count;
}

void yibu_rwlock_statistics(const yibu_rwlock *public_rwlock, yibu_rwlock_stats *ret_stats)
{
    const rwlock *l = view(public_rwlock);
    yb_task *owner = yb_owner_find(yb_loop_current, l->writer);
    size_t writers = count_waiting_writers(l);
    *ret_stats = (yibu_rwlock_stats){
        .readers = l->readers,
        .writing = l->writer != 0,
        .owner = owner ? &owner->future : NULL,
        .waiting_readers = yb_waiters_count(&l->waiters) - writers,
        .waiting_writers = writers,
    };
}
