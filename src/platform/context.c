/* Contexts: what is the same on every machine and off the fast paths.
 *
 * States: running (of each thread, exactly one; stack_pointer is stale), suspended (stack_pointer
 * is valid), exited.  Only the thread that owns a context touches it. */
#include "platform/context.h"

void yb_context_adopt(yb_context *context)
{
    context->stack_pointer = NULL;
    yb_cxx_adopt();
    yb_fiber_adopt(&context->fiber);
}

void yb_context_release(yb_context *context)
{
    yb_fiber_destroy(&context->fiber);
}

void yb_context_switch_in_catch(yb_context *from, yb_context *to)
{
    yb_cxx_globals handling = *yb_cxx_globals_here;
    *yb_cxx_globals_here = (yb_cxx_globals){0};
    yb_context_switch_plain(from, to);
    *yb_cxx_globals_here = handling;
}

void yb_context_start_in_catch(yb_context *from, yb_context *to, yb_stack *stack, yb_entry *entry,
                               void *arg)
{
    yb_cxx_globals handling = *yb_cxx_globals_here;
    *yb_cxx_globals_here = (yb_cxx_globals){0};
    yb_context_start_plain(from, to, stack, entry, arg);
    *yb_cxx_globals_here = handling;
}
