/* The home loop's side of a process executor.
 *
 * The loop keeps a list of the executors that are at home on it, as one of its parts.  An executor
 * ends in the background, by stop, or at once, with its loop: then what is under way fails with
 * YIBU_ESHUTDOWN.  Either way it is closed first, so that nobody posts to a loop that is about to
 * go; what has been posted until then is dealt with still.
 *
 * It has stopped, for the common part, when that has asked for it, nothing is left at home, and the
 * intake is in no inbox. */
#include <errno.h>

#include "base/memory.h"
#include "exec/waits.h"
#include "proc/process_executor.h"
#include <yibu/error.h>

/* The intake. */

static yb_runnable *take_waiting(yb_process_executor *e)
{
    pthread_mutex_lock(&e->lock);
    yb_runnable *first = e->waiting.head;
    e->waiting = (yb_fifo){0};
    e->posted = false;
    pthread_mutex_unlock(&e->lock);
    return first;
}

static void drain(yb_process_executor *e)
{
    for (yb_runnable *item = take_waiting(e), *next; item; item = next) {
        next = item->next;
        item->run(item);
    }
}

static void arrive(yb_runnable *item)
{
    yb_intake *intake = YB_CONTAINER_OF(item, yb_intake, arrive);
    yb_process_executor *e = intake->executor;
    if (e) {
        drain(e);
        yb_process_executor_tell(e);
    } else {
        yb_free(intake);
    }
}

bool yb_process_executor_post(yb_process_executor *e, yb_runnable *item)
{
    pthread_mutex_lock(&e->lock);
    bool open = !e->closed, first = open && !e->posted;
    if (open) {
        yb_loop_note_caller(e->loop);
        yb_fifo_push(&e->waiting, item);
        e->posted = true;
    }
    if (first && yb_loop_current == e->loop)
        yb_loop_ready(e->loop, &e->intake->arrive);
    else if (first)
        yb_loop_post(e->loop, &e->intake->arrive);
    pthread_mutex_unlock(&e->lock);
    return open;
}

void yb_process_executor_begin(yb_runnable *posted)
{
    yb_call *call = YB_CONTAINER_OF(posted, yb_job_work, posted)->call;
    yb_process_executor *e = YB_CONTAINER_OF(call->owner, yb_process_executor, owner);
    if (e->pool)
        yb_call_begin_for(e->pool, call);
    else
        yb_call_refuse(call, YIBU_ESHUTDOWN);
}

/* A work that is done has no call any more. */
void yb_process_executor_cancel(yb_runnable *cancel)
{
    yb_job_work *work = YB_CONTAINER_OF(cancel, yb_job_work, cancel);
    if (work->call)
        yb_call_cancel(work->call);
    work->cancel_over(work);
}

void yb_process_executor_listen(yb_runnable *listen)
{
    yb_job_work *work = YB_CONTAINER_OF(listen, yb_job_work, listen);
    if (work->call)
        yb_call_listen_again(work->call);
    work->heard(work);
}

/* Ending. */

void yb_process_executor_tell(yb_process_executor *e)
{
    pthread_mutex_lock(&e->lock);
    bool now = e->stop_asked && e->ended && !e->posted && !e->told;
    e->told |= now;
    pthread_mutex_unlock(&e->lock);
    if (now)
        yb_engine_stopped(&e->base);
}

void yb_process_executor_gone(yb_process_executor *e)
{
    atomic_store(&e->base.home, NULL);
    pthread_mutex_lock(&e->lock);
    e->ended = true;
    pthread_mutex_unlock(&e->lock);
    yb_process_executor_tell(e);
}

/* Leaves the list of its loop. */
static void leave(yb_process_executor *e)
{
    e->pool = NULL;
    yb_list_remove(&e->links);
}

static void close_intake(yb_process_executor *e)
{
    pthread_mutex_lock(&e->lock);
    e->closed = true;
    pthread_mutex_unlock(&e->lock);
}

void yb_process_executor_stop(yb_runnable *stop)
{
    yb_process_executor *e = YB_CONTAINER_OF(stop, yb_process_executor, stop);
    close_intake(e);
    if (e->pool)
        yb_process_pool_stop(e->pool);
}

/* What is in the loop's inbox stays there. */
static void abandon_intake(yb_process_executor *e)
{
    pthread_mutex_lock(&e->lock);
    bool posted = e->posted;
    pthread_mutex_unlock(&e->lock);
    if (!posted)
        return;
    e->intake->executor = NULL;
    e->intake = NULL;
}

void yb_process_executor_end(yb_process_executor *e)
{
    if (!e->pool)
        return;
    close_intake(e);
    yb_engine_refuse(&e->base, YIBU_ESHUTDOWN);
    yb_process_pool_free(e->pool, YIBU_ESHUTDOWN);
    leave(e);
    abandon_intake(e);
    drain(e);
    yb_process_executor_gone(e);
}

static void pool_ended(yb_pool_owner *owner)
{
    yb_process_executor *e = YB_CONTAINER_OF(owner, yb_process_executor, owner);
    leave(e);
    if (e->own_thread)
        yibu_loop_stop(e->loop);
    else
        yb_process_executor_gone(e);
}

static void pool_broke(yb_pool_owner *owner, intptr_t code)
{
    (void)code;
    yb_engine_refuse(&YB_CONTAINER_OF(owner, yb_process_executor, owner)->base, YIBU_EBROKENPOOL);
}

/* The loop's part. */

typedef struct household {
    yb_loop_part part;
    yb_list executors;
} household;

static household *household_of(yb_loop_part *part)
{
    return YB_CONTAINER_OF(part, household, part);
}

static yb_process_executor *executor_of(yb_list *links)
{
    return YB_CONTAINER_OF(links, yb_process_executor, links);
}

static int64_t idle(yb_loop_part *part)
{
    household *all = household_of(part);
    int64_t next = INT64_MAX;
    for (yb_list *item = all->executors.next; item != &all->executors; item = item->next)
        if (yb_process_pool_idle(executor_of(item)->pool) == 0)
            next = 0;
    return next;
}

static void free_household(yb_loop_part *part)
{
    household *all = household_of(part);
    while (!yb_list_empty(&all->executors))
        yb_process_executor_end(executor_of(all->executors.next));
    yb_loop_current->parts[YB_PART_PROCESS_EXECUTORS] = NULL;
    yb_free(all);
}

static int enter_household(yb_process_executor *e)
{
    yb_loop_part **place = &e->loop->parts[YB_PART_PROCESS_EXECUTORS];
    if (!*place) {
        household *all = yb_calloc(1, sizeof(*all));
        if (!all)
            return -ENOMEM;
        all->part = (yb_loop_part){.free = free_household, .idle = idle};
        yb_list_init(&all->executors);
        *place = &all->part;
    }
    yb_list_push_back(&household_of(*place)->executors, &e->links);
    return 0;
}

/* What is under way there goes on. */
static bool take_over(yb_process_executor *e)
{
    e->pool = e->takes_over ? yb_loop_pool_take(e->loop) : NULL;
    if (!e->pool)
        return false;
    e->pool->owner = &e->owner;
    yb_process_pool_publish_counts(e->pool);
    return true;
}

int yb_process_executor_settle(yb_process_executor *e, yibu_loop *loop)
{
    if (loop->closing)
        return YIBU_ESHUTDOWN;
    e->loop = loop;
    e->owner.broke = pool_broke;
    e->owner.ended = pool_ended;
    e->intake = yb_malloc(sizeof(*e->intake));
    if (!e->intake)
        return -ENOMEM;
    *e->intake = (yb_intake){.arrive.run = arrive, .executor = e};
    int r = enter_household(e);
    if (r == 0 && !take_over(e))
        r = yb_process_pool_new(loop, &e->options, &e->owner, &e->pool);
    if (r == 0) {
        atomic_store(&e->base.home, loop);
        yb_blocking_here = &yb_waits; /* while this thread blocks, the executor stands still */
        return 0;
    }
    if (e->links.next)
        yb_list_remove(&e->links);
    yb_free(e->intake);
    return r;
}
