/* A piece never wraps: where it does not fit before the end of the ring, the rest of that lap is
 * skipped, and comes back with the piece that skipped it.  An empty ring starts over at its first
 * byte, so that light use stays in memory that is warm. */
#include "proc/ring.h"

#include "base/assert.h"

void yb_ring_init(yb_ring *ring, uint64_t size)
{
    *ring = (yb_ring){.size = size};
}

uint64_t yb_ring_room(yb_ring *ring, uint64_t wanted, uint64_t *ret_position)
{
    if (ring->head == ring->tail)
        ring->head = ring->tail = 0;
    uint64_t free = ring->size - (ring->tail - ring->head);
    uint64_t lap = ring->size - ring->tail % ring->size;
    uint64_t here = free < lap ? free : lap;
    uint64_t there = free - here;
    *ret_position = ring->tail;
    if (here >= wanted || here >= there)
        return here;
    *ret_position = ring->tail + lap;
    return there;
}

uint64_t yb_ring_take(yb_ring *ring, uint64_t position, uint64_t size)
{
    uint64_t whole = (size + YB_RING_ALIGNMENT - 1) / YB_RING_ALIGNMENT * YB_RING_ALIGNMENT;
    YB_ASSERT(position >= ring->tail && position + whole - ring->head <= ring->size);
    return ring->tail = position + whole;
}

void yb_ring_untake(yb_ring *ring, uint64_t position)
{
    YB_ASSERT(position >= ring->head && position <= ring->tail);
    ring->tail = position;
}

void yb_ring_release(yb_ring *ring, uint64_t end)
{
    YB_ASSERT(end >= ring->head && end <= ring->tail);
    ring->head = end;
}
