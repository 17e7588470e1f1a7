/* Who waits for an object, in the order in which they came.
 *
 * A yb_waiter is one wait for one object: a task's own (yb_task.wait.waiter), or one of several
 * that a select, a gather or a callback has on the heap.  Whoever ends a wait takes the waiter out
 * of its list, hands over a value and a status, and calls `end`, once.  Until then the waiter's
 * owner may take it out itself.
 *
 * Zero is an empty list, so that static initialisers suffice; it is made by the first wait. */
#ifndef YB_TASK_WAITERS_H
#define YB_TASK_WAITERS_H

#include <stdint.h>

#include "base/list.h"

/* What a waiter wants of a future; other objects do not look at it. */
typedef enum yb_interest {
    YB_AWAITS,  /* its result, which counts as retrieved once it is handed over */
    YB_ATTENDS, /* its end: the result is for somebody else to retrieve */
    YB_FOLLOWS, /* its end, and nobody waits: a future elsewhere does the same */
    YB_LISTENS, /* nobody waits: a callback, which stays enlisted until it has run */
} yb_interest;

typedef struct yb_waiter yb_waiter;
struct yb_waiter {
    yb_list links;
    void *object;   /* what is waited for */
    intptr_t value; /* brought along (an item to put), then what was handed over */
    void (*end)(yb_waiter *waiter);
    int status; /* 0: value was handed over; else why not */
    uint8_t interest;
};

typedef struct yb_waiters {
    yb_list list; /* yb_waiter.links */
} yb_waiters;

static inline bool yb_waiters_empty(const yb_waiters *waiters)
{
    return !waiters->list.next || yb_list_empty(&waiters->list);
}

/* The one that has waited longest; there must be one. */
static inline yb_waiter *yb_waiters_first(const yb_waiters *waiters)
{
    return YB_CONTAINER_OF(waiters->list.next, yb_waiter, links);
}

static inline void yb_waiters_add(yb_waiters *waiters, yb_waiter *waiter)
{
    if (!waiters->list.next)
        yb_list_init(&waiters->list);
    yb_list_push_back(&waiters->list, &waiter->links);
}

/* Ends the wait of the waiter, which is in a list. */
static inline void yb_waiter_end(yb_waiter *waiter, intptr_t value, int status)
{
    yb_list_unlink(&waiter->links);
    waiter->value = value;
    waiter->status = status;
    waiter->end(waiter);
}

/* Hands value over to the first waiter; false where there is none. */
static inline bool yb_waiters_end_first(yb_waiters *waiters, intptr_t value)
{
    if (yb_waiters_empty(waiters))
        return false;
    yb_waiter_end(yb_waiters_first(waiters), value, 0);
    return true;
}

/* How many wait: walks the list. */
static inline size_t yb_waiters_count(const yb_waiters *waiters)
{
    size_t count = 0;
    if (waiters->list.next)
        for (const yb_list *at = waiters->list.next; at != &waiters->list; at = at->next)
            count++;
    return count;
}

#endif
