/* An io_uring's making, test, waits and end. */
#ifndef YB_PLATFORM_URING_H
#define YB_PLATFORM_URING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

/* polled: others poll the ring's descriptor.  Returns 0 or a negative errno. */
int yb_uring_open(unsigned entries, bool polled, struct io_uring *ret_ring);
void yb_uring_close(struct io_uring *ring);

/* Whether the ring does what the backend needs: its operations, and a wait with a time limit.
 * Returns 0 or a negative errno. */
int yb_uring_test(struct io_uring *ring);

/* Submits what was queued and waits until there is a completion, at most timeout_ns (0: does not
 * wait; INT64_MAX: without limit).  Returns >= 0 or a negative errno. */
int yb_uring_enter(struct io_uring *ring, int64_t timeout_ns);

#endif
