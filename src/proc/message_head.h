/* What stands before each message in the ring. */
#ifndef YB_PROC_MESSAGE_HEAD_H
#define YB_PROC_MESSAGE_HEAD_H

#include <stdint.h>

#define YB_MESSAGE_SKIP UINT32_MAX /* for a size: nothing more in this lap */

typedef struct yb_message_head {
    uint32_t size;
    uint32_t job;
} yb_message_head;

/* What a message of that size takes in the ring: a multiple of a head, which so always fits. */
static inline uint64_t yb_message_bytes(uint64_t size)
{
    return (sizeof(yb_message_head) + size + sizeof(yb_message_head) - 1) /
           sizeof(yb_message_head) * sizeof(yb_message_head);
}

#endif
