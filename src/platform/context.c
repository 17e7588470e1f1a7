/* Contexts: what is the same on every machine.
 *
 * States: fresh (initialised, its stack holds what the machine's entry wants), running (of each
 * thread, exactly one; stack_pointer is stale), suspended (stack_pointer is valid), exited.  Only
 * the thread that owns a context touches it. */
#include "platform/context.h"

#include "base/assert.h"

void yb_context_adopt(yb_context *context)
{
    context->stack_pointer = NULL;
    yb_cxx_adopt();
    yb_fiber_adopt(&context->fiber);
}

void yb_context_init(yb_context *context, yb_stack *stack, yb_entry *entry, void *arg)
{
    size_t size = (size_t)(stack->top - stack->low);
    yb_fiber_init(&context->fiber, stack->low, size, &entry, &arg);
    context->stack_pointer = yb_switch_prepare(stack->low, stack->top, entry, arg);
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

void yb_context_exit(yb_context *from, yb_context *to)
{
    YB_ASSERT(!yb_cxx_handling());
    yb_fiber_leave(NULL, &to->fiber);
    yb_switch(&from->stack_pointer, to->stack_pointer);
    yb_abort("a context that had exited was switched to");
}
