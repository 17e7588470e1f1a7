/* Operations as io_uring's entries. */
#ifndef YB_PLATFORM_URING_ENTRY_H
#define YB_PLATFORM_URING_ENTRY_H

#include <liburing.h>

#include "platform/backend.h"

/* Fills in an entry with the call of op.  registered: the ring knows the memory that calls on files
 * may name. */
void yb_uring_entry_call(struct io_uring_sqe *entry, yb_op *op, bool registered);

/* The same with a poll, for op or before its call. */
void yb_uring_entry_poll(struct io_uring_sqe *entry, const yb_op *op);

/* Tells Valgrind what the kernel wrote. */
void yb_uring_entry_note(const yb_op *op, int result);

#endif
