/* An array in the order of places.  There are few pieces, one or two a job under way and those that
 * are held, so looking through them is quick, and what moves when one comes or goes is short. */
#include "proc/pieces.h"

#include <string.h>

#include "base/assert.h"

void yb_pieces_init(yb_pieces *pieces, uint64_t size)
{
    pieces->size = size;
    pieces->count = 0;
}

/* The free bytes before the piece of that index; behind the last one for the index `count`. */
static yb_piece gap_before(const yb_pieces *pieces, unsigned index)
{
    yb_piece gap = {index > 0 ? pieces->taken[index - 1].end : 0, pieces->size};
    if (index < pieces->count)
        gap.end = pieces->taken[index].start;
    return gap;
}

uint64_t yb_pieces_room(const yb_pieces *pieces, uint64_t wanted, uint64_t *ret_start)
{
    uint64_t most = 0;
    if (pieces->count == YB_PIECES_MOST)
        return 0;
    for (unsigned i = 0; i <= pieces->count && (most < wanted || most == 0); i++) {
        yb_piece gap = gap_before(pieces, i);
        if (gap.end - gap.start > most) {
            most = gap.end - gap.start;
            *ret_start = gap.start;
        }
    }
    return most;
}

/* Of the first piece that does not lie before start. */
static unsigned index_of(const yb_pieces *pieces, uint64_t start)
{
    unsigned i = 0;
    while (i < pieces->count && pieces->taken[i].start < start)
        i++;
    return i;
}

void yb_pieces_take(yb_pieces *pieces, uint64_t start, uint64_t size)
{
    uint64_t whole = (size + YB_PIECES_ALIGNMENT - 1) / YB_PIECES_ALIGNMENT * YB_PIECES_ALIGNMENT;
    unsigned i = index_of(pieces, start);
    yb_piece gap = gap_before(pieces, i);
    YB_ASSERT(pieces->count < YB_PIECES_MOST && whole >= size && size > 0);
    YB_ASSERT(start >= gap.start && start <= gap.end && whole <= gap.end - start);
    memmove(&pieces->taken[i + 1], &pieces->taken[i],
            (pieces->count - i) * sizeof(pieces->taken[0]));
    pieces->taken[i] = (yb_piece){start, start + whole};
    pieces->count++;
}

bool yb_pieces_release(yb_pieces *pieces, uint64_t start)
{
    unsigned i = index_of(pieces, start);
    if (i == pieces->count || pieces->taken[i].start != start)
        return false;
    pieces->count--;
    memmove(&pieces->taken[i], &pieces->taken[i + 1],
            (pieces->count - i) * sizeof(pieces->taken[0]));
    return true;
}
