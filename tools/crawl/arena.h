/* Memory that is freed all at once, with limits to what a computation may use. */
#ifndef CRAWL_ARENA_H
#define CRAWL_ARENA_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t left;                /* bytes in the newest */
    size_t allowed;             /* bytes that may still be taken from the system */
    int64_t deadline_ns;        /* on the thread's CPU clock */
    unsigned until_look;        /* allocations until the clock is looked at */
    jmp_buf *exceeded;          /* where to go when a limit is reached */
};

/* Allocation beyond max_bytes, or after max_cpu_ns of the thread's CPU time, jumps to exceeded. */
void arena_init(struct arena *arena, size_t max_bytes, int64_t max_cpu_ns, jmp_buf *exceeded);

/* Of the arena that memory points to.  Never returns NULL. */
void *arena_allocate(void *memory, size_t size);

void arena_free(struct arena *arena);

#endif
