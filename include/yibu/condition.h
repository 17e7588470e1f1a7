/* A condition variable for the tasks of one loop (asyncio.Condition).
 *
 *     yibu_condition_acquire(&c);
 *     yibu_condition_wait_for(&c, has_work, &work);
 *     …
 *     yibu_condition_release(&c); */
#ifndef YIBU_CONDITION_H
#define YIBU_CONDITION_H

#include <yibu/base.h>
#include <yibu/lock.h>

typedef struct yibu_condition {
    yibu_lock own_lock;
    yibu_lock *shared_lock; /* NULL: its own */
    uintptr_t reserved[3];
} yibu_condition;

/* With a lock of its own, or with one that several conditions share. */
#define YIBU_CONDITION_INIT YIBU_CONDITION_INIT_WITH(0)
#define YIBU_CONDITION_INIT_WITH(LOCK) \
    {                                  \
        YIBU_LOCK_INIT, (LOCK),        \
        {                              \
            0, 0, 0                    \
        }                              \
    }

typedef struct yibu_condition_stats {
    size_t waiting;       /* tasks that wait to be notified */
    yibu_lock_stats lock; /* of the underlying lock; those who were notified wait for it */
    uintptr_t reserved[2];
} yibu_condition_stats;

YIBU_BEGIN_DECLS

/* yibu_lock_acquire, _try_acquire, _release and _locked of the underlying lock. */
YIBU_API int yibu_condition_acquire(yibu_condition *condition);
YIBU_API int yibu_condition_try_acquire(yibu_condition *condition);
YIBU_API int yibu_condition_release(yibu_condition *condition);
YIBU_API bool yibu_condition_locked(const yibu_condition *condition);

/* Releases the lock, suspends until notified, and takes the lock again.  There are no spurious
 * wake-ups: 0 means that a notify was meant for this task; what the notifier saw may have changed
 * since, so a condition is better waited for with yibu_condition_wait_for.
 * Checkpoint, but taking the lock again must finish.  Cancel: the lock is held again; a notify that
 * had been delivered goes to another waiter.
 * Returns 0 or -ECANCELED, with the lock held; -EPERM where the calling task does not hold it;
 * YIBU_ENOTASK. */
YIBU_API int yibu_condition_wait(yibu_condition *condition);

/* Waits until predicate(arg) is true; it is only asked while the lock is held.
 * Checkpoint.  Returns as yibu_condition_wait does. */
YIBU_API int yibu_condition_wait_for(yibu_condition *condition, bool (*predicate)(void *arg),
                                     void *arg);

/* Wakes the count tasks that have waited longest, or as many as there are; they go on once the
 * caller has released the lock, in that order.
 * Never suspends.  Context: the loop's thread.  Returns 0, or -EPERM where the caller does not hold
 * the lock. */
YIBU_API int yibu_condition_notify(yibu_condition *condition, size_t count);

/* The same for all tasks that wait. */
YIBU_API int yibu_condition_notify_all(yibu_condition *condition);

/* How it stands now.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_condition_statistics(const yibu_condition *condition,
                                        yibu_condition_stats *ret_stats);

/* What YIBU_WITH_CONDITION holds: used by its expansion only. */
typedef struct yibu_condition_hold_ {
    yibu_condition *held, *pending;
} yibu_condition_hold_;

static inline yibu_condition_hold_ yibu_condition_enter_(yibu_condition *condition, int *ret_result)
{
    yibu_condition_hold_ hold = {NULL, NULL};
    *ret_result = yibu_condition_acquire(condition);
    if (*ret_result == 0)
        hold.held = hold.pending = condition;
    return hold;
}

static inline void yibu_condition_leave_(yibu_condition_hold_ *hold)
{
    if (hold->held)
        (void)yibu_condition_release(hold->held);
}

#if defined(__GNUC__)
/* A block that holds the lock, and gives it back on every way out (asyncio: async with
 * condition).  RESULT, an int variable, becomes the acquire's; after a failure the block is
 * skipped. */
#define YIBU_WITH_CONDITION(RESULT, CONDITION) YIBU_WITH_CONDITION_(RESULT, CONDITION, __COUNTER__)
#define YIBU_WITH_CONDITION_(RESULT, CONDITION, N) YIBU_WITH_CONDITION__(RESULT, CONDITION, N)
#define YIBU_WITH_CONDITION__(RESULT, CONDITION, N)                                           \
    for (yibu_condition_hold_ yibu_hold_##N __attribute__((cleanup(yibu_condition_leave_))) = \
             yibu_condition_enter_((CONDITION), &(RESULT));                                   \
         yibu_hold_##N.pending; yibu_hold_##N.pending = NULL)
#endif

YIBU_END_DECLS

#endif
