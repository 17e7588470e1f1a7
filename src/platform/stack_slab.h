/* Slabs: aligned stretches of address space that are carved into stacks of one size. */
#ifndef YB_PLATFORM_STACK_SLAB_H
#define YB_PLATFORM_STACK_SLAB_H

#include "platform/stack.h"
#include "platform/stack_guard.h"

enum {
    YB_SLAB_BYTES = 16 << 20, /* also its alignment, so that an address leads to its slab */
    YB_SLAB_STACKS = YB_SLAB_BYTES / YB_STACK_DEFAULT_BYTES,
};

/* The head of a slab takes the place of its first stack. */
typedef struct yb_slab {
    struct yb_slab *next;
    size_t stride;
    unsigned carved; /* stacks[1] to stacks[carved] exist; [0] is this head */
    unsigned capacity;
    yb_guard_kind kind;                  /* for stacks to come */
    uint64_t marks[YB_SLAB_STACKS / 64]; /* of the batch that is being given back */
    uint8_t kinds[YB_SLAB_STACKS];       /* yb_guard_kind of each stack */
    unsigned valgrind_ids[YB_SLAB_STACKS];
    yb_stack stacks[YB_SLAB_STACKS];
} yb_slab;

/* A slab, or NULL.  near is another one, or NULL, to keep page tables and mappings together. */
yb_slab *yb_slab_new(size_t stride, const yb_slab *near);
void yb_slab_free(yb_slab *slab);

/* Carves up to count stacks that were never used, with memory behind the top of each where there is
 * more than one, and puts them into the list.  Returns how many: 0 where the slab is used up, or
 * there is no memory. */
unsigned yb_slab_carve(yb_slab *slab, unsigned count, yb_stack **list);

static inline yb_slab *yb_slab_of(const yb_stack *stack)
{
    return (yb_slab *)((uintptr_t)stack & ~(uintptr_t)(YB_SLAB_BYTES - 1));
}

static inline size_t yb_slab_index(const yb_slab *slab, const yb_stack *stack)
{
    return (size_t)(stack - slab->stacks);
}

static inline yb_guard_kind yb_slab_kind(const yb_stack *stack)
{
    const yb_slab *slab = yb_slab_of(stack);
    return (yb_guard_kind)slab->kinds[yb_slab_index(slab, stack)];
}

/* Gives the memory of a marked stack, and of its marked neighbours, back; clears the marks. */
void yb_slab_mark(yb_stack *stack);
void yb_slab_give_back_marked(yb_slab *slab);

#endif
