/* The pointers of an array, as an async iterator. */
#include <yibu/iterator.h>

#include "base/memory.h"
#include "task/task.h"

typedef struct array {
    yibu_iterator iterator; /* first */
    void *const *items;
    size_t count, taken;
} array;

/* An endless consumer of it still lets others run. */
static int next(yibu_iterator *iterator, void **ret_item)
{
    array *a = (array *)(void *)iterator;
    if (a->taken == a->count)
        return 0;
    *ret_item = a->items[a->taken++];
    yb_task_spend(yb_task_current);
    return 1;
}

static void release(yibu_iterator *iterator)
{
    yb_free(iterator);
}

yibu_iterator *yibu_iterate_array(void *const *items, size_t count)
{
    static const yibu_iterator_class class = {
        .size = sizeof(class), .name = "array", .next = next, .free = release};
    array *a = items || count == 0 ? yb_malloc(sizeof(*a)) : NULL;
    if (!a)
        return NULL;
    yibu_iterator_init(&a->iterator, &class);
    a->items = items;
    a->count = count;
    a->taken = 0;
    return &a->iterator;
}
