/* Separators in a stream: however the bytes are cut into pieces, the same parts come out, and they
 * are those that a search without any cleverness finds. */
#include <yibu.h>

#include "check.h"
#include "io/search.h"

enum { MAX_SEPARATORS = 4 };

typedef struct input {
    yibu_separator separators[MAX_SEPARATORS];
    size_t count;
    const uint8_t *bytes;
    size_t size;
} input;

static bool read_input(stream *s, input *in)
{
    in->count = 1 + take(s) % MAX_SEPARATORS;
    for (size_t i = 0; i < in->count; i++) {
        size_t size = 1 + take(s) % 3;
        if ((size_t)(s->end - s->at) < size)
            return false;
        in->separators[i] = (yibu_separator){s->at, size};
        s->at += size;
    }
    in->bytes = s->at;
    in->size = (size_t)(s->end - s->at);
    return true;
}

static bool ends_with(const uint8_t *from, size_t end, yibu_separator separator)
{
    return separator.size <= end &&
           memcmp(from + end - separator.size, separator.data, separator.size) == 0;
}

/* The length of the part at `from`, its separator included, or 0. */
static size_t plain_search(const input *in, const uint8_t *from, size_t size, size_t *ret_which)
{
    for (size_t end = 1; end <= size; end++) {
        size_t longest = 0;
        for (size_t i = 0; i < in->count; i++)
            if (ends_with(from, end, in->separators[i]) && in->separators[i].size > longest) {
                longest = in->separators[i].size;
                *ret_which = i;
            }
        if (longest > 0)
            return end;
    }
    return 0;
}

/* The same in steps, each of which sees a little more. */
static void check_part(const input *in, const uint8_t *from, size_t size, size_t step)
{
    size_t which = 0;
    size_t expected = plain_search(in, from, size, &which);
    yb_search search;
    CHECK(yb_search_begin(&search, in->separators, in->count) == 0);
    bool found = false;
    size_t seen = 0;
    while (!found && seen < size) {
        seen = size - seen < step ? size : seen + step;
        found = yb_search_find(&search, (const char *)from, seen);
        CHECK(!found || search.end <= seen);
    }
    CHECK(found == (expected > 0));
    if (!found)
        return;
    CHECK(search.end == expected);
    CHECK(search.end - search.start == in->separators[search.which].size);
    CHECK(search.end - search.start == in->separators[which].size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream s = {data, data + size};
    size_t step = 1 + take(&s) % 16;
    input in;
    if (!read_input(&s, &in))
        return 0;
    size_t which;
    for (size_t at = 0; at < in.size;) {
        check_part(&in, in.bytes + at, in.size - at, step);
        size_t length = plain_search(&in, in.bytes + at, in.size - at, &which);
        if (length == 0)
            break;
        at += length;
    }
    return 0;
}
