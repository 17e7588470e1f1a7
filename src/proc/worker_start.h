/* How a worker begins: as a copy of the zygote, or as a run of the program of its own. */
#ifndef YB_PROC_WORKER_START_H
#define YB_PROC_WORKER_START_H

#include <sys/types.h>

#include "proc/runner.h"
#include "proc/zygote.h"

/* "<zygote's process id>:<name>": in the environment of a worker that is a run of its own. */
#define YB_WORKER_VARIABLE "YIBU_WORKER"

/* In the child that the zygote has forked. */
__attribute__((noreturn)) void yb_worker_process_start(const yb_zygote_order *order,
                                                       const char *name,
                                                       const int fds[YB_RUNNER_FDS], pid_t zygote);

/* Whether this run of the program is such a worker; and what it then does. */
bool yb_worker_process_called(void);
__attribute__((noreturn)) void yb_worker_process_main(void);

#endif
