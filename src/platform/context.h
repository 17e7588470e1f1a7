/* A context: the machine state of a suspended coroutine, and the switch between two of them.
 *
 * The switch saves the registers that the ABI makes the callee save, on the stack that is left, and
 * nothing else (System V x86-64 psABI 3.2.1; AAPCS64 6.1).  Floating-point control words belong to
 * the thread unless a task asks for its own (yb_float_environment). */
#ifndef YB_PLATFORM_CONTEXT_H
#define YB_PLATFORM_CONTEXT_H

#include "platform/sanitizer.h"
#include "platform/stack.h"

typedef struct yb_context {
    void *stack_pointer; /* of a context that is not running */
    yb_fiber fiber;      /* what the sanitizers want to know; empty in other builds */
} yb_context;

typedef void yb_entry(void *arg); /* never returns */

/* Adopts the calling thread's own stack as a context, for the loop. */
void yb_context_adopt(yb_context *context);

/* Leaves from, which can be switched to later, and calls entry(arg) on the stack, as context to. */
static inline void yb_context_start(yb_context *from, yb_context *to, yb_stack *stack,
                                    yb_entry *entry, void *arg);

/* Ends what adopt or start began.  Context: any other context of the same thread. */
void yb_context_release(yb_context *context);

/* Leaves from, which can be switched to later, and continues to. */
static inline void yb_context_switch(yb_context *from, yb_context *to);

/* Leaves the running context for ever, and continues to. */
__attribute__((noreturn)) static inline void yb_context_exit(yb_context *to);

#include "platform/context_inline.h"

#endif
