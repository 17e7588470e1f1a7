/* A barrier for the tasks of one loop (asyncio.Barrier): they wait until so many have come. */
#ifndef YIBU_BARRIER_H
#define YIBU_BARRIER_H

#include <yibu/base.h>
#include <yibu/error.h>

typedef struct yibu_barrier {
    size_t parties; /* how many tasks pass together; read it, never write it */
    uintptr_t reserved[6];
} yibu_barrier;

#define YIBU_BARRIER_INIT(PARTIES) \
    {                              \
        (PARTIES),                 \
        {                          \
            0, 0, 0, 0, 0, 0       \
        }                          \
    }

typedef struct yibu_barrier_stats {
    size_t parties;
    size_t waiting;  /* tasks that wait, also those that came while it drained */
    size_t draining; /* tasks that were let pass and have not run yet */
    bool broken;
    uintptr_t reserved[2];
} yibu_barrier_stats;

YIBU_BEGIN_DECLS

/* Waits until `parties` tasks have called this; then all of them go on.  Who comes while they do
 * waits for the next time.
 * Checkpoint.  Cancel: the task leaves, and the barrier stays as it is, with one less; one that was
 * let pass has passed, and the next checkpoint notices the cancel.
 * Returns an index from 0 to parties - 1 in the order in which they came; -ECANCELED; YIBU_EBROKEN
 * where the barrier is broken, or was aborted or reset meanwhile; -EINVAL where parties is 0;
 * YIBU_ENOTASK. */
YIBU_API ssize_t yibu_barrier_wait(yibu_barrier *barrier);

/* Empties the barrier, also a broken one, which can then be used again: tasks that wait get
 * YIBU_EBROKEN.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_barrier_reset(yibu_barrier *barrier);

/* Breaks the barrier: tasks that wait, and whoever comes later, get YIBU_EBROKEN.
 * Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_barrier_abort(yibu_barrier *barrier);

/* How many tasks pass together. */
YIBU_API size_t yibu_barrier_parties(const yibu_barrier *barrier);

/* How many wait while the barrier fills; 0 while it drains. */
YIBU_API size_t yibu_barrier_n_waiting(const yibu_barrier *barrier);
YIBU_API bool yibu_barrier_broken(const yibu_barrier *barrier);

/* How it stands now.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_barrier_statistics(const yibu_barrier *barrier, yibu_barrier_stats *ret_stats);

YIBU_END_DECLS

#endif
