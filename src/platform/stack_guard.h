/* Guards: what is below a stack, so that running over its end is noticed. */
#ifndef YB_PLATFORM_STACK_GUARD_H
#define YB_PLATFORM_STACK_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The best kind that the process can have now is taken; tests take others. */
typedef enum yb_guard_kind {
    YB_GUARD_MARKED,    /* MADV_GUARD_INSTALL: markers in the page table, no mapping */
    YB_GUARD_PROTECTED, /* pages without access: each costs two mappings of vm.max_map_count */
    YB_GUARD_CANARY     /* a known word at the end of the stack, looked at when it is released */
} yb_guard_kind;

enum {
    YB_GUARD_BYTES = 16 << 10, /* more than a frame that a compiler leaves unprobed */
};

/* The kind for the stacks of [reserved, reserved + size), address space without access so far;
 * makes it accessible where that kind wants it so. */
yb_guard_kind yb_guard_choose(char *reserved, size_t size);

/* Makes count stacks of size bytes each, from reserved on, accessible, each with its guard at the
 * low end, of the kind that was chosen or of a lesser one where that has become impossible. Returns
 * how many there are now, and the kind of each. */
unsigned yb_guard_install(yb_guard_kind kind, char *reserved, size_t size, unsigned count,
                          uint8_t *ret_kinds);

/* Gives count protected guards back to the budget. */
void yb_guard_forget(size_t count);

/* The canary is the lowest word of the stack. */
void yb_guard_set_canary(char *low);
bool yb_guard_canary_intact(const char *low);

/* For tests: the best kind that may be taken, and how many protected guards there may be. */
void yb_guard_limit(yb_guard_kind best, size_t protected_budget);

#endif
