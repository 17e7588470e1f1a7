/* Maps on executors: the consumer's side, an async iterator. */
#include "exec/map.h"

#include <errno.h>
#include <yibu/error.h>
#include <yibu/timeout.h>

#include "base/memory.h"
#include "base/options.h"
#include "exec/engine.h"

static yb_map *map_of(yibu_iterator *iterator)
{
    return (yb_map *)(void *)iterator;
}

/* The next chunk whose items may be handed out, taken out of its list; NULL: none is done. */
static yb_map_chunk *take_chunk(yb_map *map)
{
    yb_list *list = map->unordered ? &map->finished : &map->under_way;
    if (yb_list_empty(list))
        return NULL;
    yb_map_chunk *chunk = YB_CONTAINER_OF(list->next, yb_map_chunk, links);
    if (!chunk->done)
        return NULL;
    yb_list_unlink(&chunk->links);
    return chunk;
}

/* A call that was not run, and that of a job, say for their items what became of them. */
static void settle_item(yb_map *map, yb_map_chunk *chunk, yibu_map_item *item)
{
    intptr_t result = chunk->future->result;
    if (map->job || yibu_failed(result))
        item->result = result;
    if (map->job)
        (void)yibu_concurrent_future_output(chunk->future, &item->output);
    item->call = chunk->future;
}

static void drop_current(yb_map *map)
{
    yb_map_chunk_free(map->current);
    map->current = NULL;
    map->in_flight--;
    yibu_event_set(&map->room);
}

/* The item that was handed out last is not used any more. */
static yibu_map_item *take_item(yb_map *map)
{
    if (map->current && map->current->taken == map->current->count)
        drop_current(map);
    if (!map->current)
        map->current = take_chunk(map);
    if (!map->current)
        return NULL;
    yibu_map_item *item = &map->current->items[map->current->taken++];
    settle_item(map, map->current, item);
    return item;
}

static bool at_end(const yb_map *map)
{
    return map->fed && yb_list_empty(&map->under_way) && yb_list_empty(&map->finished);
}

static int wait_for_news(yb_map *map)
{
    yibu_timeout limit;
    yibu_event_clear(&map->news);
    if (map->deadline_ns == YIBU_FOREVER)
        return yibu_event_wait(&map->news);
    int r = yibu_timeout_at_begin(&limit, map->deadline_ns);
    return r < 0 ? r : (int)yibu_timeout_end(&limit, yibu_event_wait(&map->news));
}

static int next(yibu_iterator *iterator, void **ret_item)
{
    yb_map *map = map_of(iterator);
    yibu_map_item *item;
    while (!(item = take_item(map))) {
        if (at_end(map))
            return map->status;
        int r = wait_for_news(map);
        if (r < 0)
            return r;
    }
    *ret_item = item;
    return 1;
}

/* What is in line is withdrawn, and what runs is waited for: it may use the inputs. */
static void cancel_chunks(yb_map *map)
{
    for (yb_list *at = map->under_way.next; at != &map->under_way; at = at->next) {
        yb_map_chunk *chunk = YB_CONTAINER_OF(at, yb_map_chunk, links);
        atomic_store_explicit(&chunk->unwanted, true, memory_order_relaxed);
        (void)yibu_concurrent_future_cancel(chunk->future);
    }
}

static bool any_under_way(const yb_map *map)
{
    for (yb_list *at = map->under_way.next; at != &map->under_way; at = at->next)
        if (!YB_CONTAINER_OF(at, yb_map_chunk, links)->done)
            return true;
    return false;
}

static void free_chunks(yb_list *list)
{
    for (yb_list *item; (item = yb_list_pop_front(list));)
        yb_map_chunk_free(YB_CONTAINER_OF(item, yb_map_chunk, links));
}

static int close(yibu_iterator *iterator)
{
    yb_map *map = map_of(iterator);
    (void)yibu_task_cancel(map->feeder);
    (void)yibu_await(map->feeder);
    yibu_task_unref(map->feeder);
    cancel_chunks(map);
    while (any_under_way(map)) {
        yibu_event_clear(&map->news);
        (void)yibu_event_wait(&map->news);
    }
    if (map->current)
        yb_map_chunk_free(map->current);
    free_chunks(&map->under_way);
    free_chunks(&map->finished);
    return yibu_iterator_close(map->inputs);
}

static void release(yibu_iterator *iterator)
{
    yb_free(map_of(iterator));
}

/* Making. */

static const yibu_iterator_class map_class = {
    .size = sizeof(map_class), .name = "map", .next = next, .close = close, .free = release};

/* What options ask for; 0 or -EINVAL. */
static int take_options(yb_map *map, const yibu_map_options *given)
{
    yibu_map_options options;
    int r = yb_options_take(&options, sizeof(options), given);
    if (r == 0)
        r = yb_options_take(&map->job_options, sizeof(map->job_options), options.job);
    if (r < 0 || (map->job && options.chunk_size > 1))
        return -EINVAL;
    map->job_options.size = sizeof(map->job_options);
    /* What many jobs would write to at once. */
    map->job_options.report = NULL;
    map->job_options.ret_out = map->job_options.ret_err = NULL;
    map->unordered = options.unordered;
    map->chunk_size = options.chunk_size ? options.chunk_size : 1;
    map->max_in_flight =
        options.max_in_flight ? options.max_in_flight : 2 * map->executor->max_workers;
    map->deadline_ns =
        options.timeout_ns == 0 ? YIBU_FOREVER : yb_loop_deadline(map->loop, options.timeout_ns);
    return 0;
}

static int start(yb_map *map)
{
    const yibu_task_options options = {.size = sizeof(options), .name = "yibu_executor_map"};
    map->room = map->news = (yibu_event)YIBU_EVENT_INIT;
    yb_list_init(&map->under_way);
    yb_list_init(&map->finished);
    map->feeder = yibu_create_task(yb_map_feed, map, &options);
    return map->feeder ? 0 : -ENOMEM;
}

static yb_map *allocate(yibu_executor *executor, yibu_coroutine *fn, const yibu_job *job,
                        yibu_iterator *inputs)
{
    yb_map *map = executor && inputs && yb_loop_current ? yb_calloc(1, sizeof(*map)) : NULL;
    if (!map)
        return NULL;
    yibu_iterator_init(&map->iterator, &map_class);
    map->executor = executor;
    map->loop = yb_loop_current;
    map->fn = fn;
    map->job = job;
    map->inputs = inputs;
    return map;
}

static yibu_iterator *make(yibu_executor *executor, yibu_coroutine *fn, const yibu_job *job,
                           yibu_iterator *inputs, const yibu_map_options *options)
{
    yb_map *map = fn || job ? allocate(executor, fn, job, inputs) : NULL;
    if (map && take_options(map, options) == 0 && start(map) == 0)
        return &map->iterator;
    yb_free(map);
    (void)yibu_iterator_close(inputs);
    return NULL;
}

yibu_iterator *yibu_executor_map(yibu_executor *executor, yibu_coroutine *fn, yibu_iterator *inputs,
                                 const yibu_map_options *options)
{
    return make(executor, fn, NULL, inputs, options);
}

yibu_iterator *yibu_executor_map_jobs(yibu_executor *executor, const yibu_job *job,
                                      yibu_iterator *inputs, const yibu_map_options *options)
{
    return make(executor, NULL, job, inputs, options);
}
