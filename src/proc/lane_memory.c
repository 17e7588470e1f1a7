#define _GNU_SOURCE
#include "proc/lane_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

yb_lane_memory *yb_lane_memory_new(void)
{
    yb_lane_memory *memory = yb_calloc(1, sizeof(*memory));
    if (!memory)
        return NULL;
    pthread_mutex_init(&memory->lock, NULL);
    memory->references = 1;
    memory->open = true;
    memory->fd = -1;
    memory->owner = pthread_self();
    yb_list_init(&memory->held);
    yb_list_init(&memory->freed);
    return memory;
}

static void punch(const yb_lane_memory *memory, uint64_t at, uint64_t end)
{
    if (at < end)
        (void)fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
                        (off_t)(end - at));
}

void yb_lane_memory_trim(const yb_lane_memory *memory, uint64_t at, uint64_t size)
{
    uint64_t part = at < memory->big_out ? memory->big_in : memory->big_out;
    uint64_t kept = part + memory->kept_bytes;
    punch(memory, at > kept ? at : kept, at + size);
}

static yb_holding *holding_of(yb_list *links)
{
    return YB_CONTAINER_OF(links, yb_holding, links);
}

/* The held piece that begins next, from `at` on; NULL: none. */
static yb_holding *next_held(yb_lane_memory *memory, uint64_t at)
{
    yb_holding *next = NULL;
    for (yb_list *item = memory->held.next; item != &memory->held; item = item->next) {
        yb_holding *holding = holding_of(item);
        if (holding->at >= at && (!next || holding->at < next->at))
            next = holding;
    }
    return next;
}

/* Gives back all that nobody holds. */
static void punch_between(yb_lane_memory *memory)
{
    uint64_t at = 0, end = memory->big_out + memory->big_bytes;
    for (yb_holding *next; (next = next_held(memory, at)); at = next->at + next->size)
        punch(memory, at, next->at);
    punch(memory, at, end);
}

static void free_memory(yb_lane_memory *memory)
{
    if (memory->base)
        munmap(memory->base, memory->big_in + memory->kept_bytes);
    if (memory->big_base)
        munmap(memory->big_base, memory->kept_bytes);
    if (memory->fd >= 0)
        close(memory->fd);
    pthread_mutex_destroy(&memory->lock);
    yb_free(memory);
}

/* With the lock, which it gives back. */
static void drop(yb_lane_memory *memory)
{
    bool last = --memory->references == 0;
    pthread_mutex_unlock(&memory->lock);
    if (last)
        free_memory(memory);
}

void yb_lane_memory_close(yb_lane_memory *memory)
{
    for (yb_holding *freed; (freed = yb_lane_memory_take_freed(memory));)
        yb_free(freed);
    pthread_mutex_lock(&memory->lock);
    memory->open = false;
    if (!yb_list_empty(&memory->held))
        punch_between(memory);
    drop(memory);
}

void yb_lane_memory_hold(yb_lane_memory *memory, yb_holding *holding)
{
    pthread_mutex_lock(&memory->lock);
    memory->references++;
    yb_list_push_back(&memory->held, &holding->links);
    pthread_mutex_unlock(&memory->lock);
}

/* The pages go first: once the lane has the piece back, they may be another's. */
void yb_lane_memory_let_go(yb_lane_memory *memory, yb_holding *holding)
{
    yb_lane_memory_trim(memory, holding->at, holding->size);
    pthread_mutex_lock(&memory->lock);
    yb_list_remove(&holding->links);
    if (memory->open) {
        yb_list_push_back(&memory->freed, &holding->links);
        atomic_store_explicit(&memory->freed_any, true, memory_order_relaxed);
    } else {
        punch(memory, holding->at, holding->at + holding->size);
        yb_free(holding);
    }
    drop(memory);
}

yb_holding *yb_lane_memory_take_freed(yb_lane_memory *memory)
{
    if (!atomic_load_explicit(&memory->freed_any, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&memory->lock);
    yb_list *item = yb_list_pop_front(&memory->freed);
    if (!item)
        atomic_store_explicit(&memory->freed_any, false, memory_order_relaxed);
    pthread_mutex_unlock(&memory->lock);
    return item ? holding_of(item) : NULL;
}
