/* Stacks of coroutines, from slabs of address space, guarded, reused while hot. */
#ifndef YB_PLATFORM_STACK_H
#define YB_PLATFORM_STACK_H

#include <stddef.h>

/* One stack: metadata beside the stack, never on it. */
typedef struct yb_stack {
    char *low;              /* lowest usable byte, just above the guard */
    char *top;              /* first byte above what a context may use, coloured, 16-byte aligned */
    void *owner;            /* what the overflow report asks about; set by yb_stack_acquire */
    struct yb_stack *next;  /* in the pool's free list */
} yb_stack;

/* The stacks of one loop's thread.  Not shared between threads. */
typedef struct yb_stack_pool yb_stack_pool;

int yb_stack_pool_new(yb_stack_pool **ret_pool);
void yb_stack_pool_free(yb_stack_pool *pool); /* every stack must have been released */

/* A stack of at least size bytes (0: the default class) with its guard; NULL when out of memory or
 * size is above the largest class. The most recently released one first. */
yb_stack *yb_stack_acquire(yb_stack_pool *pool, size_t size, void *owner);
void yb_stack_release(yb_stack_pool *pool, yb_stack *stack);

/* Gives memory of stacks that have been idle back to the kernel, in batches; called by the loop
 * when it is about to wait. */
void yb_stack_pool_trim(yb_stack_pool *pool);

/* Describes the owner of the stack that overflowed: writes text, async-signal-safely. */
typedef void yb_stack_describe(void *owner, char *ret_text, size_t size);

/* Installs the handler (alternate stack on this thread, SIGSEGV and SIGBUS) that reports an
 * overflow of any coroutine stack in the process and then lets the signal take its course; faults
 * elsewhere go to whoever had the signal before.  Idempotent; reference counted by thread. */
int yb_overflow_watch_start(yb_stack_describe *describe);
void yb_overflow_watch_stop(void);

#endif
