/* A counting semaphore for the tasks of one loop (asyncio.Semaphore, BoundedSemaphore), first come,
 * first served. */
#ifndef YIBU_SEMAPHORE_H
#define YIBU_SEMAPHORE_H

#include <yibu/base.h>

typedef struct yibu_semaphore {
    size_t value; /* permits that are free; read it, never write it */
    uintptr_t reserved[4];
} yibu_semaphore;

/* VALUE permits. */
#define YIBU_SEMAPHORE_INIT(VALUE) \
    {                              \
        (VALUE),                   \
        {                          \
            0, 0, 0, 0             \
        }                          \
    }

/* The same, and never more than VALUE: a release too many fails. */
#define YIBU_BOUNDED_SEMAPHORE_INIT(VALUE) \
    {                                      \
        (VALUE),                           \
        {                                  \
            0, 0, (VALUE) + 1, 0           \
        }                                  \
    }

typedef struct yibu_semaphore_stats {
    size_t value;   /* permits that are free */
    size_t bound;   /* SIZE_MAX: not bounded */
    size_t waiting; /* tasks in line */
    uintptr_t reserved[2];
} yibu_semaphore_stats;

YIBU_BEGIN_DECLS

/* Takes a permit, suspending while there is none or others wait already.
 * Checkpoint.  Cancel: no permit is taken and none is lost.
 * Returns 0, -ECANCELED or YIBU_ENOTASK. */
YIBU_API int yibu_semaphore_acquire(yibu_semaphore *semaphore);

/* Takes a permit without waiting.  Never suspends.  Returns 0 or -EAGAIN. */
YIBU_API int yibu_semaphore_try_acquire(yibu_semaphore *semaphore);

/* Gives a permit back: to the head waiter, if any.  Whoever releases need not have acquired.
 * Never suspends.  Context: the loop's thread.
 * Returns 0, or -EINVAL where that would exceed the bound (SIZE_MAX without one). */
YIBU_API int yibu_semaphore_release(yibu_semaphore *semaphore);

/* Whether no permit is free, so that acquiring would suspend. */
YIBU_API bool yibu_semaphore_locked(const yibu_semaphore *semaphore);

/* How it stands now.  Walks the waiters.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_semaphore_statistics(const yibu_semaphore *semaphore,
                                        yibu_semaphore_stats *ret_stats);

/* What YIBU_WITH_SEMAPHORE holds: used by its expansion only. */
typedef struct yibu_semaphore_hold_ {
    yibu_semaphore *held, *pending;
} yibu_semaphore_hold_;

static inline yibu_semaphore_hold_ yibu_semaphore_enter_(yibu_semaphore *semaphore, int *ret_result)
{
    yibu_semaphore_hold_ hold = {NULL, NULL};
    *ret_result = yibu_semaphore_acquire(semaphore);
    if (*ret_result == 0)
        hold.held = hold.pending = semaphore;
    return hold;
}

static inline void yibu_semaphore_leave_(yibu_semaphore_hold_ *hold)
{
    if (hold->held)
        (void)yibu_semaphore_release(hold->held);
}

#if defined(__GNUC__)
/* A block that holds a permit, and gives it back on every way out (asyncio: async with
 * semaphore).  RESULT, an int variable, becomes the acquire's; after a failure the block is
 * skipped. */
#define YIBU_WITH_SEMAPHORE(RESULT, SEMAPHORE) YIBU_WITH_SEMAPHORE_(RESULT, SEMAPHORE, __COUNTER__)
#define YIBU_WITH_SEMAPHORE_(RESULT, SEMAPHORE, N) YIBU_WITH_SEMAPHORE__(RESULT, SEMAPHORE, N)
#define YIBU_WITH_SEMAPHORE__(RESULT, SEMAPHORE, N)                                           \
    for (yibu_semaphore_hold_ yibu_hold_##N __attribute__((cleanup(yibu_semaphore_leave_))) = \
             yibu_semaphore_enter_((SEMAPHORE), &(RESULT));                                   \
         yibu_hold_##N.pending; yibu_hold_##N.pending = NULL)
#endif

YIBU_END_DECLS

#endif
