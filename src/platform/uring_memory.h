/* Memory that is registered with a ring, so that the kernel need not pin its pages for each read or
 * write that goes past the page cache. */
#ifndef YB_PLATFORM_URING_MEMORY_H
#define YB_PLATFORM_URING_MEMORY_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>

enum { YB_URING_AREAS = 16 };

typedef struct yb_uring_memory {
    bool ready; /* the ring has a table of areas */
    struct iovec areas[YB_URING_AREAS];
} yb_uring_memory;

/* Registers an area.  Returns its number, or a negative errno: -ENOSPC where there are
 * YB_URING_AREAS already, -ENOMEM where more may not be locked (RLIMIT_MEMLOCK). */
int yb_uring_memory_add(yb_uring_memory *memory, struct io_uring *ring, void *base, size_t size);

/* Gives the area up.  No operation uses it any more. */
void yb_uring_memory_remove(yb_uring_memory *memory, struct io_uring *ring, int number);

/* Registers all areas with another ring; where that fails, none is ready. */
void yb_uring_memory_move(yb_uring_memory *memory, struct io_uring *ring);

#endif
