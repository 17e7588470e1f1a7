/* Where a queue keeps its items: a ring, or a heap of a priority queue. */
#ifndef YB_SYNC_QUEUE_STORE_H
#define YB_SYNC_QUEUE_STORE_H

#include "base/assert.h"
#include "sync/queue.h"

/* An item of a priority queue, with what keeps equals in order. */
typedef struct yb_queue_entry {
    void *item;
    uint64_t sequence;
} yb_queue_entry;

/* Where size has reached limit: makes memory for one more item.  Returns 0, -EAGAIN where maxsize
 * items are there, -ENOMEM, or -EINVAL for a priority queue without an order. */
int yb_queue_store_extend(yb_queue *queue);

/* Gives memory back, where there is memory to be had for the copy. */
void yb_queue_store_shrink(yb_queue *queue);

/* Drops the items, and the memory. */
void yb_queue_store_free(yb_queue *queue);

void yb_queue_heap_push(yb_queue *queue, void *item);
void *yb_queue_heap_pop(yb_queue *queue);

/* Stores an item, for which there is room. */
static inline void yb_queue_store_push(yb_queue *queue, void *item)
{
    if (YB_UNLIKELY(queue->order == YB_QUEUE_PRIORITY))
        yb_queue_heap_push(queue, item);
    else /* the head of a LIFO queue is always 0 */
        ((void **)queue->slots)[(queue->head + queue->size) & queue->mask] = item;
    queue->size++;
}

/* Takes out the item that is next; there is one. */
static inline void *yb_queue_store_pop(yb_queue *queue)
{
    size_t left = --queue->size;
    if (YB_LIKELY(queue->order == YB_QUEUE_FIFO)) {
        void *item = ((void **)queue->slots)[queue->head];
        queue->head = (queue->head + 1) & queue->mask;
        return item;
    }
    if (queue->order == YB_QUEUE_LIFO)
        return ((void **)queue->slots)[left];
    return yb_queue_heap_pop(queue);
}

#endif
