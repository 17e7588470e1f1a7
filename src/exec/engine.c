/* The common part of executors: its states, and what engines tell it.
 *
 * Calls and whatever else uses the engine have holds.  Once it refuses and the last hold is gone,
 * it is told to stop, by whoever dropped that; the engine says when its workers have ended. */
#include "exec/engine.h"

#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/forks.h"
#include "exec/line.h"
#include "exec/shutdown.h"
#include "exec/submission.h"

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void yb_engine_init(yibu_executor *e, const yb_engine_class *class, const char *name,
                    unsigned max_workers, unsigned max_queue)
{
    *e = (yibu_executor){.class = class, .max_workers = max_workers, .max_queue = max_queue};
    snprintf(e->name, sizeof(e->name), "%s", name);
    e->forks = yb_forks();
    pthread_mutex_init(&e->lock, NULL);
    init_condition(&e->changed);
    yb_list_init(&e->calls);
    yb_list_init(&e->entrants);
    yb_list_init(&e->watchers);
}

void yb_engine_destroy(yibu_executor *e)
{
    YB_ASSERT(e->holds == 0 && yb_list_empty(&e->watchers));
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
}

bool yb_engine_forked(const yibu_executor *e)
{
    return e->forks != yb_forks();
}

bool yb_engine_is_out_of_place(void)
{
    return yb_loop_current && yb_loop_current->backend->class->network;
}

int yb_engine_hold(yibu_executor *e)
{
    pthread_mutex_lock(&e->lock);
    int r = e->state == YB_ENGINE_OPEN ? 0 : e->refusal;
    if (r == 0)
        e->holds++;
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* Under the lock: whether the engine is to be stopped now, by the caller. */
static bool begin_stop(yibu_executor *e)
{
    if (e->state != YB_ENGINE_REFUSING || e->holds > 0)
        return false;
    e->state = YB_ENGINE_STOPPING;
    return true;
}

void yb_engine_release(yibu_executor *e)
{
    pthread_mutex_lock(&e->lock);
    YB_ASSERT(e->holds > 0);
    e->holds--;
    bool stops = begin_stop(e);
    pthread_mutex_unlock(&e->lock);
    if (stops)
        e->class->stop(e);
}

void yb_engine_close(yibu_executor *e, int code, bool cancel_queued)
{
    pthread_mutex_lock(&e->lock);
    if (e->state == YB_ENGINE_OPEN) {
        e->state = YB_ENGINE_REFUSING;
        e->refusal = code;
        yb_line_dismiss(e, code);
    }
    e->holds++;
    e->dropped |= cancel_queued;
    yb_submission *queued = cancel_queued ? yb_submissions_request(e, code) : NULL;
    pthread_mutex_unlock(&e->lock);
    yb_submissions_cancel(queued);
    yb_engine_release(e);
}

void yb_engine_refuse(yibu_executor *e, int code)
{
    yb_engine_close(e, code, true);
}

void yb_engine_stopped(yibu_executor *e)
{
    pthread_mutex_lock(&e->lock);
    YB_ASSERT(e->state == YB_ENGINE_STOPPING);
    e->state = YB_ENGINE_STOPPED;
    yb_shutdown_wake(e);
    pthread_mutex_unlock(&e->lock);
}
