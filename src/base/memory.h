/* Heap memory: every allocation of Yibu goes through the allocator of yibu_set_allocator. */
#ifndef YB_BASE_MEMORY_H
#define YB_BASE_MEMORY_H

#include <stddef.h>

void *yb_malloc(size_t size);
void *yb_calloc(size_t count, size_t size); /* zeroed; NULL also where the product overflows */
void *yb_realloc(void *memory, size_t size);
void yb_free(void *memory);
char *yb_strdup(const char *text);

#endif
