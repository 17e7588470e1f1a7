/* Looking for separators in a buffer that grows. */
#ifndef YB_IO_SEARCH_H
#define YB_IO_SEARCH_H

#include <yibu/stream.h>

/* A search goes on where it stopped when more bytes have come behind those it has seen. */
typedef struct yb_search {
    const yibu_separator *separators;
    size_t count;
    size_t longest, shortest;
    size_t seen;       /* before this no separator begins */
    uint8_t last[32];  /* a bit for each byte that a separator ends with; for several */
    size_t start, end; /* the match: where the separator begins and ends */
    size_t which;
} yb_search;

/* Returns 0, or -EINVAL where there is no separator or an empty one. */
int yb_search_begin(yb_search *search, const yibu_separator *separators, size_t count);

/* Looks for the first place at which a separator ends, and of those that end there for the longest.
 * bytes are all there are, from the beginning.  Whether there is one. */
bool yb_search_find(yb_search *search, const char *bytes, size_t size);

#endif
