/* A lock for the tasks of one loop (asyncio.Lock), strictly first come, first served. */
#ifndef YIBU_LOCK_H
#define YIBU_LOCK_H

#include <yibu/base.h>
#include <yibu/future.h>

typedef struct yibu_lock {
    uintptr_t reserved[4];
} yibu_lock;

/* Unlocked. */
#define YIBU_LOCK_INIT \
    {                  \
        {              \
            0, 0, 0, 0 \
        }              \
    }

typedef struct yibu_lock_stats {
    bool locked;
    yibu_task *owner; /* who acquired it; NULL: nobody, no task, or one that has ended */
    size_t waiting;   /* tasks in line */
    uintptr_t reserved[2];
} yibu_lock_stats;

YIBU_BEGIN_DECLS

/* Takes the lock, suspending while it is held.  Who comes later never gets it first.
 * Checkpoint.  Cancel: the lock is not taken; one just handed over goes to the next in line.
 * Returns 0, -ECANCELED or YIBU_ENOTASK. */
YIBU_API int yibu_lock_acquire(yibu_lock *lock);

/* Takes the lock where it is free.  Never suspends.  Context: the loop's thread.
 * Returns 0 or -EAGAIN. */
YIBU_API int yibu_lock_try_acquire(yibu_lock *lock);

/* Gives the lock to the task that has waited longest, or makes it free.  Any task may release what
 * another acquired, as in asyncio.  Never suspends.  Context: the loop's thread.
 * Returns 0, or -EPERM where it was not locked. */
YIBU_API int yibu_lock_release(yibu_lock *lock);

/* Whether somebody holds it. */
YIBU_API bool yibu_lock_locked(const yibu_lock *lock);

/* How it stands now.  Walks the waiters, and the loop's tasks for the owner.
 * Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_lock_statistics(const yibu_lock *lock, yibu_lock_stats *ret_stats);

/* What YIBU_WITH_LOCK holds: used by its expansion only. */
typedef struct yibu_lock_hold_ {
    yibu_lock *held, *pending;
} yibu_lock_hold_;

static inline yibu_lock_hold_ yibu_lock_enter_(yibu_lock *lock, int *ret_result)
{
    yibu_lock_hold_ hold = {NULL, NULL};
    *ret_result = yibu_lock_acquire(lock);
    if (*ret_result == 0)
        hold.held = hold.pending = lock;
    return hold;
}

static inline void yibu_lock_leave_(yibu_lock_hold_ *hold)
{
    if (hold->held)
        (void)yibu_lock_release(hold->held);
}

#if defined(__GNUC__)
/* A block that holds the lock, and gives it back on every way out (asyncio: async with
 * lock).  RESULT, an int variable, becomes the acquire's; after a failure the block is skipped. */
#define YIBU_WITH_LOCK(RESULT, LOCK) YIBU_WITH_LOCK_(RESULT, LOCK, __COUNTER__)
#define YIBU_WITH_LOCK_(RESULT, LOCK, N) YIBU_WITH_LOCK__(RESULT, LOCK, N)
#define YIBU_WITH_LOCK__(RESULT, LOCK, N)                                                  \
    for (yibu_lock_hold_ yibu_hold_##N                                                     \
         __attribute__((cleanup(yibu_lock_leave_))) = yibu_lock_enter_((LOCK), &(RESULT)); \
         yibu_hold_##N.pending; yibu_hold_##N.pending = NULL)
#endif

YIBU_END_DECLS

#endif
