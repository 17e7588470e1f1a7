/* A worker's sleep until its parent has done something; lane.h says what pairs with what. */
#ifndef YB_PROC_ASLEEP_H
#define YB_PROC_ASLEEP_H

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proc/lane.h"

/* Sleeps until the condition, which the parent makes true, holds, or for limit_ns, less than a second
 * (negative: without a limit).  The condition reads with sequential consistency what it depends on,
 * or something that is written behind that.  why: YB_ASLEEP_….  Returns whether it holds. */
static inline bool yb_asleep_at_most(yb_lane_shared *shared, uint32_t why, bool (*condition)(void),
                                     int64_t limit_ns)
{
    const struct timespec limit = {.tv_sec = 0, .tv_nsec = (long)limit_ns};
    bool holds, over = false;
    do {
        atomic_store(&shared->asleep, why);
        while (!over && !condition() && atomic_load(&shared->asleep))
            over = syscall(SYS_futex, &shared->asleep, FUTEX_WAIT, why,
                           limit_ns < 0 ? NULL : &limit, NULL, 0) < 0 &&
                   errno == ETIMEDOUT;
    } while (!(holds = condition()) && !over);
    atomic_store(&shared->asleep, 0);
    return holds;
}

static inline void yb_asleep_until(yb_lane_shared *shared, uint32_t why, bool (*condition)(void))
{
    (void)yb_asleep_at_most(shared, why, condition, -1);
}

#endif
