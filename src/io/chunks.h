/* Bytes in line to be written: a list of pieces that stay where they are, so that the kernel can
 * read the first of them while more are added. */
#ifndef YB_IO_CHUNKS_H
#define YB_IO_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

typedef struct yb_chunk {
    struct yb_chunk *next;
    size_t start, end, capacity;
    char bytes[];
} yb_chunk;

/* Zero is empty. */
typedef struct yb_chunks {
    yb_chunk *first, *last;
    size_t size; /* of all */
} yb_chunks;

/* Adds copies of the pieces but for the first `skip` bytes of them: of all or, without memory
 * (false), of nothing. */
bool yb_chunks_add(yb_chunks *chunks, const struct iovec *pieces, size_t count, size_t skip);

/* Drops bytes from the front, where there are as many in the first chunk. */
void yb_chunks_take(yb_chunks *chunks, size_t size);

void yb_chunks_clear(yb_chunks *chunks);

#endif
