/* The fast path of yb_context_switch: a test for exceptions in flight, and the machine's switch. */
#ifndef YB_PLATFORM_CONTEXT_INLINE_H
#define YB_PLATFORM_CONTEXT_INLINE_H

#include "platform/cxx_exceptions.h"
#include "platform/switch.h"

/* The switch while C++ exceptions are being handled. */
void yb_context_switch_in_catch(yb_context *from, yb_context *to);

static inline void yb_context_switch_plain(yb_context *from, yb_context *to)
{
    yb_fiber_leave(&from->fiber, &to->fiber);
    yb_switch(&from->stack_pointer, to->stack_pointer);
    yb_fiber_enter(&from->fiber);
}

static inline void yb_context_switch(yb_context *from, yb_context *to)
{
    if (__builtin_expect(yb_cxx_handling(), 0))
        yb_context_switch_in_catch(from, to);
    else
        yb_context_switch_plain(from, to);
}

#endif
