/* The memory of a lane, which payloads keep beyond the lane's own end.
 *
 * A lane belongs to its pool's thread; a payload may be freed on any.  So what they share stands
 * here, under a lock: who holds which piece, and which pieces were freed, until the lane takes them
 * back.  Once the lane has gone (`open` is false), all that nobody holds is given back to the
 * system, and whoever lets go last frees the rest. */
#ifndef YB_PROC_LANE_MEMORY_H
#define YB_PROC_LANE_MEMORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/* A piece of a lane's big inputs or outputs that somebody holds; heap memory of its own. */
typedef struct yb_holding {
    yb_list links;
    uint64_t at; /* in the memfd */
    uint64_t size;
} yb_holding;

typedef struct yb_lane_memory {
    pthread_mutex_t lock; /* of what follows, up to `freed` */
    unsigned references;  /* the lane's, and one a holding */
    bool open;
    yb_list held;
    yb_list freed;         /* holdings that the lane has yet to take back, and to free */
    atomic_bool freed_any; /* looked at without the lock */
    /* Constant. */
    pthread_t owner; /* the lane's thread */
    int fd;
    unsigned char *base, *big_base; /* as in lane.h */
    uint64_t kept_bytes, big_in, big_out, big_bytes;
} yb_lane_memory;

/* Memory that closes and unmaps what is in it, once its constants are filled in; NULL: none. */
yb_lane_memory *yb_lane_memory_new(void);

/* The lane has gone. */
void yb_lane_memory_close(yb_lane_memory *memory);

/* Begins a holding. */
void yb_lane_memory_hold(yb_lane_memory *memory, yb_holding *holding);

/* Ends it: its pages go back, but those that are kept, and holding is freed.  Any thread. */
void yb_lane_memory_let_go(yb_lane_memory *memory, yb_holding *holding);

/* The next piece that was let go, for the lane to take back; the caller frees it.  NULL: none. */
yb_holding *yb_lane_memory_take_freed(yb_lane_memory *memory);

/* Gives back to the system what of [at, at + size), bytes of big inputs or outputs, is not kept. */
void yb_lane_memory_trim(const yb_lane_memory *memory, uint64_t at, uint64_t size);

#endif
