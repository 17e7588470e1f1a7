/* A list of strings that grows: it owns each of them. */
#include "string_list.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(struct string_list *list)
{
    if (list->count < list->capacity)
        return true;
    size_t capacity = list->capacity ? 2 * list->capacity : 16;
    char **items = reallocarray(list->items, capacity, sizeof(*items));
    if (!items)
        return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

bool string_list_take(struct string_list *list, char *item)
{
    if (!item || !make_room(list)) {
        free(item);
        return false;
    }
    list->items[list->count++] = item;
    return true;
}

bool string_list_copy(struct string_list *list, const char *item, size_t length)
{
    return string_list_take(list, strndup(item, length));
}

void string_list_free(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}
