/* A ring of stamped cells (after Vyukov): any number of signal handlers put, one thread takes.
 *
 * The stamp of cell i is its place (i, i + size, …) while it is free for that place, and one more
 * once it is filled.  Filling is released by the stamp and acquired by it; so is the emptying.  A
 * handler that stands between claiming a cell and filling it hides the later ones for so long; the
 * loop is told again when it is done. */
#include "task/signal_ring.h"

#include <errno.h>
#include <stdbool.h>

#include "base/memory.h"

enum { CAPACITY_MIN = 2 };
static const size_t CAPACITY_MAX = (size_t)1 << 24;

int yb_signal_ring_init(yb_signal_ring *ring, size_t capacity)
{
    size_t size = CAPACITY_MIN; /* of one, "filled" and "free again" would be the same stamp */
    if (capacity > CAPACITY_MAX)
        return -EINVAL;
    while (size < capacity)
        size *= 2;
    ring->cells = yb_calloc(size, sizeof(*ring->cells));
    if (!ring->cells)
        return -ENOMEM;
    ring->mask = size - 1;
    for (size_t i = 0; i < size; i++)
        atomic_init(&ring->cells[i].stamp, i);
    return 0;
}

void yb_signal_ring_destroy(yb_signal_ring *ring)
{
    yb_free(ring->cells);
}

static bool has_sender(int code)
{
    return code == SI_USER || code == SI_QUEUE || code == SI_TKILL || code == SI_MESGQ;
}

static bool has_value(int code)
{
    return code == SI_QUEUE || code == SI_TIMER || code == SI_MESGQ;
}

/* Of siginfo_t, a union, only what the code says is there. */
static void translate(const siginfo_t *info, yibu_signal_info *ret_info)
{
    bool is_child = info->si_signo == SIGCHLD && info->si_code > 0;
    bool sent = is_child || has_sender(info->si_code);
    *ret_info = (yibu_signal_info){
        .size = sizeof(*ret_info),
        .signal = info->si_signo,
        .code = info->si_code,
        .pid = sent ? info->si_pid : 0,
        .uid = sent ? info->si_uid : 0,
        .status = is_child ? info->si_status : 0,
        .value = has_value(info->si_code) ? (intptr_t)info->si_value.sival_ptr : 0,
    };
}

void yb_signal_ring_put(yb_signal_ring *ring, const siginfo_t *info)
{
    size_t place = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (;;) {
        yb_signal_cell *cell = &ring->cells[place & ring->mask];
        size_t stamp = atomic_load_explicit(&cell->stamp, memory_order_acquire);
        if (stamp == place) {
            if (!atomic_compare_exchange_weak(&ring->tail, &place, place + 1))
                continue;
            translate(info, &cell->info);
            atomic_store_explicit(&cell->stamp, place + 1, memory_order_release);
            return;
        }
        if ((ptrdiff_t)(stamp - place) < 0) {
            atomic_fetch_add(&ring->missed, 1);
            return;
        }
        place = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    }
}

bool yb_signal_ring_has_more_than(const yb_signal_ring *ring, size_t count)
{
    size_t place = ring->head + count;
    const yb_signal_cell *cell = &ring->cells[place & ring->mask];
    return count <= ring->mask &&
           atomic_load_explicit(&cell->stamp, memory_order_acquire) == place + 1;
}

bool yb_signal_ring_take(yb_signal_ring *ring, yibu_signal_info *ret_info)
{
    if (!yb_signal_ring_has_more_than(ring, 0))
        return false;
    yb_signal_cell *cell = &ring->cells[ring->head & ring->mask];
    *ret_info = cell->info;
    ret_info->missed = atomic_exchange(&ring->missed, 0);
    atomic_store_explicit(&cell->stamp, ring->head + ring->mask + 1, memory_order_release);
    ring->head++;
    return true;
}
