/* Buffers whose memory is not the heap's. */
#ifndef YB_BASE_BUFFER_H
#define YB_BASE_BUFFER_H

#include <yibu/buffer.h>

/* Makes the capacity of a buffer at least so many bytes, keeping its content.  0 or -ENOMEM. */
typedef int yb_buffer_grow(yibu_buffer *buffer, size_t capacity);

/* An empty buffer over memory that its owner lends; lender is asked when it does not suffice. */
void yb_buffer_lend(yibu_buffer *buffer, void *memory, size_t capacity, yb_buffer_grow *lender);

/* Whether the buffer still is what it was lent, not one of the heap assigned over it. */
bool yb_buffer_lent(const yibu_buffer *buffer);

#endif
