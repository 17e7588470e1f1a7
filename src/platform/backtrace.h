/* The stack of another thread of this process, taken while that thread is wherever it is. */
#ifndef YB_PLATFORM_BACKTRACE_H
#define YB_PLATFORM_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { YB_BACKTRACE_FRAMES = 64 };

typedef struct yb_backtrace {
    void *frames[YB_BACKTRACE_FRAMES]; /* innermost first */
    unsigned count;
    bool exact; /* the innermost is where the thread is; all others are where calls return to */
} yb_backtrace;

/* Runs in the thread, in a signal handler, before its stack is taken: async-signal-safe.  False:
 * the stack is not wanted any more. */
typedef bool yb_backtrace_consent(void *arg);

/* Loads the unwinder, for which the loader's lock is taken: before start, and without locks of
 * ours. */
void yb_backtrace_load(void);

/* Installs the handler.  Returns 0 or a negative errno.  Start and stop in turns. */
int yb_backtrace_start(void);
void yb_backtrace_stop(void);
/* In the child of a fork, where nobody is being asked. */
void yb_backtrace_after_fork(void);

/* Asks the thread, and waits patience_ns for it to begin, longer where it only lacks a processor.
 * One caller at a time.
 * Returns 0; -ECANCELED where the consent was refused; -EPERM where it blocks the signal;
 * -ETIMEDOUT where it did not answer, since it waits uninterruptibly; -EBUSY where the program has
 * taken the signal for itself; -ESRCH where the thread is gone. */
int yb_backtrace_take(pid_t thread, yb_backtrace_consent *consent, void *arg, int64_t patience_ns,
                      yb_backtrace *ret_stack);

/* For the handler of faults: goes on where unwinding was given up, where it is this thread's
 * unwinding that has led astray; else returns.  Async-signal-safe. */
void yb_backtrace_rescue(void);

#endif
