/* See chunks.h. */
#include "io/chunks.h"

#include <string.h>

#include "base/memory.h"

enum { CHUNK_BYTES = 16384 - (int)sizeof(yb_chunk) };

static size_t room_of(const yb_chunks *chunks)
{
    return chunks->last ? chunks->last->capacity - chunks->last->end : 0;
}

static bool grow(yb_chunks *chunks, size_t size)
{
    size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    yb_chunk *chunk = yb_malloc(sizeof(*chunk) + capacity);
    if (!chunk)
        return false;
    *chunk = (yb_chunk){.capacity = capacity};
    if (chunks->last)
        chunks->last->next = chunk;
    else
        chunks->first = chunk;
    chunks->last = chunk;
    return true;
}

/* Fills `at` and those behind it, which have the room. */
static yb_chunk *copy(yb_chunk *at, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t room = at->capacity - at->end;
        size_t n = size < room ? size : room;
        memcpy(at->bytes + at->end, bytes, n);
        at->end += n;
        bytes += n;
        size -= n;
        if (size > 0)
            at = at->next;
    }
    return at;
}

bool yb_chunks_add(yb_chunks *chunks, const struct iovec *pieces, size_t count, size_t skip)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].iov_len;
    size -= skip;
    yb_chunk *at = chunks->last;
    size_t room = room_of(chunks);
    if (size > room && !grow(chunks, size - room))
        return false;
    if (!at)
        at = chunks->first;
    for (size_t i = 0; i < count; i++) {
        size_t skipped = skip < pieces[i].iov_len ? skip : pieces[i].iov_len;
        skip -= skipped;
        if (pieces[i].iov_len > skipped)
            at = copy(at, (const char *)pieces[i].iov_base + skipped, pieces[i].iov_len - skipped);
    }
    chunks->size += size;
    return true;
}

static void drop_first(yb_chunks *chunks)
{
    yb_chunk *first = chunks->first;
    chunks->first = first->next;
    if (!chunks->first)
        chunks->last = NULL;
    yb_free(first);
}

void yb_chunks_take(yb_chunks *chunks, size_t size)
{
    yb_chunk *first = chunks->first;
    first->start += size;
    chunks->size -= size;
    if (first->start == first->end)
        drop_first(chunks);
}

void yb_chunks_clear(yb_chunks *chunks)
{
    while (chunks->first)
        drop_first(chunks);
    chunks->size = 0;
}
