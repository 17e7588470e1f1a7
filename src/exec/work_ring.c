/* See work_ring.h. */
#include "exec/work_ring.h"

enum { PREFETCH_DISTANCE = 4 };

static _Atomic(yb_work *) *slot_of(yb_work_ring *ring, size_t number)
{
    return &ring->slots[number % YB_RING_SLOTS];
}

/* The mark of a withdrawal: no address of work. */
static yb_work *withdrawn_mark(yb_work_ring *ring)
{
    return (yb_work *)(void *)ring;
}

/* Takes numbers whose work was withdrawn, which would otherwise keep the ring full while no thread
 * comes by. */
static void skip_withdrawn(yb_work_ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    while (head != atomic_load(&ring->tail) &&
           atomic_load_explicit(slot_of(ring, head), memory_order_acquire) == withdrawn_mark(ring))
        if (atomic_compare_exchange_strong(&ring->head, &head, head + 1))
            atomic_store_explicit(slot_of(ring, head++), NULL, memory_order_release);
}

/* Whether number tail has no room.  Nobody is between head and its filling, so where head is near
 * enough, the number's predecessor in the slot was filled; and where the slot is empty, emptied. */
static bool full(yb_work_ring *ring, size_t tail)
{
    if (tail - atomic_load_explicit(&ring->known_head, memory_order_relaxed) >= YB_RING_SLOTS) {
        size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        atomic_store_explicit(&ring->known_head, head, memory_order_relaxed);
        if (tail - head >= YB_RING_SLOTS)
            return true;
    }
    return atomic_load_explicit(slot_of(ring, tail), memory_order_acquire) != NULL;
}

/* Reserves a number; false where there is no room. */
static bool reserve(yb_work_ring *ring, size_t *ret_number)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (;;) {
        if (full(ring, tail)) {
            size_t again = atomic_load_explicit(&ring->tail, memory_order_relaxed);
            if (again == tail)
                return false;
            tail = again;
        } else if (atomic_compare_exchange_weak(&ring->tail, &tail, tail + 1)) {
            *ret_number = tail;
            return true;
        }
    }
}

bool yb_work_ring_push(yb_work_ring *ring, yb_work *work)
{
    size_t number;
    if (!reserve(ring, &number)) {
        skip_withdrawn(ring);
        if (!reserve(ring, &number))
            return false;
    }
    atomic_store_explicit(&work->slot, (uint32_t)(number % YB_RING_SLOTS), memory_order_relaxed);
    /* Pairs with the exchange in take: what the submitter wrote to the work is seen by its thread. */
    atomic_store(slot_of(ring, number), work);
    return true;
}

bool yb_work_ring_withdraw(yb_work_ring *ring, yb_work *work)
{
    yb_work *expected = work;
    uint32_t slot = atomic_load_explicit(&work->slot, memory_order_relaxed);
    return atomic_compare_exchange_strong(&ring->slots[slot], &expected, withdrawn_mark(ring));
}

/* Whether number head, which somebody has reserved, is filled; else whether head is still there. */
static bool filled(yb_work_ring *ring, size_t *head)
{
    while (!atomic_load(slot_of(ring, *head))) {
        size_t again = atomic_load(&ring->head);
        if (again == *head)
            return false;
        *head = again;
        if (again == atomic_load(&ring->tail))
            return false;
    }
    return true;
}

bool yb_work_ring_empty(yb_work_ring *ring)
{
    size_t head = atomic_load(&ring->head);
    return head == atomic_load(&ring->tail) || !filled(ring, &head);
}

yb_work *yb_work_ring_take(yb_work_ring *ring, size_t *seen_tail)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    for (;;) {
        /* Further on than what was seen there must be looked again: what is in the slot may be
         * number head - YB_RING_SLOTS, which its owner has not emptied yet. */
        if ((ptrdiff_t)(*seen_tail - head) <= 0 && (*seen_tail = atomic_load(&ring->tail)) == head)
            return NULL;
        if (!filled(ring, &head))
            return NULL;
        if ((ptrdiff_t)(*seen_tail - head) <= 0)
            continue;
        if (!atomic_compare_exchange_weak(&ring->head, &head, head + 1))
            continue;
        yb_work_ring_prefetch(ring, head + PREFETCH_DISTANCE);
        yb_work *work = atomic_exchange(slot_of(ring, head), NULL);
        if (work != withdrawn_mark(ring))
            return work;
        head = atomic_load_explicit(&ring->head, memory_order_acquire);
    }
}
