/* The operations that a ring has under way, by descriptor. */
#ifndef YB_PLATFORM_URING_TABLE_H
#define YB_PLATFORM_URING_TABLE_H

#include <stddef.h>

#include "base/assert.h"
#include "platform/backend.h"

typedef struct yb_uring_table {
    yb_op **firsts; /* by slot: of those linked through op->links */
    size_t count;
} yb_uring_table;

/* Those on paths, without a descriptor, have the first slot. */
static inline size_t yb_uring_slot(int fd)
{
    return fd < 0 ? 0 : (size_t)fd + 1;
}

/* The first in that slot; NULL: there is none. */
static inline yb_op *yb_uring_table_first(const yb_uring_table *table, size_t slot)
{
    return slot < table->count ? table->firsts[slot] : NULL;
}

static inline yb_op *yb_uring_table_next(const yb_op *op)
{
    return op->links.next ? YB_CONTAINER_OF(op->links.next, yb_op, links) : NULL;
}

/* Makes the slot exist.  Returns 0 or -ENOMEM. */
int yb_uring_table_reserve(yb_uring_table *table, size_t slot);

/* The lists are open at both ends, for their heads move when the table grows. */
static inline int yb_uring_table_add(yb_uring_table *table, yb_op *op)
{
    size_t slot = yb_uring_slot(op->fd);
    if (YB_UNLIKELY(slot >= table->count)) {
        int error = yb_uring_table_reserve(table, slot);
        if (error < 0)
            return error;
    }
    yb_op *first = table->firsts[slot];
    op->links.previous = NULL;
    op->links.next = first ? &first->links : NULL;
    if (first)
        first->links.previous = &op->links;
    table->firsts[slot] = op;
    return 0;
}

static inline void yb_uring_table_remove(yb_uring_table *table, yb_op *op)
{
    yb_op *next = yb_uring_table_next(op);
    if (next)
        next->links.previous = op->links.previous;
    if (op->links.previous)
        op->links.previous->next = op->links.next;
    else
        table->firsts[yb_uring_slot(op->fd)] = next;
}

void yb_uring_table_free(yb_uring_table *table);

#endif
