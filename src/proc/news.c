/* What the zygote says of workers, and its own end. */
#include <errno.h>
#include <signal.h>

#include "proc/pool.h"
#include <yibu/error.h>

static yb_process *find(yb_process_pool *pool, uint64_t number)
{
    for (yb_list *item = pool->processes.next; item != &pool->processes; item = item->next) {
        yb_process *process = YB_CONTAINER_OF(item, yb_process, links);
        if (process->number == number)
            return process;
    }
    return NULL;
}

static void take_preloaded(yb_process_pool *pool, int status)
{
    pool->preloading = false;
    if (status < 0)
        yb_process_pool_break(pool, status, "failed in its preload job");
}

static void take_news_of(yb_process *process, const yb_zygote_news *news)
{
    yb_process_pool *pool = process->pool;
    yb_process_end end = {news->value, news->peak_memory_bytes, news->user_ns, news->system_ns,
                          news->out_of_memory != 0};
    switch ((yb_zygote_news_kind)news->kind) {
    case YB_ZYGOTE_STARTED:
        yb_process_started(process, news->value);
        break;
    case YB_ZYGOTE_REFUSED:
        yb_process_free(process);
        yb_process_pool_start_failed(pool, news->value, NULL);
        break;
    case YB_ZYGOTE_PRELOADED:
        break;
    case YB_ZYGOTE_EXITED:
        yb_process_take_end(process, &end);
        break;
    }
}

static void take_news(yb_process_pool *pool, const yb_zygote_news *news)
{
    if (news->kind == YB_ZYGOTE_PRELOADED) {
        take_preloaded(pool, news->value);
        return;
    }
    yb_process *process = find(pool, news->worker);
    if (process)
        take_news_of(process, news);
}

/* The zygote has gone: so have its workers, by the same hand that kills orphans.  One that was to
 * be started has failed by whatever ended the zygote. */
static void lose_zygote(yb_process_pool *pool)
{
    pool->loop->backend->class->forget_fd(pool->loop->backend, pool->spawner.socket);
    const yb_process_end orphaned = {.status = SIGKILL};
    const yb_process_end unborn = {.status = yb_spawner_stop(&pool->spawner, false)};
    if (pool->preloading)
        take_preloaded(pool, YIBU_EWORKER);
    while (!yb_list_empty(&pool->processes)) {
        yb_process *process = YB_CONTAINER_OF(pool->processes.next, yb_process, links);
        if (process->pid > 0)
            (void)kill(-process->pid, SIGKILL); /* what its jobs have started: nobody else will */
        yb_process_take_end(process, process->state == YB_PROCESS_STARTING ? &unborn : &orphaned);
    }
    if (pool->stopping)
        yb_process_pool_stopped(pool);
}

int yb_process_hear(yb_process_pool *pool)
{
    yb_zygote_news news;
    int r;
    while ((r = yb_spawner_hear(&pool->spawner, &news)) > 0)
        take_news(pool, &news);
    if (r < 0)
        lose_zygote(pool);
    return r;
}
