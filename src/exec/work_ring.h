/* The line of work that waits for a thread: a ring that any thread fills and any thread empties,
 * first in, first out, without a lock.
 *
 * Slots are numbered for ever; number n lives in slots[n % YB_RING_SLOTS], and carries its lap,
 * n / YB_RING_SLOTS, in the low bits of its content.  Whoever advances tail past n owns the empty
 * slot and stores its work there.  Whoever advances head past n, once that is there, owns n, and
 * empties its slot by exchanging it for 0; what it finds there is its to run.  It may find that
 * somebody took the work back: a withdrawal leaves a mark in the slot and the number in line.  So a
 * slot's content changes hands by one atomic exchange, nobody looks into work that is not its own,
 * a slot is filled anew only when its last owner is done with it, and who takes need not look at
 * tail, nor who fills at head but once a lap: each cache line that both sides touch costs more than
 * all the rest.
 *
 * A number that is reserved and not filled yet ends the line for those who look: whoever fills it
 * looks for a resting thread afterwards.  Filling a slot and looking into it are sequentially
 * consistent: a submitter publishes work and then looks for a resting thread, a thread publishes
 * that it rests and then looks for work, and one of the two must see the other (thread_pool.c). */
#ifndef YB_EXEC_WORK_RING_H
#define YB_EXEC_WORK_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/executor.h"
#include "platform/processor.h"

enum { YB_RING_SLOTS = 1024 };

typedef struct yb_work_ring {
    _Atomic(size_t) head; /* threads, and submitters that skip withdrawn numbers */
    char apart_from_head[YB_CACHE_LINE];
    _Atomic(size_t) tail;       /* submitters */
    _Atomic(size_t) known_head; /* theirs: head was at least so far on */
    char apart_from_tail[YB_CACHE_LINE];
    _Atomic(uintptr_t) slots[YB_RING_SLOTS];
} yb_work_ring;

/* Whether there is nothing to take.  Any thread. */
bool yb_work_ring_empty(yb_work_ring *ring);

/* How many numbers are in line: only roughly, from any thread. */
static inline size_t yb_work_ring_length(const yb_work_ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return atomic_load_explicit(&ring->tail, memory_order_relaxed) - head;
}

/* Appends work and notes its slot; false when the ring is full.  Any thread. */
bool yb_work_ring_push(yb_work_ring *ring, yb_work *work);

/* Takes work back; false where a thread has it already.  Any thread, once it was pushed. */
bool yb_work_ring_withdraw(yb_work_ring *ring, yb_work *work);

/* Appends several, in order; returns how many there was room for. */
size_t yb_work_ring_push_many(yb_work_ring *ring, yb_work *const *works, size_t count);

/* Takes the first work in line, or NULL.  Any thread. */
yb_work *yb_work_ring_take(yb_work_ring *ring);

#endif
