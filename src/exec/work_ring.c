/* See work_ring.h. */
#include "exec/work_ring.h"

enum { LAPS = 8, PREFETCH_DISTANCE = 4 };

_Static_assert(_Alignof(yb_work) >= LAPS, "the lap lies in a pointer's low bits");

static _Atomic(uintptr_t) *slot_of(yb_work_ring *ring, size_t number)
{
    return &ring->slots[number % YB_RING_SLOTS];
}

static uintptr_t lap_of(size_t number)
{
    return number / YB_RING_SLOTS % LAPS;
}

/* What is in the slot of a number once its work was withdrawn: no address of work. */
static uintptr_t withdrawn_mark(const yb_work_ring *ring, size_t number)
{
    return (uintptr_t)ring | lap_of(number);
}

/* Whether content is a number's own: not nothing, nor what the last owner has not taken out yet. */
static bool belongs_to(uintptr_t content, size_t number)
{
    return content != 0 && content % LAPS == lap_of(number);
}

/* Takes numbers whose work was withdrawn, which would otherwise keep the ring full while no thread
 * comes by. */
static void skip_withdrawn(yb_work_ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    while (atomic_load(slot_of(ring, head)) == withdrawn_mark(ring, head))
        if (atomic_compare_exchange_strong(&ring->head, &head, head + 1))
            atomic_store_explicit(slot_of(ring, head++), 0, memory_order_release);
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
    return atomic_load_explicit(slot_of(ring, tail), memory_order_acquire) != 0;
}

static size_t count_free(yb_work_ring *ring, size_t tail, size_t wanted)
{
    size_t count = 0;
    while (count < wanted && !full(ring, tail + count))
        count++;
    return count;
}

/* Reserves so many numbers at most, beginning with *ret_number. */
static size_t reserve(yb_work_ring *ring, size_t wanted, size_t *ret_number)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (;;) {
        size_t count = count_free(ring, tail, wanted);
        if (count == 0) {
            size_t again = atomic_load_explicit(&ring->tail, memory_order_relaxed);
            if (again == tail)
                return 0;
            tail = again;
        } else if (atomic_compare_exchange_weak(&ring->tail, &tail, tail + count)) {
            *ret_number = tail;
            return count;
        }
    }
}

/* Says where the work is, and returns what goes there. */
static uintptr_t number_work(yb_work *work, size_t number)
{
    uint32_t place = (uint32_t)(number % ((size_t)YB_RING_SLOTS * LAPS));
    atomic_store_explicit(&work->slot, place, memory_order_relaxed);
    return (uintptr_t)work | lap_of(number);
}

/* The stores pair with the exchange in take: what the submitter wrote to the work is seen by its
 * thread.  The last is sequentially consistent, and so after the others. */
size_t yb_work_ring_push_many(yb_work_ring *ring, yb_work *const *works, size_t count)
{
    size_t number;
    count = reserve(ring, count, &number);
    for (size_t i = 0; i + 1 < count; i++)
        atomic_store_explicit(slot_of(ring, number + i), number_work(works[i], number + i),
                              memory_order_release);
    if (count > 0) {
        size_t last = number + count - 1;
        atomic_store(slot_of(ring, last), number_work(works[count - 1], last));
    }
    return count;
}

bool yb_work_ring_push(yb_work_ring *ring, yb_work *work)
{
    if (yb_work_ring_push_many(ring, &work, 1) == 1)
        return true;
    skip_withdrawn(ring);
    return yb_work_ring_push_many(ring, &work, 1) == 1;
}

bool yb_work_ring_withdraw(yb_work_ring *ring, yb_work *work)
{
    size_t number = atomic_load_explicit(&work->slot, memory_order_relaxed);
    uintptr_t expected = (uintptr_t)work | lap_of(number);
    return atomic_compare_exchange_strong(slot_of(ring, number), &expected,
                                          withdrawn_mark(ring, number));
}

/* The content of the first number in line, or 0; *ret_head is that number. */
static uintptr_t look(yb_work_ring *ring, size_t *ret_head)
{
    size_t head = atomic_load(&ring->head);
    for (;;) {
        uintptr_t content = atomic_load(slot_of(ring, head));
        *ret_head = head;
        if (belongs_to(content, head))
            return content;
        head = atomic_load(&ring->head);
        if (head == *ret_head)
            return 0;
    }
}

bool yb_work_ring_empty(yb_work_ring *ring)
{
    size_t head;
    return look(ring, &head) == 0;
}

static void prefetch(uintptr_t content)
{
    if (content == 0)
        return;
    yb_processor_fetch_to_write((const void *)content);
    yb_processor_fetch_to_write((const void *)(content + sizeof(yb_work) - 1));
}

yb_work *yb_work_ring_take(yb_work_ring *ring)
{
    size_t head;
    for (uintptr_t content; (content = look(ring, &head)) != 0;) {
        prefetch(content);
        if (!atomic_compare_exchange_strong(&ring->head, &head, head + 1))
            continue;
        prefetch(
            atomic_load_explicit(slot_of(ring, head + PREFETCH_DISTANCE), memory_order_relaxed));
        content = atomic_exchange(slot_of(ring, head), 0);
        if (content != withdrawn_mark(ring, head))
            return (yb_work *)(content & ~(uintptr_t)(LAPS - 1));
    }
    return NULL;
}
