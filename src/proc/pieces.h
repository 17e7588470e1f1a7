/* Book-keeping of a stretch of bytes that is handed out in pieces and taken back in any order: what
 * large inputs and outputs lie in, since a payload is held for as long as its owner likes.
 *
 * It never touches the bytes, so it can stay private to the one who hands out.  The lowest place is
 * taken first, so that light use stays in memory that is warm. */
#ifndef YB_PROC_PIECES_H
#define YB_PROC_PIECES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    YB_PIECES_MOST = 512,       /* at once */
    YB_PIECES_ALIGNMENT = 4096, /* a page, so that neighbours are given back apart */
};

typedef struct yb_piece {
    uint64_t start, end;
} yb_piece;

typedef struct yb_pieces {
    uint64_t size;
    unsigned count;
    yb_piece taken[YB_PIECES_MOST]; /* by place, never overlapping */
} yb_pieces;

/* size is a multiple of YB_PIECES_ALIGNMENT. */
void yb_pieces_init(yb_pieces *pieces, uint64_t size);

/* Where a piece could be put: the lowest place with at least wanted bytes, else the largest.
 * Returns how many there are, 0 where there are too many pieces; *ret_start is for
 * yb_pieces_take. */
uint64_t yb_pieces_room(const yb_pieces *pieces, uint64_t wanted, uint64_t *ret_start);

/* Takes size bytes, more than none, which yb_pieces_room said are there. */
void yb_pieces_take(yb_pieces *pieces, uint64_t start, uint64_t size);

/* Takes back the piece that begins there.  Returns whether there was one. */
bool yb_pieces_release(yb_pieces *pieces, uint64_t start);

#endif
