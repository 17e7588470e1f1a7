/* Where a payload is made: in the lane of the worker that is expected to be free first.
 *
 * Its pages are populated here, so that whoever writes to it is not killed where there is no
 * memory: the first ones at once, the rest a slice in each turn of the loop. */
#include <errno.h>

#include "exec/defaults.h"
#include "loop/loop.h"
#include "proc/payload.h"
#include "proc/pool.h"
#include "task/task.h"
#include <yibu/error.h>
#include <yibu/task.h>

enum { SLICE_BYTES = 4 << 20 };

static bool open_to(const yb_process *process)
{
    return process->state == YB_PROCESS_STARTING || process->state == YB_PROCESS_READY;
}

/* Of two workers with as much to do, the one of which less is held. */
static bool better(const yb_process *process, const yb_process *best)
{
    return !best || process->load < best->load ||
           (process->load == best->load && process->lane.big.count < best->lane.big.count);
}

static yb_process *choose(yb_process_pool *pool, size_t size)
{
    yb_process *best = NULL;
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (open_to(process) && yb_lane_has_room(&process->lane, size) && better(process, best))
            best = process;
    }
    return best;
}

static yb_process *newest(const yb_process_pool *pool)
{
    return YB_CONTAINER_OF(pool->processes.previous, yb_process, links);
}

/* A worker, a new one where each has something to do or no room; NULL with a failure. */
static yb_process *take_worker(yb_process_pool *pool, size_t size, int *ret_failure)
{
    yb_process *best = choose(pool, size);
    if ((best && best->load == 0) || !yb_process_pool_may_grow(pool))
        return best;
    *ret_failure = yb_process_start(pool);
    return *ret_failure == 0 ? newest(pool) : best;
}

static int populate_first(yb_lane *lane, const yibu_payload *payload, size_t size)
{
    uint64_t at = payload->holding.at, resident = yb_lane_resident(lane, at, size);
    int r = resident < size ? yb_payload_populate(payload, resident, size - resident) : 0;
    if (r == 0)
        yb_lane_note_resident(lane, at, size);
    return r;
}

static int make_in(yb_lane *lane, size_t size, yibu_payload **ret_payload)
{
    uint64_t at;
    int r = yb_lane_take_piece(lane, size, &at);
    if (r < 0)
        return r;
    r = yb_payload_of_lane(lane, at, size, ret_payload);
    if (r < 0)
        yb_lane_give_piece(lane, at);
    return r;
}

int yb_process_pool_make_payload(yb_job_executor *executor, size_t size, yibu_payload **ret_payload,
                                 size_t *ret_populated)
{
    yb_process_pool *pool = YB_CONTAINER_OF(executor, yb_process_pool, executor);
    int r = pool->broken ? pool->broken : -EAGAIN;
    yb_process *process = pool->broken ? NULL : take_worker(pool, size, &r);
    if (!process)
        return pool->process_count > 0 && size > newest(pool)->lane.big.size ? -ENOMEM : r;
    r = make_in(&process->lane, size, ret_payload);
    if (r < 0)
        return r;
    *ret_populated = size < SLICE_BYTES ? size : SLICE_BYTES;
    r = populate_first(&process->lane, *ret_payload, *ret_populated);
    if (r < 0)
        yibu_payload_free(*ret_payload);
    return r;
}

/* Populates the rest.  Others have a turn between slices where this is a task that can wait. */
static int populate(yibu_payload *payload, size_t from)
{
    int r = 0;
    for (size_t size; r == 0 && from < payload->size; from += size) {
        size = payload->size - from < SLICE_BYTES ? payload->size - from : SLICE_BYTES;
        r = yb_payload_populate(payload, from, size);
        if (r == 0 && yibu_current_task())
            r = yibu_sleep(0);
    }
    return r;
}

static int make_in_heap(size_t size, yibu_payload **ret_payload)
{
    yibu_buffer buffer = {0};
    int r = yibu_buffer_reserve(&buffer, size);
    if (r < 0)
        return r;
    buffer.size = size;
    r = yb_payload_of_buffer(&buffer, ret_payload);
    yibu_buffer_free(&buffer);
    return r;
}

/* In the pool of the loop. */
static int make_here(size_t size, yibu_payload **ret_payload, size_t *ret_populated)
{
    yb_job_executor *jobs;
    if (!yb_loop_current)
        return YIBU_ENOTASK;
    int r = yb_job_executor_of(yb_loop_current, &jobs);
    if (r < 0)
        return r;
    *ret_populated = size;
    return jobs->make_payload ? jobs->make_payload(jobs, size, ret_payload, ret_populated)
                              : make_in_heap(size, ret_payload);
}

static int make_for(yibu_executor *executor, size_t size, yibu_payload **ret_payload,
                    size_t *ret_populated)
{
    if (!executor->class->make_payload)
        return -ENOTSUP;
    return executor->class->make_payload(executor, size, ret_payload, ret_populated);
}

/* Where yibu_to_process_payload runs its jobs. */
int yibu_payload_new(yibu_executor *executor, size_t size, yibu_payload **ret_payload)
{
    yibu_payload *payload;
    size_t populated;
    if (size == 0 || !ret_payload)
        return -EINVAL;
    if (!executor && yb_loop_current)
        executor = yb_default_of(yb_loop_current, YIBU_EXECUTOR_PROCESSES);
    int r = executor ? make_for(executor, size, &payload, &populated)
                     : make_here(size, &payload, &populated);
    if (r < 0)
        return r;
    r = populate(payload, populated);
    if (r < 0)
        yibu_payload_free(payload);
    else
        *ret_payload = payload;
    return r;
}
