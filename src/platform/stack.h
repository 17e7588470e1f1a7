/* Stacks of coroutines, from slabs of address space, guarded, reused while hot. */
#ifndef YB_PLATFORM_STACK_H
#define YB_PLATFORM_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One stack: metadata beside the stack, never on it. */
typedef struct yb_stack {
    char *low;             /* lowest usable byte, just above the guard */
    char *top;             /* first byte above what a context may use, coloured, 16-byte aligned */
    void *owner;           /* what the overflow report asks about; NULL: free */
    struct yb_stack *next; /* while free: in one of the pool's lists */
} yb_stack;

/* Sizes count the guard: of 64 KiB a context gets 48. */
enum {
    YB_STACK_DEFAULT_BYTES = 64 << 10,
    YB_STACK_MIDDLE_BYTES = 256 << 10,
    YB_STACK_LARGE_BYTES = 1 << 20,
    YB_STACK_CLASSES = 3,
};

/* The free stacks of one size.  Each list is last in, first out; they are asked in this order. */
typedef struct yb_stack_class {
    yb_stack *hot;         /* released since the last rotation */
    yb_stack *warm;        /* released before it, not needed since */
    yb_stack *cooling;     /* not needed for a whole period: their memory is being given back */
    yb_stack *cold;        /* hold no memory */
    size_t stride;         /* bytes from one stack to the next */
    unsigned count;        /* stacks that exist, free or not */
    struct yb_slab *slabs; /* the first has room left, the others are carved up */
} yb_stack_class;

/* The stacks of one loop's thread.  Not shared between threads. */
typedef struct yb_stack_pool {
    yb_stack_class classes[YB_STACK_CLASSES];
    int64_t rotate_ns; /* when the lists age next; INT64_MAX: there was nothing to age */
    bool canaries;     /* some stacks have a canary for a guard: looked at when released */
} yb_stack_pool;

int yb_stack_pool_new(yb_stack_pool **ret_pool);
void yb_stack_pool_free(yb_stack_pool *pool); /* every stack must have been released */

/* Gives the memory of stacks that nobody needed for YB_STACK_IDLE_NS or longer back to the kernel,
 * a batch at a time; for the loop when it is about to wait.  Returns when it wants to be called
 * again: now_ns where more is due, INT64_MAX where no free stack holds memory. */
enum { YB_STACK_IDLE_NS = 1000000000 };
int64_t yb_stack_pool_trim(yb_stack_pool *pool, int64_t now_ns);

/* The paths that leave the hot list. */
yb_stack *yb_stack_acquire_slowly(yb_stack_pool *pool, size_t size, void *owner);
void yb_stack_release_other(yb_stack_pool *pool, yb_stack *stack);

/* A stack of size bytes or more (0: the default) with its guard, the most recently released one
 * first; NULL when out of memory or size is above the largest class. */
static inline yb_stack *yb_stack_acquire(yb_stack_pool *pool, size_t size, void *owner)
{
    yb_stack *stack = pool->classes[0].hot;
    if (__builtin_expect(!stack || size > YB_STACK_DEFAULT_BYTES, 0))
        return yb_stack_acquire_slowly(pool, size, owner);
    pool->classes[0].hot = stack->next;
    stack->owner = owner;
    return stack;
}

static inline void yb_stack_release(yb_stack_pool *pool, yb_stack *stack)
{
    bool other = stack->top - stack->low > YB_STACK_DEFAULT_BYTES || pool->canaries;
    if (__builtin_expect(other, 0)) {
        yb_stack_release_other(pool, stack);
        return;
    }
    stack->owner = NULL;
    stack->next = pool->classes[0].hot;
    pool->classes[0].hot = stack;
}

/* Aborts where the stack's canary is gone, if it has one for a guard. */
void yb_stack_check(const yb_stack *stack);

#endif
