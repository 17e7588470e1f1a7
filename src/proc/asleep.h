/* A worker's sleep until its parent has done something; lane.h says what pairs with what. */
#ifndef YB_PROC_ASLEEP_H
#define YB_PROC_ASLEEP_H

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/lane.h"

/* Sleeps until the condition, which the parent makes true, holds; it reads with sequential
 * consistency what it depends on, or something that is written behind that.  why: YB_ASLEEP_…. */
static inline void yb_asleep_until(yb_lane_shared *shared, uint32_t why, bool (*condition)(void))
{
    do {
        atomic_store(&shared->asleep, why);
        while (!condition() && atomic_load(&shared->asleep))
            (void)syscall(SYS_futex, &shared->asleep, FUTEX_WAIT, why, NULL, NULL, 0);
    } while (!condition());
    atomic_store(&shared->asleep, 0);
}

#endif
