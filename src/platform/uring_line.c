/* See uring_line.h.  A ring of places, by ever growing numbers; while an operation waits, its
 * result is the number of its place. */
#include "platform/uring_line.h"

#include <errno.h>

#include "base/assert.h"
#include "base/memory.h"

enum { FIRST_COUNT = 64 };

static yb_uring_place *place(const yb_uring_line *line, uint32_t number)
{
    return &line->places[number & (line->count - 1)];
}

/* With its first places: how long the line gets depends on chance, and a loop should not need more
 * memory later because of that. */
int yb_uring_line_init(yb_uring_line *line)
{
    *line = (yb_uring_line){.places = yb_malloc(FIRST_COUNT * sizeof(*line->places)),
                            .count = FIRST_COUNT};
    return line->places ? 0 : -ENOMEM;
}

static bool grow(yb_uring_line *line)
{
    uint32_t count = 2 * line->count;
    yb_uring_line larger = {.places = yb_malloc(count * sizeof(*line->places)), .count = count};
    if (!larger.places)
        return false;
    for (uint32_t number = line->first; number != line->end; number++)
        *place(&larger, number) = *place(line, number);
    yb_free(line->places);
    line->places = larger.places;
    line->count = count;
    return true;
}

bool yb_uring_line_add(yb_uring_line *line, yb_op *op)
{
    if (YB_UNLIKELY(line->end - line->first == line->count) && !grow(line))
        return false;
    *place(line, line->end) = (yb_uring_place){op, op->buffer, (uint32_t)op->size, op->fd};
    op->result = (ssize_t)line->end++;
    line->waiting++;
    return true;
}

/* The result of one that does not wait is anything. */
bool yb_uring_line_has(const yb_uring_line *line, const yb_op *op)
{
    uint32_t number = (uint32_t)op->result;
    return number - line->first < line->end - line->first && place(line, number)->op == op;
}

void yb_uring_line_remove(yb_uring_line *line, const yb_op *op)
{
    place(line, (uint32_t)op->result)->op = NULL;
    line->waiting--;
}

const yb_uring_place *yb_uring_line_first(yb_uring_line *line)
{
    for (; line->first != line->end; line->first++)
        if (YB_LIKELY(place(line, line->first)->op != NULL))
            return place(line, line->first);
    return NULL;
}

void yb_uring_line_leave(yb_uring_line *line)
{
    line->first++;
    line->waiting--;
}

void yb_uring_line_free(yb_uring_line *line)
{
    yb_free(line->places);
}
