/* Whether somebody has stopped a process (SIGSTOP and its kin), so that it does nothing at all. */
#ifndef YB_PROC_STOPPED_H
#define YB_PROC_STOPPED_H

#include <stdbool.h>
#include <sys/types.h>

/* False also where that cannot be told. */
bool yb_stopped(pid_t pid);

#endif
