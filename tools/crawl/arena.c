/* Memory that is freed all at once, with limits to what a computation may use.
 *
 * A parser that allocates for each thing it finds cannot be stopped from outside; but it can be
 * left from inside an allocation, by a long jump, where all that it holds is memory of the arena.
 */
#include "arena.h"

#include <stdlib.h>
#include <time.h>

#define BLOCK_BYTES ((size_t)64 * 1024)
#define LOOK_EVERY 256

struct arena_block {
    struct arena_block *older;
    max_align_t bytes[];
};

static int64_t cpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void arena_init(struct arena *arena, size_t max_bytes, int64_t max_cpu_ns, jmp_buf *exceeded)
{
    arena->blocks = NULL;
    arena->left = 0;
    arena->allowed = max_bytes;
    arena->deadline_ns = cpu_now() + max_cpu_ns;
    arena->until_look = LOOK_EVERY;
    arena->exceeded = exceeded;
}

static void add_block(struct arena *arena, size_t size)
{
    size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct arena_block *block =
        capacity <= arena->allowed ? malloc(sizeof(*block) + capacity) : NULL;
    if (!block)
        longjmp(*arena->exceeded, 1);
    block->older = arena->blocks;
    arena->blocks = block;
    arena->left = capacity;
    arena->allowed -= capacity;
}

static void check_time(struct arena *arena)
{
    if (--arena->until_look > 0)
        return;
    arena->until_look = LOOK_EVERY;
    if (cpu_now() > arena->deadline_ns)
        longjmp(*arena->exceeded, 1);
}

void *arena_allocate(void *memory, size_t size)
{
    struct arena *arena = memory;
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    check_time(arena);
    if (size > arena->left)
        add_block(arena, size);
    arena->left -= size;
    return (char *)arena->blocks->bytes + arena->left;
}

void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *older = arena->blocks->older;
        free(arena->blocks);
        arena->blocks = older;
    }
}
