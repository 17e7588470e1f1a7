/* See waits.h.  All waits are in one list, under one lock, below which are those of the lines.
 * Each belongs to the thread that waits, or to the function whose loop does; the pointers to
 * executors are compared, and followed only where a call to them is under way. */
#include "exec/waits.h"

#include <errno.h>

#include "exec/function.h"
#include "exec/line.h"
#include "exec/thread_pool.h"

static struct {
    pthread_mutex_t lock;
    yb_list waits;
    unsigned search; /* the number of the last one */
} all = {PTHREAD_MUTEX_INITIALIZER, {&all.waits, &all.waits}, 0};

/* A thread blocks for one thing at a time. */
static YB_THREAD_LOCAL yb_wait here;

static yb_wait *wait_of(yb_list *links)
{
    return YB_CONTAINER_OF(links, yb_wait, links);
}

/* Circles of executors. */

/* Nobody comes to the executor again in this search. */
static void close_ways_to(const yibu_executor *executor)
{
    for (yb_list *at = all.waits.next; at != &all.waits; at = at->next)
        if (wait_of(at)->to == executor)
            wait_of(at)->seen = all.search;
}

static bool leads(const yibu_executor *from, const yibu_executor *to)
{
    if (from == to)
        return true;
    close_ways_to(from);
    for (yb_list *at = all.waits.next; at != &all.waits; at = at->next) {
        const yb_wait *wait = wait_of(at);
        if (wait->from == from && wait->seen != all.search && (!wait->to || leads(wait->to, to)))
            return true;
    }
    return false;
}

/* What it waits for may need the waiting thread's place.  The own executor's calls do not. */
static bool needs_place(const yb_wait *wait)
{
    all.search++;
    return !wait->to || (wait->from != wait->to && leads(wait->to, wait->from));
}

static void lend(yb_wait *wait)
{
    wait->lent = true;
    if (wait->pool)
        yb_thread_pool_lend(wait->pool);
    if (wait->for_room)
        yb_line_let_functions_in(wait->to);
}

static void lend_all(void)
{
    for (yb_list *at = all.waits.next; at != &all.waits; at = at->next)
        if (wait_of(at)->from && !wait_of(at)->lent && needs_place(wait_of(at)))
            lend(wait_of(at));
}

/* Circles of calls. */

static bool is_within(const yb_function_call *call, const yb_function_call *function)
{
    while (function && function != call)
        function = function->around;
    return function != NULL;
}

/* What whoever runs the call that `wait` is for waits for itself; NULL: it goes on. */
static const yb_wait *next_of(const yb_wait *wait)
{
    for (yb_list *at = all.waits.next; wait->target && at != &all.waits; at = at->next) {
        const yb_wait *next = wait_of(at);
        if (next->loop
                ? next->loop == wait->home
                : is_within((const yb_function_call *)(const void *)wait->target, next->function))
            return next;
    }
    return NULL;
}

/* There is no circle but one that begins here. */
static bool waits_for_itself(const yb_wait *wait)
{
    const yb_wait *next = next_of(wait);
    while (next && next != wait)
        next = next_of(next);
    return next != NULL;
}

/* Beginning and ending. */

static int begin(yb_wait *wait)
{
    pthread_mutex_lock(&all.lock);
    yb_list_push_back(&all.waits, &wait->links);
    int r = waits_for_itself(wait) ? -EDEADLK : 0;
    if (r < 0)
        yb_list_unlink(&wait->links);
    else if (wait->from && needs_place(wait))
        lend_all();
    pthread_mutex_unlock(&all.lock);
    return r;
}

static void end(yb_wait *wait)
{
    pthread_mutex_lock(&all.lock);
    yb_list_unlink(&wait->links);
    if (wait->lent && wait->pool)
        yb_thread_pool_take_back(wait->pool);
    pthread_mutex_unlock(&all.lock);
}

static yb_wait wait_of_function(yb_function_call *function)
{
    yb_worker *worker = yb_worker_current;
    return (yb_wait){.function = function,
                     .from = function ? function->submission.executor : NULL,
                     .pool = worker ? worker->pool : NULL};
}

/* Blocking for futures. */

/* While the future is pending, its executor is there. */
static void note_target(yb_wait *wait, yibu_concurrent_future *future)
{
    yb_submission *s = yb_submission_of(future);
    pthread_mutex_lock(&future->lock);
    if (s && !yibu_concurrent_future_done(future)) {
        wait->target = future;
        wait->to = s->executor;
        wait->home = atomic_load(&s->executor->home);
    }
    pthread_mutex_unlock(&future->lock);
}

static bool is_known(const yb_wait *wait)
{
    return wait->from || wait->loop;
}

/* A function of a loop's own pool, for which nobody but its tasks wait, always lends its place. */
static int begin_blocking(yibu_concurrent_future *future)
{
    here = wait_of_function(yb_function_current);
    note_target(&here, future);
    if (!here.pool && here.target)
        here.loop = yb_loop_current;
    if (is_known(&here))
        return begin(&here);
    if (here.pool)
        yb_thread_pool_lend(here.pool);
    return 0;
}

/* A thread could not be started, perhaps, to which a place was lent: then another time.  Whoever
 * closed a circle sees to all of it. */
static int64_t look(void)
{
    enum { AGAIN_NS = 100000000 };
    pthread_mutex_lock(&all.lock);
    bool lent = here.lent;
    for (yb_list *at = all.waits.next; lent && at != &all.waits; at = at->next)
        if (wait_of(at)->lent && wait_of(at)->pool)
            yb_thread_pool_look(wait_of(at)->pool);
    pthread_mutex_unlock(&all.lock);
    return lent ? yb_clock_now(NULL) + AGAIN_NS : INT64_MAX;
}

static void end_blocking(void)
{
    if (is_known(&here))
        end(&here);
    else if (here.pool)
        yb_thread_pool_take_back(here.pool);
}

const yb_blocking yb_waits = {begin_blocking, look, end_blocking};

/* For room. */

void yb_wait_for_room_begins(yibu_executor *executor)
{
    here = wait_of_function(yb_function_current);
    here.to = executor;
    here.for_room = true;
    (void)begin(&here);
}

bool yb_wait_for_room_is_over(void)
{
    pthread_mutex_lock(&all.lock);
    bool lent = here.lent;
    pthread_mutex_unlock(&all.lock);
    return lent;
}

void yb_wait_for_room_ends(void)
{
    end(&here);
}

/* For tasks. */

void yb_wait_suspends(yb_function_call *function, yb_wait *wait)
{
    *wait = wait_of_function(function);
    (void)begin(wait);
}

void yb_wait_resumes(yb_wait *wait)
{
    end(wait);
}
