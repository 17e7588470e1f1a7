/* A lock.
 *
 * A release with waiters hands the lock to the first of them at once: it never becomes free in
 * between, so a newcomer cannot barge in.  A task that was handed the lock and is cancelled before
 * it runs passes it on.
 *
 * States: free (owner 0, nobody waits), or held by owner.  The owner is for reports only; whoever
 * releases need not be it. */
#include "sync/lock.h"

#include "sync/owner.h"

typedef struct lock {
    uint64_t owner;
    yb_waiters waiters;
} lock;

_Static_assert(sizeof(lock) <= sizeof(yibu_lock), "yibu_lock has room");

static inline lock *view(const yibu_lock *public_lock)
{
    return (lock *)(uintptr_t)public_lock->reserved;
}

static inline bool take(lock *l, uint64_t owner)
{
    if (l->owner != 0)
        return false;
    l->owner = owner;
    return true;
}

int yibu_lock_try_acquire(yibu_lock *public_lock)
{
    return take(view(public_lock), yb_owner_current()) ? 0 : -EAGAIN;
}

static uint64_t owner_who_brought(intptr_t value)
{
    return value ? (uint64_t)value : YB_OWNER_UNKNOWN;
}

static void hand_over(lock *l)
{
    yb_waiter *next = yb_waiters_first(&l->waiters);
    l->owner = owner_who_brought(next->value);
    yb_waiter_end(next, next->value, 0);
}

int yibu_lock_release(yibu_lock *public_lock)
{
    lock *l = view(public_lock);
    if (YB_UNLIKELY(l->owner == 0))
        return -EPERM;
    if (yb_waiters_empty(&l->waiters))
        l->owner = 0;
    else
        hand_over(l);
    return 0;
}

bool yibu_lock_locked(const yibu_lock *public_lock)
{
    return view(public_lock)->owner != 0;
}

/* Waiting for it. */

static int attempt(void *object, intptr_t *value)
{
    (void)value;
    return yibu_lock_try_acquire(object);
}

static yb_waiters *waiters_of(void *object)
{
    return &view(object)->waiters;
}

/* Somebody else may have released it meanwhile: then it is another's. */
static void undo(void *object, intptr_t value)
{
    if (view(object)->owner == owner_who_brought(value))
        (void)yibu_lock_release(object);
}

yb_task *yb_lock_owner_of_wait(const yb_task *waiting)
{
    const lock *l = view(waiting->wait.waiter.object);
    return yb_owner_find(waiting->future.loop, l->owner);
}

void yb_lock_describe_wait(const yb_task *waiting, char *ret_text, size_t size)
{
    const lock *l = view(waiting->wait.waiter.object);
    yb_owner_describe(waiting->future.loop, l->owner, "a lock", ret_text, size);
}

const yb_waitable_class yb_lock_class = {
    .wait = {.name = "lock",
             .interrupt = yb_waiter_interrupt,
             .owner = yb_lock_owner_of_wait,
             .describe = yb_lock_describe_wait},
    .attempt = attempt,
    .waiters = waiters_of,
    .undo = undo,
};

int yibu_lock_acquire(yibu_lock *public_lock)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task || take(view(public_lock), task->id))
        return r;
    intptr_t id = (intptr_t)task->id;
    return yb_wait_on(&yb_lock_class, public_lock, task, &id);
}

/* For conditions. */

bool yb_lock_is_mine(const yibu_lock *public_lock)
{
    uint64_t owner = view(public_lock)->owner;
    return owner != 0 && (owner == yb_owner_current() || owner == YB_OWNER_UNKNOWN);
}

void yb_lock_acquire_for(yibu_lock *public_lock, yb_task *task)
{
    lock *l = view(public_lock);
    yb_task_begin_wait(task, &l->waiters, public_lock, (intptr_t)task->id);
    if (l->owner == 0)
        hand_over(l);
}

void yibu_lock_statistics(const yibu_lock *public_lock, yibu_lock_stats *ret_stats)
{
    const lock *l = view(public_lock);
    yb_task *owner = yb_owner_find(yb_loop_current, l->owner);
    *ret_stats = (yibu_lock_stats){
        .locked = l->owner != 0,
        .owner = owner ? &owner->future : NULL,
        .waiting = yb_waiters_count(&l->waiters),
    };
}
