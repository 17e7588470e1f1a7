/* See buffer.h. */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

bool yb_tls_buffer_reserve(yb_tls_buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->end >= size)
        return true;
    size_t held = yb_tls_buffered(buffer);
    if (held == 0 && buffer->capacity < size)
        yb_tls_buffer_clear(buffer); /* nothing to be moved along */
    if (held > 0 && buffer->start > 0)
        memmove(buffer->bytes, buffer->bytes + buffer->start, held);
    buffer->start = 0;
    buffer->end = held;
    if (buffer->capacity - held >= size)
        return true;
    size_t capacity = held * 2 > held + size ? held * 2 : held + size;
    char *bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

void yb_tls_buffer_consume(yb_tls_buffer *buffer, size_t size)
{
    buffer->start += size;
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
}

void yb_tls_buffer_clear(yb_tls_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (yb_tls_buffer){0};
}

char *yb_tls_new_text(const void *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return NULL;
    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}
