/* See uring_table.h. */
#include "platform/uring_table.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST_COUNT = 64 };

int yb_uring_table_reserve(yb_uring_table *table, size_t slot)
{
    size_t count = table->count ? table->count : FIRST_COUNT;
    while (count <= slot)
        count *= 2;
    yb_op **firsts = yb_realloc(table->firsts, count * sizeof(*firsts));
    if (!firsts)
        return -ENOMEM;
    memset(firsts + table->count, 0, (count - table->count) * sizeof(*firsts));
    table->firsts = firsts;
    table->count = count;
    return 0;
}

void yb_uring_table_free(yb_uring_table *table)
{
    yb_free(table->firsts);
}
