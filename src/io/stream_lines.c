/* The lines of a stream, one by one. */
#include "base/memory.h"
#include "io/stream.h"

typedef struct lines {
    yibu_iterator iterator;
    yibu_stream *stream;
    yibu_line line;
} lines;

static lines *self(yibu_iterator *iterator)
{
    return YB_CONTAINER_OF(iterator, lines, iterator);
}

static int next(yibu_iterator *iterator, void **ret_item)
{
    lines *l = self(iterator);
    ssize_t n = yibu_stream_readline(l->stream, &l->line.data);
    if (n <= 0)
        return (int)n;
    l->line.size = (size_t)n;
    *ret_item = &l->line;
    return 1;
}

static void release(yibu_iterator *iterator)
{
    yb_free(self(iterator));
}

static const yibu_iterator_class class = {
    .size = sizeof(class),
    .name = "lines of a stream",
    .next = next,
    .free = release,
};

yibu_iterator *yibu_stream_lines(yibu_stream *stream)
{
    lines *l = stream ? yb_calloc(1, sizeof(*l)) : NULL;
    if (!l)
        return NULL;
    l->stream = stream;
    yibu_iterator_init(&l->iterator, &class);
    return &l->iterator;
}
