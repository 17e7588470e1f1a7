/* Payloads from the inside: what calls and executors need of them. */
#ifndef YB_PROC_PAYLOAD_H
#define YB_PROC_PAYLOAD_H

#include <yibu/payload.h>

#include "proc/lane.h"

struct yibu_payload {
    yb_holding holding;     /* first; of the memory, if that is not NULL */
    yb_lane_memory *memory; /* what it lies in, NULL: in the heap */
    void *data;
    size_t size;
    void *mapped; /* a mapping of its own, NULL: it lies in the lane's */
    size_t mapped_bytes;
};

static inline yibu_bytes yb_payload_bytes(const yibu_payload *payload)
{
    return payload ? (yibu_bytes){payload->size ? payload->data : NULL, payload->size}
                   : (yibu_bytes){NULL, 0};
}

/* A piece of a lane's memory, from now on held.  Returns 0 or -ENOMEM. */
int yb_payload_of_lane(yb_lane *lane, uint64_t at, size_t size, yibu_payload **ret_payload);

/* What is in a buffer of the heap, which is emptied.  Returns 0 or -ENOMEM. */
int yb_payload_of_buffer(yibu_buffer *buffer, yibu_payload **ret_payload);

/* Makes those of its pages present.  Returns 0 or -ENOMEM. */
int yb_payload_populate(const yibu_payload *payload, size_t from, size_t size);

/* Whether it lies in that lane. */
static inline bool yb_payload_in(const yibu_payload *payload, const yb_lane *lane)
{
    return payload && payload->memory && payload->memory == lane->memory;
}

#endif
