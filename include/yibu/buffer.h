/* Bytes that grow: what jobs answer and files are read into. */
#ifndef YIBU_BUFFER_H
#define YIBU_BUFFER_H

#include <yibu/base.h>

/* Bytes that grow.  Zero is empty.  Freed with yibu_buffer_free. */
typedef struct yibu_buffer {
    void *data;
    size_t size;
    size_t capacity;
    uintptr_t reserved[2];
} yibu_buffer;

YIBU_BEGIN_DECLS

/* Appends bytes; grows as needed.  Returns 0, or -ENOMEM with the buffer as it was. */
YIBU_API int yibu_buffer_append(yibu_buffer *buffer, const void *data, size_t size);

/* Makes room for at least size more bytes after the end: write there, then add to buffer->size.
 * Returns 0 or -ENOMEM. */
YIBU_API int yibu_buffer_reserve(yibu_buffer *buffer, size_t size);

/* Frees the bytes and makes the buffer empty. */
YIBU_API void yibu_buffer_free(yibu_buffer *buffer);

YIBU_END_DECLS

#endif
