/* The allocator that all of Yibu's heap memory comes from.  Stacks are mapped, not allocated. */
#ifndef YIBU_ALLOC_H
#define YIBU_ALLOC_H

#include <yibu/base.h>

typedef struct yibu_allocator {
    void *(*allocate)(size_t size, void *arg);
    void *(*reallocate)(void *memory, size_t size, void *arg); /* NULL: as allocate */
    void (*release)(void *memory, void *arg);                  /* must accept NULL */
    void *arg;
} yibu_allocator;

YIBU_BEGIN_DECLS

/* Replaces malloc, realloc and free for everything Yibu allocates; NULL restores them.
 * Context: any thread, before anything else of Yibu has allocated (-EBUSY afterwards).
 * The three functions are called from any thread.  Workers of the process pool, in which main does
 * not run, keep malloc. */
YIBU_API int yibu_set_allocator(const yibu_allocator *allocator);

YIBU_END_DECLS

#endif
