/* One attempt at an operation's system call, without waiting. */
#ifndef YB_PLATFORM_ATTEMPT_H
#define YB_PLATFORM_ATTEMPT_H

#include "platform/backend.h"

/* Tries op's call once (again after EINTR).  Returns its result, -EAGAIN when it would wait, or
 * another negative errno.  A send_all goes on until it would wait; a connect's first attempt
 * starts it and the next asks how it went. */
ssize_t yb_attempt(yb_op *op);

/* Makes a write to a socket a send, which raises no signal when the peer has gone. */
void yb_op_write_to_send(yb_op *op);

/* Whether op waits for its descriptor to become writable rather than readable. */
static inline bool yb_op_writes(const yb_op *op)
{
    return op->kind == YB_OP_WRITE || op->kind == YB_OP_SEND || op->kind == YB_OP_SEND_ALL ||
           op->kind == YB_OP_CONNECT || op->kind == YB_OP_SEND_MESSAGE;
}

/* poll(2)'s events of a set of YIBU_READABLE and YIBU_WRITABLE, and back. */
unsigned yb_poll_mask(uint64_t events);
unsigned yb_poll_result(unsigned mask, uint64_t wanted);

#endif
