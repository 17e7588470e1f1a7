/* Where a thread's stack pointer was when a signal came. */
#ifndef YB_PLATFORM_FAULT_H
#define YB_PLATFORM_FAULT_H

#include <stdint.h>
#include <ucontext.h>

/* machine is a signal handler's third argument.  0 where this is not known for the machine. */
static inline uintptr_t yb_fault_stack_pointer(const void *machine)
{
    const ucontext_t *context = machine;
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

#endif
