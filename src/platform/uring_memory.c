/* See uring_memory.h.  The table is made with the first area, empty but for it. */
#include "platform/uring_memory.h"

#include <errno.h>
#include <stdint.h>

static int update(struct io_uring *ring, unsigned number, const struct iovec *area)
{
    __u64 tag = 0;
    int n = io_uring_register_buffers_update_tag(ring, number, area, &tag, 1);
    return n < 0 ? n : 0;
}

static int prepare(yb_uring_memory *memory, struct io_uring *ring)
{
    if (memory->ready)
        return 0;
    int r = io_uring_register_buffers_sparse(ring, YB_URING_AREAS);
    memory->ready = r == 0;
    return r;
}

static int find_free(const yb_uring_memory *memory)
{
    for (int i = 0; i < YB_URING_AREAS; i++)
        if (!memory->areas[i].iov_base)
            return i;
    return -ENOSPC;
}

int yb_uring_memory_add(yb_uring_memory *memory, struct io_uring *ring, void *base, size_t size)
{
    int number = find_free(memory);
    if (number < 0)
        return number;
    const struct iovec area = {base, size};
    int r = prepare(memory, ring);
    if (r == 0)
        r = update(ring, (unsigned)number, &area);
    if (r < 0)
        return r;
    memory->areas[number] = area;
    return number;
}

void yb_uring_memory_remove(yb_uring_memory *memory, struct io_uring *ring, int number)
{
    memory->areas[number] = (struct iovec){0};
    if (memory->ready)
        (void)update(ring, (unsigned)number, &memory->areas[number]);
}

void yb_uring_memory_move(yb_uring_memory *memory, struct io_uring *ring)
{
    if (!memory->ready)
        return;
    memory->ready = false;
    int r = prepare(memory, ring);
    for (unsigned i = 0; i < YB_URING_AREAS && r == 0; i++)
        if (memory->areas[i].iov_base)
            r = update(ring, i, &memory->areas[i]);
    memory->ready = r == 0;
}
