/* What a worker process does: take jobs from its lane, run them, answer. */
#ifndef YB_PROC_RUNNER_H
#define YB_PROC_RUNNER_H

/* What a worker is given: its lane (a memfd), the doorbell that wakes its parent (an eventfd), and
 * the files of captured output and error. */
enum { YB_RUNNER_LANE, YB_RUNNER_DOORBELL, YB_RUNNER_TEXT, YB_RUNNER_FDS = 4 };

/* Runs jobs until the lane closes, then ends the process.  The descriptors are taken over. */
__attribute__((noreturn)) void yb_runner_main(const int fds[YB_RUNNER_FDS]);

#endif
