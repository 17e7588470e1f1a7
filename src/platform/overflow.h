/* The report of a stack overflow: whose stack it was, and what to do about it. */
#ifndef YB_PLATFORM_OVERFLOW_H
#define YB_PLATFORM_OVERFLOW_H

#include <stddef.h>

#include "platform/stack.h"

/* Writes what the owner of a stack is called into ret_text, for example
 * `task "fetch-7" (created at main.c:12)`.  Runs in a signal handler: async-signal-safe. */
typedef void yb_stack_describe(void *owner, char *ret_text, size_t size);

/* Installs a handler of SIGSEGV and SIGBUS, with an alternate stack for this thread, that reports
 * an overflow of any coroutine's stack in the process and then lets the signal take its course;
 * faults elsewhere go to whoever had the signal before.  Counted: each thread may start several
 * times and stops as often.  Returns 0 or a negative errno. */
int yb_overflow_watch_start(yb_stack_describe *describe);
void yb_overflow_watch_stop(void);

/* Says `stack overflow in …` of that stack on standard error.  Async-signal-safe. */
void yb_overflow_report(const yb_stack *stack);

#endif
