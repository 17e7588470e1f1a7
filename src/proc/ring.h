/* Book-keeping of a ring of bytes: space is handed out in order, each piece contiguous, and taken
 * back in order.  It never touches the bytes, so it can stay private to the one who hands out.
 *
 * Positions only grow; a position's place in the ring is its remainder by the size. */
#ifndef YB_PROC_RING_H
#define YB_PROC_RING_H

#include <stddef.h>
#include <stdint.h>

typedef struct yb_ring {
    uint64_t size;
    uint64_t head; /* everything before has been taken back */
    uint64_t tail; /* everything from here on is free */
} yb_ring;

enum { YB_RING_ALIGNMENT = 64 };

/* size is a multiple of YB_RING_ALIGNMENT. */
void yb_ring_init(yb_ring *ring, uint64_t size);

/* Where a piece could be put: the nearest place with at least wanted contiguous bytes, else the
 * one with the most.  Returns how many there are; *ret_position goes to yb_ring_take. */
uint64_t yb_ring_room(yb_ring *ring, uint64_t wanted, uint64_t *ret_position);

/* Takes size bytes, which yb_ring_room said are there.  Returns the end, for yb_ring_release. */
uint64_t yb_ring_take(yb_ring *ring, uint64_t position, uint64_t size);

/* Undoes the latest yb_ring_take, which was given this position. */
void yb_ring_untake(yb_ring *ring, uint64_t position);

/* Takes back everything before end. */
void yb_ring_release(yb_ring *ring, uint64_t end);

static inline uint64_t yb_ring_place(const yb_ring *ring, uint64_t position)
{
    return position % ring->size;
}

#endif
