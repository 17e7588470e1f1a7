/* The feeder of a map: inputs into chunks, chunks into the executor. */
#include <errno.h>

#include "base/memory.h"
#include "exec/map.h"

static yb_map_chunk *new_chunk(yb_map *map)
{
    yb_map_chunk *chunk = yb_malloc(sizeof(*chunk) + map->chunk_size * sizeof(chunk->items[0]));
    if (!chunk)
        return NULL;
    *chunk = (yb_map_chunk){.map = map};
    return chunk;
}

void yb_map_chunk_free(yb_map_chunk *chunk)
{
    yibu_concurrent_future_unref(chunk->future);
    yb_free(chunk);
}

/* Takes inputs until the chunk is full.  Returns 1, 0 where there are no more, or a failure. */
static int fill(yb_map *map, yb_map_chunk *chunk)
{
    void *input = NULL;
    while (chunk->count < map->chunk_size) {
        int r = yibu_iterator_next(map->inputs, &input);
        if (r <= 0)
            return r;
        chunk->items[chunk->count++] =
            (yibu_map_item){.index = map->next_index++, .arg = input, .result = -ECANCELED};
    }
    return 1;
}

/* On the executor's thread: the function for each item. */
static intptr_t run(void *arg)
{
    yb_map_chunk *chunk = arg;
    for (size_t i = 0; i < chunk->count; i++)
        if (!atomic_load_explicit(&chunk->unwanted, memory_order_relaxed))
            chunk->items[i].result = chunk->map->fn(chunk->items[i].arg);
    return 0;
}

static int submit(yb_map *map, yb_map_chunk *chunk)
{
    if (map->fn)
        return yibu_executor_submit(map->executor, run, chunk, NULL, &chunk->future);
    const yibu_bytes *input = chunk->items[0].arg;
    return yibu_executor_submit_job(map->executor, map->job, input ? *input : (yibu_bytes){0},
                                    &map->job_options, &chunk->future);
}

/* In the loop: the chunk is done. */
static void arrive(yb_runnable *item)
{
    yb_map_chunk *chunk = YB_CONTAINER_OF(item, yb_map_chunk, arrival);
    yb_map *map = chunk->map;
    map->loop->pending--;
    chunk->done = true;
    if (map->unordered) {
        yb_list_unlink(&chunk->links);
        yb_list_push_back(&map->finished, &chunk->links);
    }
    yibu_event_set(&map->news);
}

static void post(yb_ending *ending, yibu_concurrent_future *future)
{
    (void)future;
    yb_map_chunk *chunk = YB_CONTAINER_OF(ending, yb_map_chunk, ending);
    yb_loop_post(chunk->map->loop, &chunk->arrival);
}

/* The loop's end waits for it, as for an operation. */
static void follow(yb_map *map, yb_map_chunk *chunk)
{
    map->in_flight++;
    map->loop->pending++;
    yb_list_push_back(&map->under_way, &chunk->links);
    chunk->arrival.run = arrive;
    chunk->ending.ended = post;
    if (!yb_concurrent_future_attend(chunk->future, &chunk->ending))
        yb_loop_ready(map->loop, &chunk->arrival);
}

/* Returns 1, 0 at the end of inputs, or a failure. */
static int feed_chunk(yb_map *map)
{
    yb_map_chunk *chunk = new_chunk(map);
    if (!chunk)
        return -ENOMEM;
    int filled = fill(map, chunk);
    if (chunk->count == 0) {
        yb_map_chunk_free(chunk);
        return filled;
    }
    int r = submit(map, chunk);
    if (r < 0) {
        yb_map_chunk_free(chunk);
        return r;
    }
    follow(map, chunk);
    return filled;
}

static int wait_for_room(yb_map *map)
{
    while (map->in_flight >= map->max_in_flight) {
        yibu_event_clear(&map->room);
        int r = yibu_event_wait(&map->room);
        if (r < 0)
            return r;
    }
    return 0;
}

intptr_t yb_map_feed(void *arg)
{
    yb_map *map = arg;
    int r;
    do {
        r = wait_for_room(map);
        if (r == 0)
            r = feed_chunk(map);
    } while (r > 0);
    map->fed = true;
    map->status = r;
    yibu_event_set(&map->news);
    return 0;
}
