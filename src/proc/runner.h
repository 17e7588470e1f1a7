/* What a worker process does: take jobs from its lane, run them, answer. */
#ifndef YB_PROC_RUNNER_H
#define YB_PROC_RUNNER_H

/* Runs jobs until the lane closes, then ends the process.  lane is the memfd, doorbell the eventfd
 * that wakes the parent; both are taken over. */
__attribute__((noreturn)) void yb_runner_main(int lane, int doorbell);

#endif
