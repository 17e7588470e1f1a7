/* A list of strings that grows. */
#ifndef CRAWL_STRING_LIST_H
#define CRAWL_STRING_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct string_list {
    char **items;
    size_t count;
    size_t capacity;
};

/* Takes the string over, also where it fails for want of memory (then frees it). */
bool string_list_take(struct string_list *list, char *item);
bool string_list_copy(struct string_list *list, const char *item, size_t length);
void string_list_free(struct string_list *list);

#endif
