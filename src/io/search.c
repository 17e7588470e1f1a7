/* See search.h.  One separator is libc's to find; several are looked for in one pass, which stops
 * at each byte that one of them ends with. */
#include "io/search.h"

#include <errno.h>
#include <string.h>

int yb_search_begin(yb_search *search, const yibu_separator *separators, size_t count)
{
    if (!separators || count == 0)
        return -EINVAL;
    *search = (yb_search){.separators = separators, .count = count, .shortest = SIZE_MAX};
    for (size_t i = 0; i < count; i++) {
        const yibu_separator *s = &separators[i];
        if (!s->data || s->size == 0)
            return -EINVAL;
        search->longest = s->size > search->longest ? s->size : search->longest;
        search->shortest = s->size < search->shortest ? s->size : search->shortest;
        uint8_t last = ((const uint8_t *)s->data)[s->size - 1];
        search->last[last / 8] |= (uint8_t)(1u << last % 8);
    }
    return 0;
}

static bool found(yb_search *search, size_t which, size_t end)
{
    search->which = which;
    search->end = end;
    search->start = end - search->separators[which].size;
    return true;
}

static bool find_one(yb_search *search, const char *bytes, size_t size)
{
    const yibu_separator *s = search->separators;
    const char *from = bytes + search->seen;
    size_t rest = size - search->seen;
    const char *at = s->size == 1 ? memchr(from, *(const unsigned char *)s->data, rest)
                                  : memmem(from, rest, s->data, s->size);
    return at && found(search, 0, (size_t)(at - bytes) + s->size);
}

/* Whether one ends before end: the longest. */
static bool ends_at(yb_search *search, const char *bytes, size_t end)
{
    size_t best = SIZE_MAX, length = 0;
    for (size_t i = 0; i < search->count; i++) {
        const yibu_separator *s = &search->separators[i];
        if (s->size <= end && s->size > length &&
            memcmp(bytes + end - s->size, s->data, s->size) == 0) {
            best = i;
            length = s->size;
        }
    }
    return length > 0 && found(search, best, end);
}

static bool find_any(yb_search *search, const char *bytes, size_t size)
{
    for (size_t end = search->seen + search->shortest; end <= size; end++) {
        uint8_t last = (uint8_t)bytes[end - 1];
        if ((search->last[last / 8] & 1u << last % 8) && ends_at(search, bytes, end))
            return true;
    }
    return false;
}

bool yb_search_find(yb_search *search, const char *bytes, size_t size)
{
    if (size - search->seen < search->shortest)
        return false;
    if (search->count == 1 ? find_one(search, bytes, size) : find_any(search, bytes, size))
        return true;
    search->seen = size >= search->longest ? size + 1 - search->longest : 0;
    return false;
}
