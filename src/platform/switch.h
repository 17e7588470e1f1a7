/* The machine's switch: callee-saved registers and the stack pointer, nothing else.
 *
 * In switch_<architecture>.S, or switch_ucontext.c for machines that have none; building with
 * YB_SWITCH_UCONTEXT picks the latter anywhere.  A "stack pointer" here is whatever the machine
 * needs to go on. */
#ifndef YB_PLATFORM_SWITCH_H
#define YB_PLATFORM_SWITCH_H

#if !defined(YB_SWITCH_UCONTEXT)
#if !(defined(__x86_64__) && defined(__LP64__)) && !defined(__aarch64__)
#define YB_SWITCH_UCONTEXT 1
#else
#define YB_SWITCH_UCONTEXT 0
#endif
#endif

#if !defined(__ASSEMBLER__)

/* Leaves the running stack, with its stack pointer in *ret_from, and goes on with the stack to.
 * Returns once somebody switches back. */
void yb_switch(void **ret_from, void *to);

/* Leaves the running stack likewise, and calls entry(arg), which must not return, on the fresh
 * stack [low, top); top is 16-byte aligned. */
void yb_switch_begin(void **ret_from, char *low, char *top, void (*entry)(void *arg), void *arg);

/* Leaves the running stack for ever. */
#if YB_SWITCH_UCONTEXT
__attribute__((noreturn)) void yb_switch_end(void *to);
#else
__attribute__((noreturn)) static inline void yb_switch_end(void *to)
{
    /* A jump, not a call: see yb_switch_begin in switch_x86_64.S. */
#if defined(__x86_64__)
    __asm__ volatile("movq %0, %%rsp\n\tjmp yb_switch_resume" : : "r"(to) : "memory");
#else
    __asm__ volatile("mov sp, %0\n\tb yb_switch_resume" : : "r"(to) : "memory");
#endif
    __builtin_unreachable();
}
#endif

#endif
#endif
