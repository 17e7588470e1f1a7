/* Messages that a running job sends to its parent: a ring of bytes in the lane.
 *
 * The worker writes messages one behind the other, each with the number of its job, and then raises
 * `said`; the parent copies them out and then raises `heard`.  Both only grow; a place is the
 * remainder by the size of the ring.  A message lies in one piece: what is left of a lap that is
 * too short for it is skipped. */
#ifndef YB_PROC_MESSAGES_H
#define YB_PROC_MESSAGES_H

#include "proc/lane.h"

enum { YB_MESSAGE_MOST = 64 * 1024 }; /* bytes in one */

/* The worker's side (speak.c); yibu_job_send is public.  ring tells the parent, where it asked;
 * false: it cannot any more. */
void yb_messages_open(yb_lane_shared *shared, unsigned char *base, const yb_lane_layout *layout,
                      bool (*ring)(void));
/* Job n runs; and has returned. */
void yb_messages_begin(uint32_t n, uint32_t flags);
void yb_messages_end(void);

/* The parent's side (messages.c). */

/* Copies the next message of job n, into YB_MESSAGE_MOST bytes of the caller's; it stays next until
 * it is passed.
 * Returns 1 with its size; 0 where there is none, or another job's is next; -EPROTO: the worker
 * wrote nonsense. */
int yb_messages_next(yb_lane *lane, uint32_t n, void *ret_copy, size_t *ret_size);
void yb_messages_pass(yb_lane *lane);

#endif
