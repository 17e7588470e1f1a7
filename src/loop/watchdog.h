/* The thread that looks at all loops which want it, one a process. */
#ifndef YB_LOOP_WATCHDOG_H
#define YB_LOOP_WATCHDOG_H

#include "loop/stall.h"

/* Watches the loop of a new watch, never before yb_watchdog_set; starts the thread with the first.
 * Returns 0, or -EAGAIN where there is no thread to be had. */
int yb_watchdog_add(yb_stall_watch *watch);

/* Ends the thread with the last.  Afterwards no handler of this watch's runs. */
void yb_watchdog_remove(yb_stall_watch *watch);

void yb_watchdog_set(yb_stall_watch *watch, int64_t limit_ns, yibu_stall_handler *handler,
                     void *arg);

#endif
