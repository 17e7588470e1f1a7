/* The memory of a queue's items.
 *
 * The capacity is a power of two.  A bounded queue allocates room for maxsize items with its first
 * one, and never again; an unbounded one doubles when full, and halves when three quarters are
 * empty, so that growing and shrinking cost a copy of at most two items for each that came or went.
 *
 * FIFO: a ring that begins at `head`.  LIFO: a stack, from slot 0.  Priority: a binary heap; each
 * entry has a sequence number, so that equals come out in the order in which they went in.
 *
 * `limit` is 0 without memory and once the queue is shut down: then every put has to ask. */
#include "sync/queue_store.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"

enum { CAPACITY_MIN = 16, CAPACITY_KEPT = 64 };

static size_t slot_bytes(const yb_queue *q)
{
    return q->order == YB_QUEUE_PRIORITY ? sizeof(yb_queue_entry) : sizeof(void *);
}

static size_t capacity_of(const yb_queue *q)
{
    return q->slots ? q->mask + 1 : 0;
}

/* The least power of two from CAPACITY_MIN on that holds count items; 0: there is none. */
static size_t capacity_for(size_t count)
{
    size_t capacity = CAPACITY_MIN;
    while (capacity < count && capacity > 0)
        capacity *= 2;
    return capacity;
}

/* Copies the items to the beginning of other slots. */
static void move(const yb_queue *q, char *to)
{
    size_t slot = slot_bytes(q);
    size_t to_end = capacity_of(q) - q->head;
    size_t first = q->size < to_end ? q->size : to_end;
    if (!q->slots)
        return;
    memcpy(to, (char *)q->slots + q->head * slot, first * slot);
    memcpy(to + first * slot, q->slots, (q->size - first) * slot);
}

static int resize(yb_queue *q, size_t capacity)
{
    if (capacity == 0 || capacity > SIZE_MAX / sizeof(yb_queue_entry))
        return -ENOMEM;
    char *slots = yb_malloc(capacity * slot_bytes(q));
    if (!slots)
        return -ENOMEM;
    move(q, slots);
    yb_free(q->slots);
    q->slots = slots;
    q->head = 0;
    q->mask = capacity - 1;
    if (!q->shut_down)
        q->limit = q->maxsize > 0 ? q->maxsize : capacity;
    q->shrink_below = q->maxsize == 0 && capacity > CAPACITY_KEPT ? capacity / 4 : 0;
    return 0;
}

int yb_queue_store_extend(yb_queue *q)
{
    if (q->order == YB_QUEUE_PRIORITY && !q->compare)
        return -EINVAL;
    if (!q->slots)
        return resize(q, capacity_for(q->maxsize));
    return q->maxsize > 0 ? -EAGAIN : resize(q, 2 * capacity_of(q));
}

void yb_queue_store_shrink(yb_queue *q)
{
    (void)resize(q, capacity_of(q) / 2);
}

void yb_queue_store_free(yb_queue *q)
{
    yb_free(q->slots);
    q->slots = NULL;
    q->size = q->limit = q->shrink_below = q->head = 0;
}

/* The heap. */

static bool before(const yb_queue *q, const yb_queue_entry *a, const yb_queue_entry *b)
{
    int order = q->compare(a->item, b->item);
    return order < 0 || (order == 0 && a->sequence < b->sequence);
}

void yb_queue_heap_push(yb_queue *q, void *item)
{
    yb_queue_entry *heap = q->slots;
    yb_queue_entry entry = {item, q->sequence++};
    size_t at = q->size;
    while (at > 0 && before(q, &entry, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = entry;
}

/* Fills the gap at the root with the last entry: the size is that without the root already. */
static void close_gap(const yb_queue *q, yb_queue_entry *heap)
{
    const yb_queue_entry last = heap[q->size];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < q->size) {
        if (child + 1 < q->size && before(q, &heap[child + 1], &heap[child]))
            child++;
        if (before(q, &last, &heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
}

void *yb_queue_heap_pop(yb_queue *q)
{
    yb_queue_entry *heap = q->slots;
    void *item = heap[0].item;
    close_gap(q, heap);
    return item;
}
