/* A table of the slabs of all pools, read by signal handlers, so without locks.
 *
 * It grows by blocks that are never freed.  A place is 0 while empty; any thread takes one by
 * compare-and-swap and empties it by a store.  yb_registry_add releases the slab's head, which
 * yb_registry_find acquires.  A fault inside a slab means that its stacks are in use, so the head
 * stays while the handler of that fault reads it. */
#include "platform/slab_registry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#include "platform/stack_slab.h"

enum { PLACES = 511 };

typedef struct yb_registry_block {
    _Atomic(struct yb_registry_block *) next;
    atomic_uintptr_t places[PLACES];
} block;

/* Also read by tools/gdb/yibu.py. */
block yb_registry;

static bool take_place(block *in, uintptr_t slab)
{
    for (size_t i = 0; i < PLACES; i++) {
        uintptr_t empty = 0;
        if (atomic_load_explicit(&in->places[i], memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&in->places[i], &empty, slab))
            return true;
    }
    return false;
}

/* The block after this one, made where there is none; where two threads make it, one is dropped. */
static block *next_block(block *after)
{
    block *next = atomic_load_explicit(&after->next, memory_order_acquire);
    if (next)
        return next;
    block *made =
        mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return NULL;
    if (atomic_compare_exchange_strong(&after->next, &next, made))
        return made;
    munmap(made, sizeof *made);
    return next;
}

int yb_registry_add(const void *slab)
{
    for (block *in = &yb_registry; in; in = next_block(in))
        if (take_place(in, (uintptr_t)slab))
            return 0;
    return -ENOMEM;
}

void yb_registry_remove(const void *slab)
{
    for (block *in = &yb_registry; in; in = atomic_load(&in->next))
        for (size_t i = 0; i < PLACES; i++)
            if (atomic_load_explicit(&in->places[i], memory_order_relaxed) == (uintptr_t)slab) {
                atomic_store_explicit(&in->places[i], 0, memory_order_release);
                return;
            }
}

static bool is_slab(uintptr_t start)
{
    for (block *in = &yb_registry; in; in = atomic_load_explicit(&in->next, memory_order_acquire))
        for (size_t i = 0; i < PLACES; i++)
            if (atomic_load_explicit(&in->places[i], memory_order_acquire) == start)
                return true;
    return false;
}

const yb_stack *yb_registry_find(const void *address, bool *ret_in_guard)
{
    uintptr_t start = (uintptr_t)address & ~(uintptr_t)(YB_SLAB_BYTES - 1);
    if (start == 0 || !is_slab(start))
        return NULL;
    const yb_slab *slab = (const yb_slab *)start;
    uintptr_t offset = (uintptr_t)address - start;
    size_t i = offset / slab->stride;
    if (i < 1 || i > slab->carved)
        return NULL;
    *ret_in_guard = offset % slab->stride < YB_GUARD_BYTES;
    return &slab->stacks[i];
}
