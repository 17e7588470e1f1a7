/* A counting semaphore for the tasks of one loop (asyncio.Semaphore), first come, first served. */
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

YIBU_BEGIN_DECLS

/* Takes a permit, suspending while there is none or others wait already.
 * Checkpoint.  Cancel: no permit is taken and none is lost.  Returns 0 or -ECANCELED. */
YIBU_API int yibu_semaphore_acquire(yibu_semaphore *semaphore);

/* Takes a permit without waiting.  Never suspends.  Returns 0 or -EAGAIN. */
YIBU_API int yibu_semaphore_try_acquire(yibu_semaphore *semaphore);

/* Gives a permit back: to the head waiter, if any.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_semaphore_release(yibu_semaphore *semaphore);

YIBU_END_DECLS

#endif
