/* A map on an executor: inputs that come one by one, calls under way, results that go out.
 *
 * A call carries a chunk of items.  `feed`, a task of its own, takes inputs and submits chunks, as
 * long as fewer than max_in_flight are between their submission and the moment when their last item
 * was taken; so endless inputs work, and a slow consumer slows it all down.  What next and close do
 * is the consumer's.  All of it belongs to one loop's thread, but for the items of a chunk while
 * that is under way: those are the worker's. */
#ifndef YB_EXEC_MAP_H
#define YB_EXEC_MAP_H

#include <yibu/event.h>
#include <yibu/executor.h>

#include "task/concurrent_future.h"
#include "task/task.h"

typedef struct yb_map yb_map;

typedef struct yb_map_chunk {
    yb_list links; /* in the map, by submission; from its end on, where unordered, by ends */
    yb_map *map;
    yibu_concurrent_future *future;
    yb_ending ending;
    yb_runnable arrival;
    bool done;
    _Atomic(bool) unwanted; /* what of it has not run is left out */
    size_t count, taken;    /* items */
    yibu_map_item items[];
} yb_map_chunk;

struct yb_map {
    yibu_iterator iterator; /* first */
    yibu_executor *executor;
    yibu_loop *loop;
    yibu_coroutine *fn;  /* or */
    const yibu_job *job; /* a job, with */
    yibu_job_options job_options;
    yibu_iterator *inputs;
    bool unordered;
    unsigned chunk_size, max_in_flight;
    int64_t deadline_ns; /* on the loop's clock */
    yibu_task *feeder;
    bool fed;   /* the feeder has ended */
    int status; /* with this */
    size_t next_index;
    unsigned in_flight;
    yb_list under_way, finished; /* chunks; the latter only where unordered */
    yb_map_chunk *current;       /* whose items are being handed out */
    yibu_event room, news;       /* for the feeder, and for the consumer */
};

/* The feeder's coroutine. */
intptr_t yb_map_feed(void *arg);

/* Frees a chunk that is done, or was never submitted. */
void yb_map_chunk_free(yb_map_chunk *chunk);

#endif
