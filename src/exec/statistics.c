/* What an executor does and has done, as a struct and as a line. */
#include <errno.h>
#include <stdio.h>
#include <yibu/error.h>

#include "base/options.h"
#include "exec/engine.h"

static void fill(yibu_executor *e, yibu_executor_stats *s)
{
    pthread_mutex_lock(&e->lock);
    *s = (yibu_executor_stats){.size = sizeof(*s),
                               .max_workers = e->max_workers,
                               .queued = e->queued,
                               .running = e->running,
                               .done = e->done,
                               .failed = e->failed,
                               .cancelled = e->cancelled,
                               .waited_ns = e->waited_ns,
                               .ran_ns = e->ran_ns};
    pthread_mutex_unlock(&e->lock);
    e->class->count(e, s);
}

int yibu_executor_statistics(yibu_executor *executor, yibu_executor_stats *statistics)
{
    yibu_executor_stats ours;
    if (!executor || !statistics || statistics->size < sizeof(size_t))
        return -EINVAL;
    if (yb_engine_forked(executor))
        return YIBU_EFORKED;
    fill(executor, &ours);
    yb_options_give(statistics, &ours, sizeof(ours));
    return 0;
}

int yibu_executor_describe(yibu_executor *executor, char *line, size_t size)
{
    yibu_executor_stats s;
    if (!executor || (!line && size > 0))
        return -EINVAL;
    if (yb_engine_forked(executor))
        return YIBU_EFORKED;
    fill(executor, &s);
    return snprintf(line, size,
                    "%s \"%s\": %u of %u workers, %u idle; %zu queued, %zu running, %llu done, "
                    "%llu failed, %llu cancelled; %.3f s waited, %.3f s run; %llu crashed, "
                    "%llu restarted",
                    executor->class->kind, executor->name, s.workers, s.max_workers, s.idle,
                    s.queued, s.running, (unsigned long long)s.done, (unsigned long long)s.failed,
                    (unsigned long long)s.cancelled, (double)s.waited_ns / 1e9,
                    (double)s.ran_ns / 1e9, (unsigned long long)s.crashed,
                    (unsigned long long)s.restarted);
}
