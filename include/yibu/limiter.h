/* A capacity limiter for the tasks of one loop (anyio's and trio's CapacityLimiter): a semaphore
 * that knows who has its tokens, and whose total may change while they are out.
 *
 * A borrower is any pointer that is not NULL: by default the calling task.  It has one token at
 * most.  First come, first served. */
#ifndef YIBU_LIMITER_H
#define YIBU_LIMITER_H

#include <yibu/base.h>

typedef struct yibu_limiter yibu_limiter;

typedef struct yibu_limiter_stats {
    size_t total;
    size_t borrowed; /* more than total where that was lowered meanwhile */
    size_t waiting;  /* tasks in line */
    uintptr_t reserved[2];
} yibu_limiter_stats;

YIBU_BEGIN_DECLS

/* Makes a limiter of `total` tokens; SIZE_MAX: no limit, only statistics.
 * Returns NULL where there is no memory. */
YIBU_API yibu_limiter *yibu_limiter_new(size_t total);

/* Frees it, with tokens out or not.  Aborts where a task waits.  NULL is fine. */
YIBU_API void yibu_limiter_free(yibu_limiter *limiter);

/* Takes a token for the calling task, or on behalf of a borrower, suspending while there is none.
 * Checkpoint.  Cancel: no token is taken; one just handed over goes to the next in line.
 * Returns 0; -EALREADY where the borrower has one or waits for one; -ENOMEM; -EINVAL for NULL;
 * -ECANCELED; YIBU_ENOTASK. */
YIBU_API int yibu_limiter_acquire(yibu_limiter *limiter);
YIBU_API int yibu_limiter_acquire_on_behalf_of(yibu_limiter *limiter, const void *borrower);

/* The same without waiting: -EAGAIN where it would have to.  Never suspends.
 * Context: a task; on behalf of a borrower, the loop's thread. */
YIBU_API int yibu_limiter_try_acquire(yibu_limiter *limiter);
YIBU_API int yibu_limiter_try_acquire_on_behalf_of(yibu_limiter *limiter, const void *borrower);

/* Gives the token of the calling task, or of the borrower, back: to the head waiter, if any.
 * Never suspends.  Context: as above.
 * Returns 0; -EPERM where the borrower has none; YIBU_ENOTASK. */
YIBU_API int yibu_limiter_release(yibu_limiter *limiter);
YIBU_API int yibu_limiter_release_on_behalf_of(yibu_limiter *limiter, const void *borrower);

/* Changes how many tokens there are.  More of them go to waiters at once; less take effect as
 * tokens come back.  0 stops all until it is raised.  Never suspends.  Context: the loop's
 * thread. */
YIBU_API void yibu_limiter_set_total(yibu_limiter *limiter, size_t total);

/* How it stands now.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_limiter_statistics(const yibu_limiter *limiter, yibu_limiter_stats *ret_stats);

/* Writes who has a token, in the order in which they got it, the first `max` of them; returns how
 * many there are.  Never suspends.  Context: the loop's thread. */
YIBU_API size_t yibu_limiter_borrowers(const yibu_limiter *limiter, const void **ret_borrowers,
                                       size_t max);

YIBU_END_DECLS

#endif
