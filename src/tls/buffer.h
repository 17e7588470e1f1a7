/* Bytes on their way: appended at one end, taken from the other. */
#ifndef YB_TLS_BUFFER_H
#define YB_TLS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Zero is empty, without memory. */
typedef struct yb_tls_buffer {
    char *bytes;
    size_t start, end, capacity;
} yb_tls_buffer;

static inline size_t yb_tls_buffered(const yb_tls_buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Room for size bytes behind what is buffered, which may move; false without memory. */
bool yb_tls_buffer_reserve(yb_tls_buffer *buffer, size_t size);

/* Drops bytes from the front; an empty buffer begins anew. */
void yb_tls_buffer_consume(yb_tls_buffer *buffer, size_t size);

/* A string of its own from bytes that have no end; NULL without memory. */
char *yb_tls_new_text(const void *bytes, size_t size);

/* Gives the memory back. */
void yb_tls_buffer_clear(yb_tls_buffer *buffer);

#endif
