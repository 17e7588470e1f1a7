/* The switch for machines without one of ours: POSIX's ucontext, which costs two system calls a
 * switch for the signal mask.  A "stack pointer" is the ucontext_t, which lies on its own stack. */
#include "platform/switch.h"

#include <stddef.h>
#include <stdint.h>

#if YB_SWITCH_UCONTEXT

#include <ucontext.h>

#include "base/assert.h"

void yb_switch(void **ret_from, void *to)
{
    ucontext_t here;
    *ret_from = &here;
    int failed = swapcontext(&here, to);
    YB_ASSERT(!failed);
}

/* makecontext passes ints: a pointer travels as two. */
static void start(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low)
{
    uint64_t entry = (uint64_t)entry_high << 32 | entry_low;
    uint64_t arg = (uint64_t)arg_high << 32 | arg_low;
    ((void (*)(void *))(uintptr_t)entry)((void *)(uintptr_t)arg);
    yb_abort("the entry of a context returned");
}

void yb_switch_begin(void **ret_from, char *low, char *top, void (*entry)(void *arg), void *arg)
{
    uintptr_t place = ((uintptr_t)top - sizeof(ucontext_t)) & ~(uintptr_t)63;
    ucontext_t *context = (ucontext_t *)place;
    uint64_t entry_bits = (uintptr_t)entry;
    uint64_t arg_bits = (uintptr_t)arg;
    int failed = getcontext(context);
    YB_ASSERT(!failed);
    context->uc_link = NULL;
    context->uc_stack.ss_sp = low;
    context->uc_stack.ss_size = place - (uintptr_t)low;
    makecontext(context, (void (*)(void))start, 4, (unsigned)(entry_bits >> 32),
                (unsigned)entry_bits, (unsigned)(arg_bits >> 32), (unsigned)arg_bits);
    yb_switch(ret_from, context);
}

void yb_switch_end(void *to)
{
    setcontext(to);
    yb_abort("the context to continue with is broken");
}

#endif
