/* Queues from the inside: their state, and what they offer to select. */
#ifndef YB_SYNC_QUEUE_H
#define YB_SYNC_QUEUE_H

#include <stdint.h>

#include "task/wait.h"
#include <yibu/queue.h>

typedef enum yb_queue_order { YB_QUEUE_FIFO, YB_QUEUE_LIFO, YB_QUEUE_PRIORITY } yb_queue_order;

/* A yibu_queue as queue.c and queue_store.c see it.  The user's initialiser wrote it with other
 * types, hence may_alias. */
typedef struct __attribute__((may_alias)) yb_queue {
    size_t maxsize;
    yibu_queue_compare *compare;
    uintptr_t order;
    /* queue_store.c: the items. */
    size_t size;
    size_t limit;        /* an item may be stored as long as size is below it */
    size_t shrink_below; /* memory is given back once size falls below it */
    size_t mask;         /* capacity - 1, where there is memory */
    size_t head;         /* FIFO: where the next item is */
    void *slots;         /* void *[] or, of a priority queue, yb_queue_entry[] */
    uint64_t sequence;   /* priority: of the next item */
    /* queue.c: who uses it. */
    uintptr_t shut_down;
    size_t unfinished;
    yb_waiters getters, putters, joiners;
} yb_queue;

_Static_assert(sizeof(yb_queue) <= sizeof(yibu_queue), "yibu_queue has room");

static inline yb_queue *yb_queue_of(const yibu_queue *queue)
{
    return (yb_queue *)(uintptr_t)queue;
}

/* The value of a put is the item; that of a get becomes it.  Both may end with YIBU_ESHUTDOWN. */
extern const yb_waitable_class yb_queue_put_class;
extern const yb_waitable_class yb_queue_get_class;

#endif
