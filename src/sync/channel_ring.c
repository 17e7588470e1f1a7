/* See channel_ring.h. */
#include "sync/channel_ring.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <yibu/error.h>

#include "base/memory.h"
#include "platform/processor.h"

enum { LOOKS_BEFORE_YIELD = 64 };

static size_t lap_of(const yb_channel_ring *ring)
{
    return ring->closed_bit * 2;
}

static size_t index_of(const yb_channel_ring *ring, size_t position)
{
    return position & (ring->closed_bit - 1);
}

/* The position after this one: the next place, or the first one of the next lap. */
static size_t next(const yb_channel_ring *ring, size_t position)
{
    if (index_of(ring, position) + 1 < ring->capacity)
        return position + 1;
    return (position & ~(lap_of(ring) - 1)) + lap_of(ring);
}

int yb_channel_ring_init(yb_channel_ring *ring, size_t capacity)
{
    if (capacity == 0 || capacity > SIZE_MAX / 8 / sizeof(yb_place))
        return -EINVAL;
    ring->places = yb_calloc(capacity, sizeof(*ring->places));
    if (!ring->places)
        return -ENOMEM;
    ring->capacity = capacity;
    ring->closed_bit = 1;
    while (ring->closed_bit < capacity)
        ring->closed_bit *= 2;
    for (size_t i = 0; i < capacity; i++)
        atomic_init(&ring->places[i].stamp, i);
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    return 0;
}

void yb_channel_ring_destroy(yb_channel_ring *ring)
{
    yb_free(ring->places);
}

/* Waits for whoever owns a place and is about to write its stamp; it may have lost its
 * processor. */
static void wait_for_stamp(unsigned *looks)
{
    if (++*looks % LOOKS_BEFORE_YIELD == 0)
        sched_yield();
    else
        yb_processor_relax();
}

int yb_channel_ring_push(yb_channel_ring *ring, void *item)
{
    unsigned looks = 0;
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (;;) {
        if (tail & ring->closed_bit)
            return YIBU_ESHUTDOWN;
        yb_place *place = &ring->places[index_of(ring, tail)];
        if (atomic_load_explicit(&place->stamp, memory_order_acquire) == tail) {
            if (!atomic_compare_exchange_weak_explicit(&ring->tail, &tail, next(ring, tail),
                                                       memory_order_seq_cst, memory_order_relaxed))
                continue;
            place->item = item;
            atomic_store_explicit(&place->stamp, tail + 1, memory_order_release);
            return 0;
        }
        if (atomic_load(&ring->head) + lap_of(ring) == tail)
            return -EAGAIN;
        wait_for_stamp(&looks);
        tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    }
}

int yb_channel_ring_pop(yb_channel_ring *ring, void **ret_item)
{
    unsigned looks = 0;
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    for (;;) {
        yb_place *place = &ring->places[index_of(ring, head)];
        if (atomic_load_explicit(&place->stamp, memory_order_acquire) == head + 1) {
            if (!atomic_compare_exchange_weak_explicit(&ring->head, &head, next(ring, head),
                                                       memory_order_seq_cst, memory_order_relaxed))
                continue;
            *ret_item = place->item;
            atomic_store_explicit(&place->stamp, head + lap_of(ring), memory_order_release);
            return 0;
        }
        size_t tail = atomic_load(&ring->tail);
        if ((tail & ~ring->closed_bit) == head)
            return tail & ring->closed_bit ? YIBU_ESHUTDOWN : -EAGAIN;
        wait_for_stamp(&looks);
        head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    }
}

bool yb_channel_ring_close(yb_channel_ring *ring)
{
    return !(atomic_fetch_or(&ring->tail, ring->closed_bit) & ring->closed_bit);
}

bool yb_channel_ring_closed(const yb_channel_ring *ring)
{
    return (atomic_load(&ring->tail) & ring->closed_bit) != 0;
}

bool yb_channel_ring_full(const yb_channel_ring *ring)
{
    size_t tail = atomic_load(&ring->tail);
    return !(tail & ring->closed_bit) && atomic_load(&ring->head) + lap_of(ring) == tail;
}

bool yb_channel_ring_empty(const yb_channel_ring *ring)
{
    return atomic_load(&ring->head) == atomic_load(&ring->tail);
}

size_t yb_channel_ring_length(const yb_channel_ring *ring)
{
    size_t tail = atomic_load(&ring->tail) & ~ring->closed_bit;
    size_t head = atomic_load(&ring->head);
    size_t from = index_of(ring, head), to = index_of(ring, tail);
    if (from == to)
        return head == tail ? 0 : ring->capacity;
    return from < to ? to - from : ring->capacity - from + to;
}
