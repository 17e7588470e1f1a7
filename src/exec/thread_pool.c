/* The thread pool of a loop: runs functions that block, first come, first served.
 *
 * Nothing on the way of a piece of work takes a lock: submit appends to the ring (work_ring.h), a
 * worker takes the oldest, runs it, and posts it back to the loop.  What needs care is who sleeps:
 *
 * A worker is RUNNING, RESTING (in the stack `resting`, the latest on top; see worker.c) or
 * SEARCHING.  There is at most one searcher: the holder of the baton.  Whoever wakes or starts a
 * worker takes the baton first and passes it on to that worker, which lays it down when it has
 * taken work or found none.  So
 *   - a submitter that finds the baton taken need not wake anybody: a burst costs one wake-up;
 *   - a searcher that has taken work and sees more sends the next: parallelism grows by itself;
 *   - a worker that is about to look for work anyway takes the baton if it can, so that nobody is
 *     woken or started for what it will find;
 *   - only the holder pops `resting`, which therefore has no ABA problem, and starts threads.
 *
 * No wake-up is lost: (1) submit publishes work, then tries the baton; (2) whoever lays the baton
 * down then looks for work; (3) a worker that entered `resting` then looks for work and tries the
 * baton; (4) a holder that found nobody to send lays the baton down, then looks for work and
 * resters.  All of these are sequentially consistent: of two such pairs, one sees the other.
 *
 * Draining.  Sending somebody costs more than a short function does.  So a searcher keeps the baton
 * while it runs functions, as long as those in line should be done sooner (by what the last ones
 * took) than somebody else could be there.  Then the baton is DRAINING, and anybody may take it
 * away: the loop does where it waits and sees no progress, since a function took longer than
 * thought.
 *
 * Work that may be given up (yb_work.release) has a fate: the worker moves it OPEN -> RETURNED, the
 * loop OPEN -> GIVEN_UP; one of them succeeds.  Work that was given up is its worker's to release.
 *
 * The loop's end: `stopping` is set, the baton taken and kept, what waits in line comes back as
 * cancelled, every worker is stopped. */
#include "exec/thread_pool.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>
#include <yibu/error.h>

#include "base/assert.h"
#include "base/memory.h"
#include "platform/processor.h"

/* yb_work.slot of work that is not in the ring. */
static const uint32_t IN_BACKLOG = UINT32_MAX;

static yb_thread_pool *pool_of(yb_executor *executor)
{
    return YB_CONTAINER_OF(executor, yb_thread_pool, executor);
}

bool yb_thread_pool_move_baton(yb_thread_pool *pool, uint8_t from, uint8_t to)
{
    return atomic_compare_exchange_strong(&pool->baton, &from, to);
}

static yb_worker *pop_resting(yb_thread_pool *pool)
{
    yb_worker *top = atomic_load(&pool->resting);
    while (top && !atomic_compare_exchange_weak(&pool->resting, &top, top->below))
        ;
    return top;
}

/* Passes the caller's baton on, to a worker that rests or a new one. */
static bool pass_baton(yb_thread_pool *pool)
{
    yb_worker *worker = pop_resting(pool);
    if (!worker)
        return yb_worker_start(pool) == 0;
    yb_worker_wake(worker);
    return true;
}

/* Whether there is anybody to send. */
static bool somebody_is_left(yb_thread_pool *pool)
{
    return atomic_load(&pool->resting) || atomic_load(&pool->thread_count) < pool->max_threads;
}

/* Sends somebody with the baton that the caller holds, or lays it down. */
static void send_somebody(yb_thread_pool *pool)
{
    while (!pass_baton(pool)) {
        atomic_store(&pool->baton, YB_BATON_FREE);
        if (!atomic_load(&pool->resting) || yb_work_ring_empty(&pool->ring) ||
            !yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD))
            return;
    }
}

void yb_thread_pool_wake(yb_thread_pool *pool)
{
    if (!atomic_load(&pool->stopping) && somebody_is_left(pool) &&
        yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD))
        send_somebody(pool);
}

/* Moves what waits outside into the ring: when work returns or is withdrawn, and before the loop
 * waits. */
static void refill(yb_thread_pool *pool)
{
    bool moved = false;
    while (!yb_list_empty(&pool->backlog)) {
        yb_list *links = yb_list_pop_front(&pool->backlog);
        if (!yb_work_ring_push(&pool->ring, YB_CONTAINER_OF(links, yb_work, links))) {
            yb_list_push_back(pool->backlog.next, links); /* before the first */
            break;
        }
        moved = true;
    }
    if (moved)
        yb_thread_pool_wake(pool);
}

static void stand_in_line(yb_thread_pool *pool, yb_work *work)
{
    if (yb_list_empty(&pool->backlog) && yb_work_ring_push(&pool->ring, work))
        return;
    work->slot = IN_BACKLOG;
    yb_list_push_back(&pool->backlog, &work->links);
}

static bool leave_line(yb_thread_pool *pool, yb_work *work)
{
    if (work->slot == IN_BACKLOG) {
        yb_list_remove(&work->links);
        return true;
    }
    return yb_work_ring_withdraw(&pool->ring, work);
}

/* Without any thread nobody holds the baton. */
static int start_first_worker(yb_thread_pool *pool)
{
    YB_ASSERT(yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD));
    int r = yb_worker_start(pool);
    if (r < 0)
        atomic_store(&pool->baton, YB_BATON_FREE);
    return r;
}

static int submit(yb_executor *executor, yb_work *work)
{
    yb_thread_pool *pool = pool_of(executor);
    atomic_init(&work->fate, YB_WORK_OPEN);
    work->part = (uint8_t)pool->kind;
    stand_in_line(pool, work);
    if (YB_UNLIKELY(atomic_load(&pool->thread_count) == 0)) {
        int r = start_first_worker(pool);
        if (r < 0) {
            YB_ASSERT(leave_line(pool, work));
            return r;
        }
    } else {
        yb_thread_pool_wake(pool);
    }
    pool->outstanding++;
    yb_loop_hold(pool->loop);
    return 0;
}

static bool give_up(yb_work *work)
{
    uint8_t open = YB_WORK_OPEN;
    return work->release && atomic_compare_exchange_strong(&work->fate, &open, YB_WORK_GIVEN_UP);
}

static bool cancel(yb_executor *executor, yb_work *work)
{
    yb_thread_pool *pool = pool_of(executor);
    if (leave_line(pool, work)) {
        if (work->release)
            work->release(work);
    } else if (!give_up(work)) {
        return false;
    }
    pool->outstanding--;
    yb_loop_unhold(pool->loop);
    refill(pool);
    return true;
}

static void note_return(yb_thread_pool *pool)
{
    pool->outstanding--;
    if (pool->idle_since_ns != 0) {
        yb_patience_learn(&pool->for_answers, yb_loop_read_clock(pool->loop) - pool->idle_since_ns);
        pool->idle_since_ns = 0;
    }
    refill(pool);
}

void yb_thread_pool_returned(yb_runnable *posted)
{
    yibu_loop *loop = yb_loop_current;
    yb_work *work = YB_CONTAINER_OF(posted, yb_work, posted);
    yb_loop_part *part = loop->parts[work->part];
    yb_loop_unhold(loop);
    if (part) /* else the loop is ending */
        note_return(YB_CONTAINER_OF(part, yb_thread_pool, executor.part));
    work->done(work);
}

/* What the loop does about its pool before it waits. */

static bool something_came_back(const void *arg)
{
    const yb_thread_pool *pool = arg;
    return atomic_load_explicit(&pool->loop->inbox, memory_order_relaxed) != NULL;
}

static void look_for_answers(yb_thread_pool *pool, int64_t now_ns)
{
    if (pool->idle_since_ns == 0)
        pool->idle_since_ns = now_ns;
    if (!pool->may_spin || !yb_patience_pays(&pool->for_answers))
        return;
    bool others_wait = pool->loop->pending > pool->outstanding; /* for I/O, say */
    int64_t patience_ns = others_wait ? YB_PATIENCE_NS / 5 : YB_PATIENCE_NS;
    (void)yb_patience_look(something_came_back, pool, now_ns + patience_ns);
}

/* Takes the baton away from a worker whose function takes longer than thought. */
static void overrule(yb_thread_pool *pool)
{
    atomic_store_explicit(&pool->cost_ns, YB_PATIENCE_NS, memory_order_relaxed);
    if (yb_thread_pool_move_baton(pool, YB_BATON_DRAINING, YB_BATON_HELD))
        send_somebody(pool);
}

/* Sees to it that the line moves while the baton is with somebody.  Returns when to look again. */
static int64_t look_for_progress(yb_thread_pool *pool, int64_t now_ns)
{
    if (yb_work_ring_empty(&pool->ring) || atomic_load(&pool->baton) == YB_BATON_FREE)
        return INT64_MAX;
    size_t head = atomic_load_explicit(&pool->ring.head, memory_order_relaxed);
    if (head != pool->seen_head) {
        pool->seen_head = head;
        pool->seen_ns = now_ns;
    } else if (now_ns - pool->seen_ns >= YB_PATIENCE_NS) {
        overrule(pool);
        pool->seen_ns = now_ns;
    }
    return pool->seen_ns + YB_PATIENCE_NS;
}

static int64_t idle(yb_loop_part *part)
{
    yb_thread_pool *pool = YB_CONTAINER_OF(part, yb_thread_pool, executor.part);
    if (pool->outstanding == 0)
        return INT64_MAX;
    refill(pool);
    look_for_answers(pool, yb_loop_read_clock(pool->loop));
    if (something_came_back(pool))
        return INT64_MAX;
    int64_t now_ns = yb_loop_read_clock(pool->loop);
    if (yb_work_ring_empty(&pool->ring) && !yb_list_empty(&pool->backlog))
        return now_ns + YB_PATIENCE_NS; /* a thread was interrupted while it emptied a slot */
    return look_for_progress(pool, now_ns);
}

static void drop(yb_thread_pool *pool, yb_work *work)
{
    work->result = -ECANCELED;
    work->posted.run = yb_thread_pool_returned;
    yb_loop_ready(pool->loop, &work->posted);
}

static void drop_line(yb_thread_pool *pool)
{
    for (yb_work *work; (work = yb_work_ring_take(&pool->ring));)
        drop(pool, work);
    for (yb_list *links; (links = yb_list_pop_front(&pool->backlog));)
        drop(pool, YB_CONTAINER_OF(links, yb_work, links));
}

static void stop_pool(yb_loop_part *part)
{
    yb_thread_pool *pool = YB_CONTAINER_OF(part, yb_thread_pool, executor.part);
    if (pool->owner != getpid())
        return; /* a forked child: the threads are not there, and may have left anything half done
                 */
    pool->loop->parts[pool->kind] = NULL;
    atomic_store(&pool->stopping, true);
    while (!yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD) &&
           !yb_thread_pool_move_baton(pool, YB_BATON_DRAINING, YB_BATON_HELD))
        sched_yield();
    drop_line(pool);
    for (yb_worker *worker = pool->workers, *next; worker; worker = next) {
        next = worker->next;
        yb_worker_stop(worker);
    }
    yb_thread_pool_unref(pool);
}

void yb_thread_pool_unref(yb_thread_pool *pool)
{
    if (atomic_fetch_sub(&pool->references, 1) > 1)
        return;
    for (yb_worker *worker; (worker = pool->workers);) {
        pool->workers = worker->next;
        yb_free(worker);
    }
    pthread_mutex_destroy(&pool->lock);
    yb_free(pool);
}

static const yb_executor_class thread_pool_class = {submit, cancel};

static unsigned default_max_threads(unsigned processors)
{
    return processors + 4 < 32 ? processors + 4 : 32;
}

static int new_pool(yibu_loop *loop, yb_loop_part_kind kind, unsigned max_threads,
                    yb_executor **ret_executor)
{
    yb_thread_pool *pool = yb_calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    unsigned processors = yb_processor_count();
    pool->executor.part = (yb_loop_part){.free = stop_pool, .idle = idle};
    pool->executor.class = &thread_pool_class;
    pool->loop = loop;
    pool->kind = kind;
    pool->owner = getpid();
    pool->may_spin = processors > 1;
    pool->max_threads = max_threads ? max_threads : loop->options.max_threads;
    if (pool->max_threads == 0)
        pool->max_threads = default_max_threads(processors);
    yb_list_init(&pool->backlog);
    pthread_mutex_init(&pool->lock, NULL);
    atomic_init(&pool->references, 1);
    atomic_init(&pool->cost_ns, INT64_MAX / 2); /* unknown: nobody waits behind it */
    *ret_executor = &pool->executor;
    return 0;
}

int yb_executor_of_part(yibu_loop *loop, yb_loop_part_kind kind, unsigned max_threads,
                        yb_executor **ret_executor)
{
    if (loop->closing)
        return YIBU_ESHUTDOWN;
    yb_loop_part *part = loop->parts[kind];
    if (part) {
        *ret_executor = YB_CONTAINER_OF(part, yb_executor, part);
        return 0;
    }
    int r = new_pool(loop, kind, max_threads, ret_executor);
    if (r == 0)
        loop->parts[kind] = &(*ret_executor)->part;
    return r;
}

int yb_executor_of(yibu_loop *loop, yb_executor **ret_executor)
{
    return yb_executor_of_part(loop, YB_PART_THREADS, 0, ret_executor);
}
