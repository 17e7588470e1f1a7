/* Where every slab of the process is, for signal handlers and debuggers. */
#ifndef YB_PLATFORM_SLAB_REGISTRY_H
#define YB_PLATFORM_SLAB_REGISTRY_H

#include <stdbool.h>

struct yb_stack;

int yb_registry_add(const void *slab); /* 0 or -ENOMEM */
void yb_registry_remove(const void *slab);

/* The stack whose stretch of its slab, guard included, holds address; NULL: none.
 * Async-signal-safe, from any thread. */
const struct yb_stack *yb_registry_find(const void *address, bool *ret_in_guard);

#endif
