/* Heap memory: every allocation of Yibu goes through the allocator of yibu_set_allocator. */
#ifndef YB_BASE_MEMORY_H
#define YB_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *yb_malloc(size_t size);
void *yb_calloc(size_t count, size_t size); /* zeroed; NULL also where the product overflows */
void *yb_realloc(void *memory, size_t size);
void yb_free(void *memory);
char *yb_strdup(const char *text);

/* Lets allocations of this thread fail: from now on `fails` is asked before each, and it fails
 * where the answer is true.  NULL ends that.  Costs other programs nothing. */
void yb_memory_watch(bool (*fails)(void *arg), void *arg);

#endif
