/* Maps slabs, carves stacks out of them, and gives their memory back.
 *
 * Layout, from the aligned start: the head in the place of the first stack, then stacks, each with
 * its guard at its low end.  Carving is one-way; what a stack was carved with stays until the slab
 * goes.  Only the pool's thread writes to a slab; signal handlers of any thread may read it. */
#include "platform/stack_slab.h"

#include <sys/mman.h>
#include <unistd.h>

#include "platform/advice.h"
#include "platform/slab_registry.h"
#include "platform/valgrind.h"

/* Stacks lie a multiple of 4 KiB apart, so their hot ends would share a few sets of the cache. Each
 * starts a little lower than the one before; all of it within the page that is touched anyway. */
enum { COLOURS = 16, COLOUR_BYTES = 64 };

_Static_assert(sizeof(yb_slab) <= YB_STACK_DEFAULT_BYTES, "a head takes the place of one stack");

static char *map(char *hint, size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    char *start = mmap(hint, size, PROT_NONE, flags, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

static size_t misalignment(const char *start)
{
    return (uintptr_t)start & (YB_SLAB_BYTES - 1);
}

/* An aligned stretch out of one twice as long. */
static char *map_aligned_anywhere(void)
{
    char *start = map(NULL, (size_t)2 * YB_SLAB_BYTES);
    if (!start)
        return NULL;
    size_t before = (YB_SLAB_BYTES - misalignment(start)) & (YB_SLAB_BYTES - 1);
    if (before > 0)
        munmap(start, before);
    munmap(start + before + YB_SLAB_BYTES, YB_SLAB_BYTES - before);
    return start + before;
}

static char *map_aligned(const yb_slab *near)
{
    if (near) {
        char *start = map((char *)(uintptr_t)near - YB_SLAB_BYTES, YB_SLAB_BYTES);
        if (start && misalignment(start) == 0)
            return start;
        if (start)
            munmap(start, YB_SLAB_BYTES);
    }
    return map_aligned_anywhere();
}

yb_slab *yb_slab_new(size_t stride, const yb_slab *near)
{
    char *start = map_aligned(near);
    if (!start)
        return NULL;
    (void)madvise(start, YB_SLAB_BYTES, MADV_NOHUGEPAGE); /* refused where there are none */
    yb_guard_kind kind = yb_guard_choose(start + stride, YB_SLAB_BYTES - stride);
    if (mprotect(start, stride, PROT_READ | PROT_WRITE) < 0)
        goto fail;
    yb_slab *slab = (yb_slab *)(void *)start;
    slab->stride = stride;
    slab->capacity = (unsigned)(YB_SLAB_BYTES / stride - 1);
    slab->kind = kind;
    if (yb_registry_add(slab) == 0)
        return slab;
fail:
    munmap(start, YB_SLAB_BYTES);
    return NULL;
}

void yb_slab_free(yb_slab *slab)
{
    size_t protected = 0;
    for (unsigned i = 1; i <= slab->carved; i++) {
        protected += slab->kinds[i] == YB_GUARD_PROTECTED;
        VALGRIND_STACK_DEREGISTER(slab->valgrind_ids[i]);
    }
    yb_registry_remove(slab);
    munmap(slab, YB_SLAB_BYTES);
    yb_guard_forget(protected);
}

/* Touching these pages one after another, as the stacks come into use, costs three times as much.
 */
static void populate(char *reserved, size_t stride, unsigned count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)yb_advise_many(reserved + stride - page, page, stride, count, MADV_POPULATE_WRITE);
}

static void set_up(yb_slab *slab, unsigned i)
{
    char *reserved = (char *)slab + i * slab->stride;
    yb_stack *stack = &slab->stacks[i];
    stack->low = reserved + YB_GUARD_BYTES;
    stack->top = reserved + slab->stride - i % COLOURS * COLOUR_BYTES;
    slab->valgrind_ids[i] = VALGRIND_STACK_REGISTER(stack->low, stack->top);
}

unsigned yb_slab_carve(yb_slab *slab, unsigned count, yb_stack **list)
{
    unsigned first = slab->carved + 1;
    unsigned left = slab->capacity - slab->carved;
    char *reserved = (char *)slab + first * slab->stride;
    if (count > left)
        count = left;
    count = yb_guard_install(slab->kind, reserved, slab->stride, count, &slab->kinds[first]);
    if (count > 1)
        populate(reserved, slab->stride, count);
    for (unsigned i = first + count; i-- > first;) {
        set_up(slab, i);
        slab->stacks[i].next = *list;
        *list = &slab->stacks[i];
    }
    slab->carved += count;
    return count;
}

void yb_slab_mark(yb_stack *stack)
{
    yb_slab *slab = yb_slab_of(stack);
    size_t i = yb_slab_index(slab, stack);
    slab->marks[i / 64] |= (uint64_t)1 << i % 64;
}

static bool take_mark(yb_slab *slab, size_t i)
{
    uint64_t bit = (uint64_t)1 << i % 64;
    if (i >= YB_SLAB_STACKS || !(slab->marks[i / 64] & bit))
        return false;
    slab->marks[i / 64] &= ~bit;
    return true;
}

/* One call for a run of neighbours: markers and protection survive it.  Locked memory refuses and
 * stays, as whoever locked it wants. */
static void give_back_run(yb_slab *slab, size_t first)
{
    size_t end = first + 1;
    while (take_mark(slab, end))
        end++;
    char *low = (char *)slab + first * slab->stride + YB_GUARD_BYTES;
    (void)madvise(low, (end - first) * slab->stride - YB_GUARD_BYTES, MADV_DONTNEED);
}

void yb_slab_give_back_marked(yb_slab *slab)
{
    for (size_t word = 0; word < YB_SLAB_STACKS / 64; word++)
        while (slab->marks[word]) {
            size_t first = word * 64 + (size_t)__builtin_ctzll(slab->marks[word]);
            (void)take_mark(slab, first);
            give_back_run(slab, first);
        }
}
