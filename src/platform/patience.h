/* How long it pays to look for something before sleeping until it is there.
 *
 * A sleep and a wake-up through the kernel cost tens of microseconds where the waker runs on
 * another processor; looking at a word of shared memory costs 0.1.  So it pays to look for about as
 * long as a sleep would cost, and only where the last waits were as short as that: then nothing is
 * lost by more than a factor of two.  Between looks the processor is offered to whoever else could
 * use it. */
#ifndef YB_PLATFORM_PATIENCE_H
#define YB_PLATFORM_PATIENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { YB_PATIENCE_NS = 50000 };

typedef struct yb_patience {
    _Atomic(int64_t) gap_ns; /* how long waits are, averaged; of no effect but on speed */
} yb_patience;

static inline bool yb_patience_pays(const yb_patience *patience)
{
    return atomic_load_explicit(&patience->gap_ns, memory_order_relaxed) <= YB_PATIENCE_NS;
}

/* Notes how long a wait was.  A long one counts so much that three short ones make up for it. */
static inline void yb_patience_learn(yb_patience *patience, int64_t gap_ns)
{
    int64_t before = atomic_load_explicit(&patience->gap_ns, memory_order_relaxed);
    int64_t most = 3 * YB_PATIENCE_NS;
    if (gap_ns > most)
        gap_ns = most;
    int64_t average = before + (gap_ns - before) / 2;
    if (average != before) /* others read the cache line that it lies in */
        atomic_store_explicit(&patience->gap_ns, average, memory_order_relaxed);
}

/* Looks until there(arg), or patience_ns have passed.  Returns whether it was.
 * other_processor: where the other side last was, -1 or NULL where that is not known.  Where it is
 * on another one, there is nobody to offer this one to, for a while. */
bool yb_patience_look(bool (*there)(const void *arg), const void *arg, int64_t patience_ns,
                      const _Atomic(int) *other_processor);

#endif
