/* See work_ring.h. */
#include "exec/work_ring.h"

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
static void skip_withdrawn(yb_work_ring *ring, size_t tail)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    while (head != tail &&
           atomic_load_explicit(slot_of(ring, head), memory_order_relaxed) == withdrawn_mark(ring))
        if (atomic_compare_exchange_strong_explicit(&ring->head, &head, head + 1,
                                                    memory_order_acq_rel, memory_order_acquire))
            atomic_store_explicit(slot_of(ring, head++), NULL, memory_order_relaxed);
}

static bool full(yb_work_ring *ring, size_t tail)
{
    if (tail - atomic_load_explicit(&ring->head, memory_order_acquire) >= YB_RING_SLOTS)
        return true;
    /* Its last owner may have advanced head and not emptied it yet. */
    return atomic_load_explicit(slot_of(ring, tail), memory_order_acquire) != NULL;
}

bool yb_work_ring_push(yb_work_ring *ring, yb_work *work)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (full(ring, tail)) {
        skip_withdrawn(ring, tail);
        if (full(ring, tail))
            return false;
    }
    work->slot = (uint32_t)(tail % YB_RING_SLOTS);
    /* Pairs with the exchange in take: what the loop wrote to the work is seen by its thread. */
    atomic_store_explicit(slot_of(ring, tail), work, memory_order_release);
    atomic_store(&ring->tail, tail + 1);
    return true;
}

bool yb_work_ring_withdraw(yb_work_ring *ring, yb_work *work)
{
    yb_work *expected = work;
    return atomic_compare_exchange_strong_explicit(&ring->slots[work->slot], &expected,
                                                   withdrawn_mark(ring), memory_order_relaxed,
                                                   memory_order_relaxed);
}

yb_work *yb_work_ring_take(yb_work_ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    while (head != atomic_load(&ring->tail)) {
        if (!atomic_compare_exchange_weak_explicit(&ring->head, &head, head + 1,
                                                   memory_order_acq_rel, memory_order_acquire))
            continue;
        yb_work *work = atomic_exchange_explicit(slot_of(ring, head), NULL, memory_order_acq_rel);
        if (work != withdrawn_mark(ring))
            return work;
        head = atomic_load_explicit(&ring->head, memory_order_acquire);
    }
    return NULL;
}
