/* Sets of aligned buffers: one mapping each, registered with the loop's backend as a whole.
 *
 * Buffers that are free are a list through themselves; the semaphore counts them, so that whoever
 * has a permit finds one.  The loop's part lists its sets: a transfer looks there for the one that
 * its buffer lies in.  A set outlives its loop as plain memory. */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <yibu/error.h>
#include <yibu/file_buffers.h>
#include <yibu/semaphore.h>

#include "base/assert.h"
#include "base/memory.h"
#include "io/file_memory.h"
#include "loop/loop.h"

struct yibu_file_buffers {
    yibu_loop *loop; /* NULL once that has ended */
    yb_list links;   /* among the loop's */
    char *base;
    size_t count, each;
    void **free; /* the first free buffer, which begins with the next */
    yibu_semaphore permits;
    int number; /* at the backend; -1: not registered */
};

typedef struct memory_part {
    yb_loop_part part;
    yb_list sets;
} memory_part;

static void free_part(yb_loop_part *part)
{
    memory_part *self = YB_CONTAINER_OF(part, memory_part, part);
    for (yb_list *links; (links = yb_list_pop_front(&self->sets));)
        YB_CONTAINER_OF(links, yibu_file_buffers, links)->loop = NULL;
    yb_free(self);
}

static memory_part *existing(const yibu_loop *loop)
{
    return (memory_part *)(void *)loop->parts[YB_PART_MEMORY];
}

static memory_part *part_of(yibu_loop *loop)
{
    memory_part *self = existing(loop);
    if (self)
        return self;
    self = yb_calloc(1, sizeof(*self));
    if (!self)
        return NULL;
    self->part.free = free_part;
    yb_list_init(&self->sets);
    loop->parts[YB_PART_MEMORY] = &self->part;
    return self;
}

static bool contains(const yibu_file_buffers *set, const void *buffer, size_t size)
{
    uintptr_t at = (uintptr_t)buffer - (uintptr_t)set->base;
    return at < set->count * set->each && size <= set->count * set->each - at;
}

uint16_t yb_file_memory_find(const void *buffer, size_t size)
{
    memory_part *part = yb_loop_current ? existing(yb_loop_current) : NULL;
    if (YB_LIKELY(!part))
        return 0;
    for (yb_list *at = part->sets.next; at != &part->sets; at = at->next) {
        const yibu_file_buffers *set = YB_CONTAINER_OF(at, yibu_file_buffers, links);
        if (set->number >= 0 && contains(set, buffer, size))
            return (uint16_t)(set->number + 1);
    }
    return 0;
}

static void release(yibu_file_buffers *set, void *buffer)
{
    *(void **)buffer = (void *)set->free;
    set->free = (void **)buffer;
}

static int map(yibu_file_buffers *set)
{
    size_t bytes = set->count * set->each;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return -ENOMEM;
    set->base = base;
    for (size_t i = set->count; i > 0; i--)
        release(set, set->base + (i - 1) * set->each);
    return 0;
}

static void enlist(yibu_file_buffers *set, memory_part *part)
{
    const yb_backend_class *class = set->loop->backend->class;
    set->number = -1;
    if (class->register_memory)
        set->number = class->register_memory(set->loop->backend, set->base, set->count * set->each);
    yb_list_push_back(&part->sets, &set->links);
}

/* Checks the sizes and rounds them up: 0 or -EINVAL. */
static int measure(size_t count, size_t size_bytes, size_t *ret_each)
{
    const size_t most = (size_t)1 << 30; /* that the kernel registers at once */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (count == 0 || size_bytes == 0 || size_bytes > most)
        return -EINVAL;
    *ret_each = (size_bytes + page - 1) / page * page;
    return count > most / *ret_each ? -EINVAL : 0;
}

int yibu_file_buffers_new(size_t count, size_t size_bytes, yibu_file_buffers **ret_buffers)
{
    size_t each;
    int r = ret_buffers ? measure(count, size_bytes, &each) : -EINVAL;
    if (r < 0)
        return r;
    if (!yb_loop_current)
        return yb_forked() ? YIBU_EFORKED : YIBU_ENOTASK;
    memory_part *part = part_of(yb_loop_current);
    yibu_file_buffers *set = part ? yb_calloc(1, sizeof(*set)) : NULL;
    if (!set)
        return -ENOMEM;
    set->loop = yb_loop_current;
    set->count = count;
    set->each = each;
    set->permits = (yibu_semaphore)YIBU_BOUNDED_SEMAPHORE_INIT(count);
    r = map(set);
    if (r < 0) {
        yb_free(set);
        return r;
    }
    enlist(set, part);
    *ret_buffers = set;
    return 0;
}

void yibu_file_buffers_free(yibu_file_buffers *buffers)
{
    if (!buffers)
        return;
    if (buffers->permits.value != buffers->count)
        yb_abort("file buffers are freed while %zu of them are taken",
                 buffers->count - buffers->permits.value);
    if (buffers->loop) {
        yb_loop_check_thread(buffers->loop, "file buffers were freed");
        yb_list_remove(&buffers->links);
        if (buffers->number >= 0)
            buffers->loop->backend->class->unregister_memory(buffers->loop->backend,
                                                             buffers->number);
    }
    munmap(buffers->base, buffers->count * buffers->each);
    yb_free(buffers);
}

int yibu_file_buffers_take(yibu_file_buffers *buffers, void **ret_buffer)
{
    if (!buffers || !ret_buffer)
        return -EINVAL;
    int r = yibu_semaphore_acquire(&buffers->permits);
    if (r < 0)
        return r;
    *ret_buffer = (void *)buffers->free;
    buffers->free = *buffers->free;
    return 0;
}

void yibu_file_buffers_give(yibu_file_buffers *buffers, void *buffer)
{
    YB_ASSERT(contains(buffers, buffer, 1));
    release(buffers, buffer);
    YB_ASSERT(yibu_semaphore_release(&buffers->permits) == 0);
}

bool yibu_file_buffers_registered(const yibu_file_buffers *buffers)
{
    return buffers->number >= 0;
}
