/* The fast paths of the switches: a test for exceptions in flight, and the machine's switch. */
#ifndef YB_PLATFORM_CONTEXT_INLINE_H
#define YB_PLATFORM_CONTEXT_INLINE_H

#include "base/assert.h"
#include "platform/cxx_exceptions.h"
#include "platform/switch.h"

/* The same while C++ exceptions are being handled. */
void yb_context_switch_in_catch(yb_context *from, yb_context *to);
void yb_context_start_in_catch(yb_context *from, yb_context *to, yb_stack *stack, yb_entry *entry,
                               void *arg);

static inline void yb_context_switch_plain(yb_context *from, yb_context *to)
{
    yb_fiber_leave(&from->fiber, &to->fiber);
    yb_switch(&from->stack_pointer, to->stack_pointer);
    yb_fiber_enter(&from->fiber);
}

static inline void yb_context_start_plain(yb_context *from, yb_context *to, yb_stack *stack,
                                          yb_entry *entry, void *arg)
{
    yb_fiber_init(&to->fiber, stack->low, (size_t)(stack->top - stack->low), &entry, &arg);
    yb_fiber_leave(&from->fiber, &to->fiber);
    yb_switch_begin(&from->stack_pointer, stack->low, stack->top, entry, arg);
    yb_fiber_enter(&from->fiber);
}

static inline void yb_context_start(yb_context *from, yb_context *to, yb_stack *stack,
                                    yb_entry *entry, void *arg)
{
    if (__builtin_expect(yb_cxx_handling(), 0))
        yb_context_start_in_catch(from, to, stack, entry, arg);
    else
        yb_context_start_plain(from, to, stack, entry, arg);
}

/* Always inline: a call would leave its return address on the return predictor's stack, and every
 * return of the context that goes on would be predicted wrong (spawn and join: 66 ns, not 33). */
__attribute__((always_inline)) static inline void yb_context_exit(yb_context *to)
{
    YB_ASSERT(!yb_cxx_handling());
    yb_fiber_leave(NULL, &to->fiber);
    yb_switch_end(to->stack_pointer);
}

static inline void yb_context_switch(yb_context *from, yb_context *to)
{
    if (__builtin_expect(yb_cxx_handling(), 0))
        yb_context_switch_in_catch(from, to);
    else
        yb_context_switch_plain(from, to);
}

#endif
