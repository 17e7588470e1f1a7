/* See patience.h. */
#include "platform/patience.h"

#include <sched.h>

#include "platform/backend.h"
#include "platform/processor.h"

enum { LOOKS_BETWEEN_YIELDS = 4, LOOKS_WHILE_APART = 64 };

static int looks_before_yield(const _Atomic(int) *other_processor)
{
    int other = other_processor ? atomic_load_explicit(other_processor, memory_order_relaxed) : -1;
    return other < 0 || other == sched_getcpu() ? LOOKS_BETWEEN_YIELDS : LOOKS_WHILE_APART;
}

bool yb_patience_look(bool (*there)(const void *arg), const void *arg, int64_t until_ns,
                      const _Atomic(int) *other_processor)
{
    do {
        int looks = looks_before_yield(other_processor);
        for (int i = 0; i < looks; i++) {
            if (there(arg))
                return true;
            yb_processor_relax();
        }
        sched_yield();
    } while (yb_clock_now(NULL) < until_ns);
    return there(arg);
}
