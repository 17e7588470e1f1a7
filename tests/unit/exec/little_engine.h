/* An engine to test the common part of executors with: a few threads, one lock, and nothing clever.
 * It runs functions, and jobs in this process, whose cancel while they run is noted only. */
#ifndef LITTLE_ENGINE_H
#define LITTLE_ENGINE_H

#include <errno.h>
#include <pthread.h>

#include "exec/engine.h"

enum { LITTLE_THREADS = 8 };

enum { LITTLE_OPEN, LITTLE_RETURNED, LITTLE_GIVEN_UP };

typedef struct little_engine {
    yibu_executor executor; /* first */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    yb_list works, jobs; /* in line */
    bool stopping;
    unsigned living, idle;
    int refuses;                                /* what submits answer, 0: they do not */
    void (*on_submit)(yibu_executor *executor); /* before a work is in line; may be NULL */
    unsigned job_cancels;
    pthread_t threads[LITTLE_THREADS];
} little_engine;

static inline little_engine *little_of(yibu_executor *executor)
{
    return (little_engine *)(void *)executor;
}

static inline void little_run_work(yb_work *work)
{
    uint8_t open = LITTLE_OPEN;
    if (!work->class->release || atomic_load(&work->fate) == LITTLE_OPEN)
        work->result = work->fn(work->arg);
    if (work->class->release &&
        !atomic_compare_exchange_strong(&work->fate, &open, LITTLE_RETURNED))
        work->class->release(work);
    else
        work->class->done(work);
}

static inline void little_run_job(yb_job_work *job)
{
    job->started(job);
    job->status = job->job->function(job->input, job->ret_output);
    job->done(job);
}

static inline bool little_run_next(little_engine *little)
{
    yb_list *item = yb_list_pop_front(&little->works);
    yb_work *work = item ? YB_CONTAINER_OF(item, yb_work, links) : NULL;
    item = work ? NULL : yb_list_pop_front(&little->jobs);
    yb_job_work *job = item ? YB_CONTAINER_OF(item, yb_job_work, links) : NULL;
    if (!work && !job)
        return false;
    little->idle--;
    pthread_mutex_unlock(&little->lock);
    if (work)
        little_run_work(work);
    else
        little_run_job(job);
    pthread_mutex_lock(&little->lock);
    little->idle++;
    return true;
}

static inline void *little_work(void *arg)
{
    little_engine *little = arg;
    pthread_mutex_lock(&little->lock);
    while (little_run_next(little) || !little->stopping)
        if (yb_list_empty(&little->works) && yb_list_empty(&little->jobs) && !little->stopping)
            pthread_cond_wait(&little->changed, &little->lock);
    bool last = --little->living == 0;
    pthread_mutex_unlock(&little->lock);
    if (last)
        yb_engine_stopped(&little->executor);
    return NULL;
}

static inline int little_submit(yibu_executor *executor, yb_work *work)
{
    little_engine *little = little_of(executor);
    if (little->on_submit)
        little->on_submit(executor);
    pthread_mutex_lock(&little->lock);
    int r = little->refuses;
    if (r == 0) {
        atomic_store(&work->fate, LITTLE_OPEN);
        atomic_store(&work->slot, 0);
        yb_list_push_back(&little->works, &work->links);
        pthread_cond_signal(&little->changed);
    }
    pthread_mutex_unlock(&little->lock);
    return r;
}

/* Under the lock. */
static inline bool little_unlink(yb_list *line, const yb_list *links)
{
    for (yb_list *at = line->next; at != line; at = at->next)
        if (at == links) {
            yb_list_unlink(at);
            return true;
        }
    return false;
}

static inline bool little_withdraw(yibu_executor *executor, yb_work *work)
{
    little_engine *little = little_of(executor);
    pthread_mutex_lock(&little->lock);
    bool taken = little_unlink(&little->works, &work->links);
    pthread_mutex_unlock(&little->lock);
    return taken;
}

static inline bool little_cancel(yibu_executor *executor, yb_work *work)
{
    uint8_t open = LITTLE_OPEN;
    if (little_withdraw(executor, work)) {
        if (work->class->release)
            work->class->release(work);
        return true;
    }
    return work->class->release &&
           atomic_compare_exchange_strong(&work->fate, &open, LITTLE_GIVEN_UP);
}

static inline int little_submit_job(yibu_executor *executor, yb_job_work *job)
{
    little_engine *little = little_of(executor);
    pthread_mutex_lock(&little->lock);
    int r = little->refuses;
    if (r == 0) {
        yb_list_push_back(&little->jobs, &job->links);
        pthread_cond_signal(&little->changed);
    }
    pthread_mutex_unlock(&little->lock);
    return r;
}

static inline void little_cancel_job(yibu_executor *executor, yb_job_work *job)
{
    little_engine *little = little_of(executor);
    pthread_mutex_lock(&little->lock);
    bool taken = little_unlink(&little->jobs, &job->links);
    little->job_cancels++;
    pthread_mutex_unlock(&little->lock);
    if (taken) {
        job->status = -ECANCELED;
        job->done(job);
    }
    job->cancel_over(job);
}

static inline void little_stop(yibu_executor *executor)
{
    little_engine *little = little_of(executor);
    pthread_mutex_lock(&little->lock);
    little->stopping = true;
    pthread_cond_broadcast(&little->changed);
    pthread_mutex_unlock(&little->lock);
}

static inline void little_count(yibu_executor *executor, yibu_executor_stats *stats)
{
    little_engine *little = little_of(executor);
    pthread_mutex_lock(&little->lock);
    stats->workers += little->living;
    stats->idle += little->idle;
    pthread_mutex_unlock(&little->lock);
}

static inline void little_free(yibu_executor *executor)
{
    little_engine *little = little_of(executor);
    for (unsigned i = 0; i < executor->max_workers; i++)
        assert_int_equal(pthread_join(little->threads[i], NULL), 0);
    pthread_cond_destroy(&little->changed);
    pthread_mutex_destroy(&little->lock);
    yb_engine_destroy(executor);
    free(little);
}

#define LITTLE_FUNCTIONS                                                \
    .kind = "little", .submit = little_submit, .cancel = little_cancel, \
    .withdraw = little_withdraw, .stop = little_stop, .count = little_count, .free = little_free

static const yb_engine_class little_functions = {LITTLE_FUNCTIONS};
static const yb_engine_class little_jobs = {LITTLE_FUNCTIONS, .submit_job = little_submit_job,
                                            .cancel_job = little_cancel_job};

static inline yibu_executor *little_new(const yb_engine_class *class, unsigned threads,
                                        unsigned max_queue)
{
    little_engine *little = calloc(1, sizeof(*little));
    assert_non_null(little);
    yb_engine_init(&little->executor, class, "little", threads, max_queue);
    pthread_mutex_init(&little->lock, NULL);
    pthread_cond_init(&little->changed, NULL);
    yb_list_init(&little->works);
    yb_list_init(&little->jobs);
    little->living = little->idle = threads;
    for (unsigned i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&little->threads[i], NULL, little_work, little), 0);
    return &little->executor;
}

#endif
