/* Executors whose workers are processes: made and freed, and what the common part asks of them, on
 * any thread.  The pool and what happens in it is the home loop's (process_executor_home.c). */
#include "proc/process_executor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "proc/job.h"
#include <yibu/error.h>

static yb_process_executor *of(yibu_executor *executor)
{
    return YB_CONTAINER_OF(executor, yb_process_executor, base);
}

/* The engine. */

static bool at_home(yb_process_executor *e)
{
    return yb_loop_current && atomic_load(&e->base.home) == yb_loop_current;
}

static int begin_at_home(yb_process_executor *e, yb_call *call)
{
    if (!e->pool || e->pool->broken)
        return e->pool ? e->pool->broken : YIBU_ESHUTDOWN;
    yb_call_begin_for(e->pool, call);
    return 0;
}

static int begin_from_elsewhere(yb_process_executor *e, yb_job_work *work)
{
    work->posted.run = yb_process_executor_begin;
    return yb_process_executor_post(e, &work->posted) ? 0 : YIBU_ESHUTDOWN;
}

static int submit_job(yibu_executor *executor, yb_job_work *work)
{
    yb_process_executor *e = of(executor);
    if (!yb_job_valid(work->job))
        return -EINVAL;
    int r = yb_job_options_check(&work->options);
    if (r < 0)
        return r;
    yb_call *call = yb_call_new_for(work, &e->owner);
    if (!call)
        return -ENOMEM;
    work->call = call;
    r = at_home(e) ? begin_at_home(e, call) : begin_from_elsewhere(e, work);
    if (r < 0) {
        work->call = NULL;
        yb_free(call);
    }
    return r;
}

/* Where the home is closed, everything there is about to end anyway. */
static void cancel_job(yibu_executor *executor, yb_job_work *work)
{
    work->cancel.run = yb_process_executor_cancel;
    if (!yb_process_executor_post(of(executor), &work->cancel))
        work->cancel_over(work);
}

static void listen_again(yibu_executor *executor, yb_job_work *work)
{
    work->listen.run = yb_process_executor_listen;
    if (!yb_process_executor_post(of(executor), &work->listen))
        work->heard(work);
}

static void stop(yibu_executor *executor)
{
    yb_process_executor *e = of(executor);
    e->stop.run = yb_process_executor_stop;
    pthread_mutex_lock(&e->lock);
    e->stop_asked = true;
    pthread_mutex_unlock(&e->lock);
    if (!yb_process_executor_post(e, &e->stop))
        yb_process_executor_tell(e);
}

static void count(yibu_executor *executor, yibu_executor_stats *statistics)
{
    const yb_process_counts *counts = &of(executor)->owner.counts;
    statistics->workers += atomic_load_explicit(&counts->workers, memory_order_relaxed);
    statistics->idle += atomic_load_explicit(&counts->idle, memory_order_relaxed);
    statistics->crashed += atomic_load_explicit(&counts->crashed, memory_order_relaxed);
    statistics->restarted += atomic_load_explicit(&counts->restarted, memory_order_relaxed);
}

static void end(yibu_executor *executor)
{
    yb_process_executor_end(of(executor));
}

static void destroy(yb_process_executor *e)
{
    pthread_mutex_destroy(&e->lock);
    yb_engine_destroy(&e->base);
    yb_free(e->input);
    yb_free(e);
}

static void free_executor(yibu_executor *executor)
{
    yb_process_executor *e = of(executor);
    if (e->own_thread)
        yb_home_join(&e->home);
    yb_free(e->intake);
    destroy(e);
}

static const yb_engine_class class = {
    .kind = "processes",
    .submit_job = submit_job,
    .cancel_job = cancel_job,
    .listen_again = listen_again,
    .make_payload = yb_process_executor_make_payload,
    .stop = stop,
    .count = count,
    .end = end,
    .free = free_executor,
};

/* Making. */

static bool valid(const yibu_process_pool_options *options)
{
    const yibu_bytes *input = &options->initializer_input;
    bool spawn = options->start_method == YIBU_START_SPAWN;
    return (spawn || options->start_method == YIBU_START_FORK) && !(spawn && options->preload) &&
           (!options->initializer || yb_job_valid(options->initializer)) &&
           (!options->preload || yb_job_valid(options->preload)) && (input->data || !input->size);
}

/* Makes what the options point to the executor's own; the names of jobs stay the caller's. */
static int keep(yb_process_executor *e, const yibu_process_pool_options *options)
{
    yibu_bytes input = options->initializer_input;
    e->options = *options;
    e->options.name = e->name;
    snprintf(e->name, sizeof(e->name), "%s", options->name ? options->name : "");
    if (options->initializer)
        e->initializer = *options->initializer;
    if (options->preload)
        e->preload = *options->preload;
    e->options.initializer = options->initializer ? &e->initializer : NULL;
    e->options.preload = options->preload ? &e->preload : NULL;
    if (input.size == 0)
        return 0;
    e->input = yb_malloc(input.size);
    if (!e->input)
        return -ENOMEM;
    memcpy(e->input, input.data, input.size);
    e->options.initializer_input.data = e->input;
    return 0;
}

static int begin_home(yb_home *home, yibu_loop *loop)
{
    return yb_process_executor_settle(YB_CONTAINER_OF(home, yb_process_executor, home), loop);
}

static void leave_home(yb_home *home)
{
    yb_process_executor_gone(YB_CONTAINER_OF(home, yb_process_executor, home));
}

static int settle(yb_process_executor *e)
{
    if (!e->own_thread)
        return yb_process_executor_settle(e, yb_loop_current);
    e->home.begin = begin_home;
    e->home.ended = leave_home;
    e->home.name = "yibu-pool";
    return yb_home_start(&e->home);
}

static int make(const yibu_process_pool_options *options, bool takes_over,
                yb_process_executor **ret_executor)
{
    yb_process_executor *e = yb_calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    unsigned workers = yb_process_pool_max_workers(options);
    yb_engine_init(&e->base, &class, options->name ? options->name : "yibu-worker", workers,
                   options->max_queue);
    pthread_mutex_init(&e->lock, NULL);
    e->own_thread = options->own_thread || !yb_loop_current;
    e->takes_over = takes_over;
    int r = keep(e, options);
    if (r == 0)
        r = settle(e);
    if (r < 0)
        destroy(e);
    else
        *ret_executor = e;
    return r;
}

int yb_process_executor_new(const yibu_process_pool_options *options, bool takes_over,
                            yibu_executor **ret_executor)
{
    yibu_process_pool_options taken;
    int r = ret_executor ? yb_options_take(&taken, sizeof(taken), options) : -EINVAL;
    if (r < 0)
        return r;
    if (!valid(&taken))
        return -EINVAL;
    if (yb_forked())
        return YIBU_EFORKED;
    if (yb_engine_is_out_of_place())
        return -ENOTSUP;
    yb_process_executor *e = NULL;
    r = make(&taken, takes_over, &e);
    if (r == 0)
        *ret_executor = &e->base;
    return r;
}

int yibu_process_pool_executor_new(const yibu_process_pool_options *options,
                                   yibu_executor **ret_executor)
{
    return yb_process_executor_new(options, false, ret_executor);
}
