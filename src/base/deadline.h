/* Times that are some time after others. */
#ifndef YB_BASE_DEADLINE_H
#define YB_BASE_DEADLINE_H

#include <stdint.h>

/* delay_ns after now_ns: now_ns itself for a delay that is not positive, never beyond INT64_MAX,
 * which is no deadline. */
static inline int64_t yb_deadline_after(int64_t now_ns, int64_t delay_ns)
{
    if (delay_ns <= 0)
        return now_ns;
    return delay_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + delay_ns;
}

#endif
