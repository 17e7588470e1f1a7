/* The parent's side.  Each value that the worker can write is read once, or checked after it was
 * copied; the bytes of a message are copied before anybody looks at them. */
#include "proc/messages.h"

#include <errno.h>
#include <string.h>

#include "proc/message_head.h"

static const unsigned char *at(const yb_lane *lane, uint64_t position)
{
    return lane->base + lane->layout.messages + position % YB_LANE_MESSAGE_BYTES;
}

static yb_message_head head_at(const yb_lane *lane, uint64_t position)
{
    yb_message_head head;
    memcpy(&head, at(lane, position), sizeof(head));
    return head;
}

/* Returns how many bytes there are to read, or -EPROTO. */
static int64_t unread(const yb_lane *lane)
{
    uint64_t said = atomic_load_explicit(&lane->shared->said, memory_order_acquire);
    uint64_t bytes = said - lane->heard;
    return bytes > YB_LANE_MESSAGE_BYTES || bytes % sizeof(yb_message_head) ? -EPROTO
                                                                            : (int64_t)bytes;
}

static void take(yb_lane *lane, uint64_t bytes)
{
    lane->heard += bytes;
    atomic_store_explicit(&lane->shared->heard, lane->heard, memory_order_release);
}

static uint64_t lap_left(uint64_t position)
{
    return YB_LANE_MESSAGE_BYTES - position % YB_LANE_MESSAGE_BYTES;
}

/* Skips the end of a lap.  Returns 0 or -EPROTO. */
static int skip(yb_lane *lane, int64_t bytes)
{
    uint64_t left = lap_left(lane->heard);
    if (left > (uint64_t)bytes)
        return -EPROTO;
    take(lane, left);
    return 0;
}

static int copy_out(yb_lane *lane, const yb_message_head *head, int64_t bytes, void *ret_copy,
                    size_t *ret_size)
{
    uint64_t whole = yb_message_bytes(head->size);
    if (head->size > YB_MESSAGE_MOST || whole > (uint64_t)bytes || whole > lap_left(lane->heard))
        return -EPROTO;
    memcpy(ret_copy, at(lane, lane->heard + sizeof(*head)), head->size);
    *ret_size = head->size;
    lane->heard_next = lane->heard + whole;
    return 1;
}

/* Whether the worker may have come to that job: those before it have been answered. */
static int another(const yb_lane *lane, uint32_t job)
{
    uint32_t completed = atomic_load_explicit(&lane->shared->completed, memory_order_acquire);
    uint32_t ahead = job - lane->retired;
    return ahead <= completed - lane->retired && ahead < lane->published - lane->retired ? 0
                                                                                         : -EPROTO;
}

int yb_messages_next(yb_lane *lane, uint32_t n, void *ret_copy, size_t *ret_size)
{
    for (int64_t bytes; (bytes = unread(lane)) != 0;) {
        if (bytes < 0)
            return (int)bytes;
        yb_message_head head = head_at(lane, lane->heard);
        if (head.size != YB_MESSAGE_SKIP)
            return head.job == n ? copy_out(lane, &head, bytes, ret_copy, ret_size)
                                 : another(lane, head.job);
        int r = skip(lane, bytes);
        if (r < 0)
            return r;
    }
    return 0;
}

void yb_messages_pass(yb_lane *lane)
{
    take(lane, lane->heard_next - lane->heard);
}
