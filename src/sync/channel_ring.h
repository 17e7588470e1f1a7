/* The places of a channel: a bounded ring that any thread fills and empties, first in, first out,
 * without a lock.
 *
 * A position counts places for ever: its low bits are an index below the capacity, those above it
 * the lap.  Between them is one bit, of the tail alone, that says the ring is closed.  Each place
 * has a stamp, which says whose turn it is:
 *   stamp == position       the place is free for whoever moves the tail past this position
 *   stamp == position + 1   it holds the item of this position, for whoever moves the head past it
 * Whoever moved tail or head by compare-and-exchange owns the place until it writes the next stamp
 * (release), which the next owner reads (acquire).
 *
 * tail and head change sequentially consistent: whoever moved one of them and then looks for
 * waiters, and a waiter that announced itself and then asks whether the ring is full or empty, see
 * each other (channel.c).
 *
 * After Dmitry Vyukov's bounded queue of many producers and consumers. */
#ifndef YB_SYNC_CHANNEL_RING_H
#define YB_SYNC_CHANNEL_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "platform/processor.h"

typedef struct yb_place {
    _Atomic(size_t) stamp;
    void *item;
} yb_place;

typedef struct yb_channel_ring {
    size_t capacity;
    size_t closed_bit; /* the lap begins above it */
    yb_place *places;
    char apart_from_constants[YB_CACHE_LINE];
    _Atomic(size_t) head;
    char apart_from_head[YB_CACHE_LINE];
    _Atomic(size_t) tail;
    char apart_from_tail[YB_CACHE_LINE];
} yb_channel_ring;

int yb_channel_ring_init(yb_channel_ring *ring, size_t capacity);
void yb_channel_ring_destroy(yb_channel_ring *ring);

/* 0, -EAGAIN where the ring is full, or YIBU_ESHUTDOWN where it is closed. */
int yb_channel_ring_push(yb_channel_ring *ring, void *item);

/* 0, -EAGAIN where the ring is empty, or YIBU_ESHUTDOWN where it is closed and will stay empty. */
int yb_channel_ring_pop(yb_channel_ring *ring, void **ret_item);

/* Refuses every later push; false where it was closed already. */
bool yb_channel_ring_close(yb_channel_ring *ring);
bool yb_channel_ring_closed(const yb_channel_ring *ring);

/* Whether a push (a pop) would be refused for now: neither possible nor closed. */
bool yb_channel_ring_full(const yb_channel_ring *ring);
bool yb_channel_ring_empty(const yb_channel_ring *ring);

size_t yb_channel_ring_length(const yb_channel_ring *ring);

#endif
