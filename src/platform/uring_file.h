/* Calls on files as io_uring's entries. */
#ifndef YB_PLATFORM_URING_FILE_H
#define YB_PLATFORM_URING_FILE_H

#include <liburing.h>
#include <stdint.h>

#include "platform/file_call.h"

/* The verbs that the ring's kernel performs, a bit each. */
uint32_t yb_uring_file_verbs(struct io_uring *ring);

/* Fills in an entry for a call whose verb is among those.  registered: the ring knows the memory
 * that calls may name. */
void yb_uring_file_prepare(struct io_uring_sqe *entry, const yb_file_call *call, bool registered);

/* Tells Valgrind what the kernel wrote. */
void yb_uring_file_note(const yb_file_call *call, int result);

#endif
