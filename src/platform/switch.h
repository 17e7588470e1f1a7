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

/* Lays out a stack so that the first switch to the result calls entry(arg), which must not return.
 * top is 16-byte aligned. */
void *yb_switch_prepare(char *low, char *top, void (*entry)(void *arg), void *arg);

#endif
#endif
