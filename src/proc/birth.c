/* A worker process comes to be, and goes.
 *
 * It is READY once it was forked and, where the pool has an initializer, that has succeeded: it is
 * the first job in the lane, before the worker even exists, and nothing is given to the worker
 * until it is answered. */
#include "base/memory.h"
#include "proc/pool.h"

static const uint32_t SPIN_NS = 100000;

/* One processor is left to the parent; the others may have a worker that spins. */
static void allow_spinning(yb_process *process)
{
    yb_process_pool *pool = process->pool;
    process->spins = pool->spinning_count + 1 < pool->processors;
    if (!process->spins)
        return;
    pool->spinning_count++;
    yb_lane_set_spin(&process->lane, SPIN_NS);
}

static int start_zygote(yb_process_pool *pool)
{
    const yibu_job *preload = pool->options.preload;
    int r = yb_spawner_start(&pool->spawner);
    if (r < 0 || !preload)
        return r;
    pool->preloading = true;
    return yb_spawner_preload(&pool->spawner, preload->name);
}

static int order(yb_process *process)
{
    yb_process_pool *pool = process->pool;
    bool spawn = pool->options.start_method == YIBU_START_SPAWN;
    const yb_spawner_wish wish = {
        .worker = process->number,
        .fds = {process->lane.fd, pool->doorbell, process->text.fds[0], process->text.fds[1]},
        .nice = pool->options.nice,
        .flags = spawn ? YB_ZYGOTE_SPAWN : 0,
        .name = pool->options.name,
    };
    int r = pool->spawner.socket < 0 ? start_zygote(pool) : 0;
    if (r == 0 && !pool->news_watch.active)
        r = yb_process_pool_watch_news(pool);
    return r == 0 ? yb_spawner_order(&pool->spawner, &wish) : r;
}

static int put_initializer(yb_process *process)
{
    const yibu_process_pool_options *options = &process->pool->options;
    if (!options->initializer)
        return 0;
    yibu_bytes input = options->initializer_input;
    int r = yb_lane_reserve(&process->lane, options->initializer, input.size);
    if (r == 0)
        r = yb_lane_write(&process->lane, 0, input.data, input.size);
    if (r < 0)
        return r;
    yb_lane_set_flags(&process->lane, YB_SLOT_SETS_UP);
    yb_lane_commit(&process->lane);
    process->setting_up = process->changed = true;
    yb_process_pool_flush_soon(process->pool);
    return 0;
}

int yb_process_start(yb_process_pool *pool)
{
    yb_process *process = yb_calloc(1, sizeof(*process));
    if (!process)
        return -ENOMEM;
    process->pool = pool;
    process->number = pool->next_process++;
    int r = yb_lane_open(&process->lane);
    if (r < 0)
        goto free_process;
    r = yb_text_open(&process->text);
    if (r < 0)
        goto close_lane;
    r = put_initializer(process);
    if (r == 0)
        r = order(process);
    if (r < 0)
        goto close_text;
    allow_spinning(process);
    yb_list_push_back(&pool->processes, &process->links);
    pool->process_count++;
    pool->starting_count++;
    return 0;

close_text:
    yb_text_close(&process->text);
close_lane:
    yb_lane_close(&process->lane);
free_process:
    yb_free(process);
    return r;
}

static unsigned *count_of(yb_process_pool *pool, yb_process_state state)
{
    switch (state) {
    case YB_PROCESS_STARTING:
        return &pool->starting_count;
    case YB_PROCESS_RETIRING:
    case YB_PROCESS_LEAVING:
        return &pool->leaving_count;
    default:
        return NULL;
    }
}

void yb_process_become(yb_process *process, yb_process_state state)
{
    unsigned *before = count_of(process->pool, process->state);
    unsigned *after = count_of(process->pool, state);
    if (before)
        --*before;
    if (after)
        ++*after;
    process->state = state;
}

static void become_ready(yb_process *process)
{
    if (process->state == YB_PROCESS_STARTING && process->pid > 0 && !process->setting_up)
        yb_process_become(process, YB_PROCESS_READY);
}

void yb_process_started(yb_process *process, pid_t pid)
{
    process->pid = pid;
    become_ready(process);
}

void yb_process_set_up(yb_process *process, intptr_t status)
{
    process->setting_up = false;
    if (yibu_failed(status)) {
        yb_process_kill(process, false);
        yb_process_pool_break(process->pool, status, "failed in its initializer");
    }
    become_ready(process);
}

void yb_process_free(yb_process *process)
{
    yb_process_pool *pool = process->pool;
    yb_process_become(process, YB_PROCESS_DYING);
    if (process->spins)
        pool->spinning_count--;
    pool->process_count--;
    yb_list_remove(&process->links);
    yb_text_close(&process->text);
    yb_lane_close(&process->lane);
    yb_free(process);
}
