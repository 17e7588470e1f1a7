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

/* The clock is read only where it takes long: a look at shared memory costs less. */
bool yb_patience_look(bool (*there)(const void *arg), const void *arg, int64_t patience_ns,
                      const _Atomic(int) *other_processor)
{
    for (int64_t until_ns = 0;;) {
        int looks = looks_before_yield(other_processor);
        for (int i = 0; i < looks; i++) {
            if (there(arg))
                return true;
            yb_processor_relax();
        }
        int64_t now_ns = yb_clock_now(NULL);
        if (until_ns == 0)
            until_ns = now_ns + patience_ns;
        else if (now_ns >= until_ns)
            return there(arg);
        sched_yield();
    }
}
