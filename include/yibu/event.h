/* An event that tasks of one loop wait for (asyncio.Event). */
#ifndef YIBU_EVENT_H
#define YIBU_EVENT_H

#include <yibu/base.h>

typedef struct yibu_event {
    uintptr_t reserved[4];
} yibu_event;

#define YIBU_EVENT_INIT \
    {                   \
        {               \
            0, 0, 0, 0  \
        }               \
    }

typedef struct yibu_event_stats {
    bool set;
    size_t waiting; /* tasks */
    uintptr_t reserved[2];
} yibu_event_stats;

YIBU_BEGIN_DECLS

/* Makes the event set and wakes every waiter.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_event_set(yibu_event *event);

/* Makes the event unset: later waits suspend again. */
YIBU_API void yibu_event_clear(yibu_event *event);
YIBU_API bool yibu_event_is_set(const yibu_event *event);

/* Suspends until the event is set; a waiter that was woken has succeeded, also where the event was
 * cleared again before it ran.  Checkpoint.  Returns 0, -ECANCELED or YIBU_ENOTASK. */
YIBU_API int yibu_event_wait(yibu_event *event);

/* How it stands now.  Walks the waiters.  Never suspends.  Context: the loop's thread. */
YIBU_API void yibu_event_statistics(const yibu_event *event, yibu_event_stats *ret_stats);

YIBU_END_DECLS

#endif
