/* A read-write lock for the tasks of one loop: many readers or one writer, strictly first come,
 * first served.  A writer in line keeps later readers behind it, so neither side starves; readers
 * next to each other in line enter together. */
#ifndef YIBU_RWLOCK_H
#define YIBU_RWLOCK_H

#include <yibu/base.h>
#include <yibu/future.h>

typedef struct yibu_rwlock {
    uintptr_t reserved[6];
} yibu_rwlock;

/* Unlocked. */
#define YIBU_RWLOCK_INIT     \
    {                        \
        {                    \
            0, 0, 0, 0, 0, 0 \
        }                    \
    }

typedef struct yibu_rwlock_stats {
    size_t readers;   /* that hold it */
    bool writing;     /* a writer holds it */
    yibu_task *owner; /* that writer; NULL: no task, or one that has ended */
    size_t waiting_readers;
    size_t waiting_writers;
    uintptr_t reserved[2];
} yibu_rwlock_stats;

YIBU_BEGIN_DECLS

/* Takes the lock for reading, suspending while a writer holds it or is in line.  So a reader that
 * acquires it once more may wait for a writer that waits for it.
 * Checkpoint.  Cancel: the lock is not taken.  Returns 0, -ECANCELED or YIBU_ENOTASK. */
YIBU_API int yibu_rwlock_acquire_read(yibu_rwlock *rwlock);

/* Takes the lock for writing, suspending while anybody holds it.
 * Checkpoint.  Cancel: the lock is not taken, and readers that waited behind this writer alone
 * enter.  Returns 0, -ECANCELED or YIBU_ENOTASK. */
YIBU_API int yibu_rwlock_acquire_write(yibu_rwlock *rwlock);

/* The same where nothing has to be waited for.  Never suspends.  Context: the loop's thread.
 * Returns 0 or -EAGAIN. */
YIBU_API int yibu_rwlock_try_acquire_read(yibu_rwlock *rwlock);
YIBU_API int yibu_rwlock_try_acquire_write(yibu_rwlock *rwlock);

/* Gives the lock back, and to those who are next.  Any task may release what another acquired.
 * Never suspends.  Context: the loop's thread.  Returns 0, or -EPERM where no reader, or no writer,
 * holds it. */
YIBU_API int yibu_rwlock_release_read(yibu_rwlock *rwlock);
YIBU_API int yibu_rwlock_release_write(yibu_rwlock *rwlock);

/* How it stands now.  Walks the waiters, and the loop's tasks for the owner.
 * Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_rwlock_statistics(const yibu_rwlock *rwlock, yibu_rwlock_stats *ret_stats);

YIBU_END_DECLS

#endif
