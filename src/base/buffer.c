/* Buffers: bytes that grow, on the heap, or in memory that somebody lends.
 *
 * reserved[0] is zero for the heap's, else the lender's yb_buffer_grow. */
#include "base/buffer.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"

enum { SMALLEST = 64 };

static int grow_heap(yibu_buffer *buffer, size_t capacity)
{
    void *data = yb_realloc(buffer->data, capacity);
    if (!data)
        return -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

static int grow(yibu_buffer *buffer, size_t needed)
{
    if (yb_buffer_lent(buffer)) {
        yb_buffer_grow *lender;
        memcpy(&lender, &buffer->reserved[0], sizeof(lender));
        return lender(buffer, needed);
    }
    size_t doubled = buffer->capacity > SIZE_MAX / 2 ? SIZE_MAX : 2 * buffer->capacity;
    size_t capacity = needed > doubled ? needed : doubled;
    if (capacity < SMALLEST)
        capacity = SMALLEST;
    int r = grow_heap(buffer, capacity);
    return r < 0 && needed < capacity ? grow_heap(buffer, needed) : r;
}

int yibu_buffer_reserve(yibu_buffer *buffer, size_t size)
{
    if (!buffer)
        return -EINVAL;
    if (size <= buffer->capacity - buffer->size)
        return 0;
    return size > SIZE_MAX - buffer->size ? -ENOMEM : grow(buffer, buffer->size + size);
}

int yibu_buffer_append(yibu_buffer *buffer, const void *data, size_t size)
{
    if (!data && size > 0)
        return -EINVAL;
    int r = yibu_buffer_reserve(buffer, size);
    if (r < 0 || size == 0)
        return r;
    memcpy((char *)buffer->data + buffer->size, data, size);
    buffer->size += size;
    return 0;
}

void yibu_buffer_free(yibu_buffer *buffer)
{
    if (!buffer)
        return;
    if (yb_buffer_lent(buffer)) {
        buffer->size = 0;
        return;
    }
    yb_free(buffer->data);
    *buffer = (yibu_buffer){0};
}

void yb_buffer_lend(yibu_buffer *buffer, void *memory, size_t capacity, yb_buffer_grow *lender)
{
    *buffer = (yibu_buffer){.data = memory, .capacity = capacity};
    memcpy(&buffer->reserved[0], &lender, sizeof(lender));
}

bool yb_buffer_lent(const yibu_buffer *buffer)
{
    return buffer->reserved[0] != 0;
}
