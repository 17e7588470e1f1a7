/* Payloads: pieces of a lane's memory that somebody holds.
 *
 * Which lane an input will go to is decided when it is made; where that proves wrong (feed.c), it
 * is an input like others, whose bytes are copied.  Each payload keeps the lane's memory, so its
 * bytes stay whatever becomes of the worker.  What lies beyond the part of a lane that this process
 * has mapped anyway has a mapping of its own, for as long as it is held. */
#define _GNU_SOURCE
#include "proc/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "platform/populate.h"

/* Where the piece lies in the lane's own mappings, NULL: not whole in them. */
static void *mapped_already(const yb_lane_memory *memory, uint64_t at, size_t size)
{
    uint64_t in = at - memory->big_in, out = at - memory->big_out;
    if (at >= memory->big_out)
        return out + size <= memory->kept_bytes ? memory->big_base + out : NULL;
    return in + size <= memory->kept_bytes ? memory->base + at : NULL;
}

static int map_own(yibu_payload *payload, uint64_t at)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), before = at % page;
    size_t bytes = payload->size + before;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, payload->memory->fd,
                        (off_t)(at - before));
    if (memory == MAP_FAILED)
        return -ENOMEM;
    madvise(memory, bytes, MADV_DONTFORK);
    payload->mapped = memory;
    payload->mapped_bytes = bytes;
    payload->data = (char *)memory + before;
    return 0;
}

int yb_payload_of_lane(yb_lane *lane, uint64_t at, size_t size, yibu_payload **ret_payload)
{
    yibu_payload *payload = yb_malloc(sizeof(*payload));
    if (!payload)
        return -ENOMEM;
    *payload = (yibu_payload){.memory = lane->memory, .size = size};
    payload->holding.at = at;
    payload->holding.size = size;
    payload->data = mapped_already(lane->memory, at, size);
    int r = payload->data ? 0 : map_own(payload, at);
    if (r < 0) {
        yb_free(payload);
        return r;
    }
    yb_lane_memory_hold(lane->memory, &payload->holding);
    *ret_payload = payload;
    return 0;
}

int yb_payload_of_buffer(yibu_buffer *buffer, yibu_payload **ret_payload)
{
    yibu_payload *payload = yb_malloc(sizeof(*payload));
    if (!payload)
        return -ENOMEM;
    *payload = (yibu_payload){.data = buffer->data, .size = buffer->size};
    *buffer = (yibu_buffer){0};
    *ret_payload = payload;
    return 0;
}

int yb_payload_populate(const yibu_payload *payload, size_t from, size_t size)
{
    char *start = (char *)payload->data + from;
    uintptr_t before = (uintptr_t)start % (uintptr_t)sysconf(_SC_PAGESIZE);
    int r = yb_populate(start - before, size + before);
    if (r != -ENOSYS)
        return r;
    return fallocate(payload->memory->fd, 0, (off_t)(payload->holding.at + from), (off_t)size) < 0
               ? -ENOMEM
               : 0;
}

void *yibu_payload_data(const yibu_payload *payload)
{
    return payload ? payload->data : NULL;
}

size_t yibu_payload_size(const yibu_payload *payload)
{
    return payload ? payload->size : 0;
}

int yibu_payload_shrink(yibu_payload *payload, size_t size)
{
    if (!payload || size > payload->size)
        return -EINVAL;
    payload->size = size;
    return 0;
}

int yibu_payload_copy(const yibu_payload *payload, yibu_buffer *buffer)
{
    if (!payload || !buffer)
        return -EINVAL;
    return yibu_buffer_append(buffer, payload->data, payload->size);
}

void yibu_payload_free(yibu_payload *payload)
{
    if (!payload)
        return;
    if (!payload->memory) {
        yb_free(payload->data);
        yb_free(payload);
        return;
    }
    if (payload->mapped)
        munmap(payload->mapped, payload->mapped_bytes);
    yb_lane_memory_let_go(payload->memory, &payload->holding);
}
