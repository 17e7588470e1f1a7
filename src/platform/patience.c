/* See patience.h. */
#include "platform/patience.h"

#include <sched.h>

#include "platform/backend.h"
#include "platform/processor.h"

enum { LOOKS_BETWEEN_YIELDS = 4 };

bool yb_patience_look(bool (*there)(const void *arg), const void *arg, int64_t until_ns)
{
    do {
        for (int i = 0; i < LOOKS_BETWEEN_YIELDS; i++) {
            if (there(arg))
                return true;
            yb_processor_relax();
        }
        sched_yield();
    } while (yb_clock_now(NULL) < until_ns);
    return there(arg);
}
