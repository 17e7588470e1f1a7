/* The thread pool: runs functions that block, first come, first served, for whatever threads and
 * loops submit them.
 *
 * Nothing on the way of a piece of work takes a lock: submit appends to the ring (work_ring.h), a
 * worker takes the oldest, runs it, and returns it to its loop (returns.h) or is done with it.
 * Only what the ring has no room for waits in `backlog`, under the lock; workers move it up.  What
 * needs care is who sleeps:
 *
 * A worker is RUNNING, RESTING (in the stack `resting`, the latest on top; see worker.c) or
 * SEARCHING.  There is at most one searcher: the holder of the baton.  Whoever wakes or starts a
 * worker takes the baton first and passes it on to that worker, which lays it down when it has
 * taken work, or has looked for some in vain for a while.  So
 *   - a submitter that finds the baton taken need not wake anybody: a burst costs one wake-up;
 *   - a searcher that has taken work and sees more sends the next: parallelism grows by itself;
 *   - a worker that is about to look for work anyway takes the baton if it can, so that nobody is
 *     woken or started for what it will find;
 *   - only the holder pops `resting`, which therefore has no ABA problem, and starts threads.
 *
 * No wake-up is lost: (1) submit publishes work, then tries the baton; (2) whoever lays the baton
 * down then looks for work; (3) a worker that entered `resting` then looks for work and tries the
 * baton; (4) a holder that found nobody to send lays the baton down, then looks for work and
 * resters.  All of these are sequentially consistent: of two such pairs, one sees the other.  The
 * same holds of the backlog: whoever adds to it then looks whether the ring has room, whoever takes
 * from the ring then looks whether there is a backlog.
 *
 * Draining.  Sending somebody costs more than a short function does.  So a searcher keeps the baton
 * while it runs functions, as long as those in line should be done sooner (by what the last ones
 * took) than somebody else could be there.  Then the baton is DRAINING, and anybody may take it
 * away who sees no progress, since a function took longer than thought.  Who looks for progress?  A
 * loop does for its own pool, where it waits.  For all others' work a resting worker does, the
 * *watcher* (worker.c): without one, nobody drains.
 *
 * Work that may be given up (a class with release) has a fate, which its worker moves OPEN ->
 * RETURNED and a cancel OPEN -> GIVEN_UP, under the lock; one of them succeeds.  Work that was
 * given up is its worker's to release.
 *
 * The end: `stopping` is set, the baton taken and kept, every worker dismissed. */
#include "exec/thread_pool.h"

#include <errno.h>
#include <string.h>
#include <yibu/error.h>

#include "base/assert.h"
#include "base/memory.h"
#include "exec/returns.h"

/* yb_work.slot of work that is not in the ring. */
static const uint32_t IN_BACKLOG = UINT32_MAX;

bool yb_thread_pool_move_baton(yb_thread_pool *pool, uint8_t from, uint8_t to)
{
    return atomic_load(&pool->baton) == from &&
           atomic_compare_exchange_strong(&pool->baton, &from, to);
}

/* Who is sent. */

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

static bool may_grow(const yb_thread_pool *pool)
{
    return atomic_load(&pool->thread_count) < pool->plan.max_threads + atomic_load(&pool->blocked);
}

/* Sends somebody with the baton that the caller holds, or lays it down. */
static void send_somebody(yb_thread_pool *pool)
{
    while (!pass_baton(pool)) {
        atomic_store(&pool->baton, YB_BATON_FREE);
        if (!atomic_load(&pool->resting) || !yb_thread_pool_has_line(pool) ||
            !yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD))
            return;
    }
}

void yb_thread_pool_wake(yb_thread_pool *pool)
{
    if (atomic_load(&pool->baton) != YB_BATON_FREE || atomic_load(&pool->stopping) ||
        (!atomic_load(&pool->resting) && !may_grow(pool)))
        return;
    if (yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD))
        send_somebody(pool);
}

void yb_thread_pool_overrule(yb_thread_pool *pool)
{
    atomic_store_explicit(&pool->cost_ns, YB_PATIENCE_NS, memory_order_relaxed);
    if (yb_thread_pool_move_baton(pool, YB_BATON_DRAINING, YB_BATON_HELD))
        send_somebody(pool);
}

void yb_thread_pool_lend(yb_thread_pool *pool)
{
    atomic_fetch_add(&pool->blocked, 1);
    yb_thread_pool_look(pool);
}

/* Those in line behind one who drains may be what is waited for. */
void yb_thread_pool_look(yb_thread_pool *pool)
{
    if (atomic_load(&pool->baton) == YB_BATON_DRAINING)
        yb_thread_pool_overrule(pool);
    else if (yb_thread_pool_has_line(pool))
        yb_thread_pool_wake(pool);
}

void yb_thread_pool_take_back(yb_thread_pool *pool)
{
    atomic_fetch_sub(&pool->blocked, 1);
}

/* The line. */

static void refill_locked(yb_thread_pool *pool)
{
    while (!yb_list_empty(&pool->backlog)) {
        yb_work *work = YB_CONTAINER_OF(pool->backlog.next, yb_work, links);
        yb_list_remove(&work->links); /* first: once in the ring, it may be gone */
        if (!yb_work_ring_push(&pool->ring, work)) {
            atomic_store(&work->slot, IN_BACKLOG);
            yb_list_push_front(&pool->backlog, &work->links);
            return;
        }
        atomic_fetch_sub(&pool->backlog_count, 1);
    }
}

void yb_thread_pool_refill(yb_thread_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    refill_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

static void wait_outside(yb_thread_pool *pool, yb_work *work)
{
    pthread_mutex_lock(&pool->lock);
    atomic_store(&work->slot, IN_BACKLOG);
    yb_list_push_back(&pool->backlog, &work->links);
    atomic_fetch_add(&pool->backlog_count, 1);
    refill_locked(pool); /* there may be room by now, and nobody else to see it */
    pthread_mutex_unlock(&pool->lock);
}

/* Afterwards work may be gone. */
static void stand_in_line(yb_thread_pool *pool, yb_work *work)
{
    if (atomic_load(&pool->backlog_count) > 0 || !yb_work_ring_push(&pool->ring, work))
        wait_outside(pool, work);
}

static bool leave_line_locked(yb_thread_pool *pool, yb_work *work)
{
    if (atomic_load(&work->slot) != IN_BACKLOG)
        return yb_work_ring_withdraw(&pool->ring, work);
    yb_list_remove(&work->links);
    atomic_fetch_sub(&pool->backlog_count, 1);
    return true;
}

/* Under the lock where there is a backlog, whose work moves under it. */
static bool leave_line(yb_thread_pool *pool, yb_work *work)
{
    if (atomic_load(&work->slot) != IN_BACKLOG && atomic_load(&pool->backlog_count) == 0)
        return yb_work_ring_withdraw(&pool->ring, work);
    pthread_mutex_lock(&pool->lock);
    bool left = leave_line_locked(pool, work);
    refill_locked(pool);
    pthread_mutex_unlock(&pool->lock);
    return left;
}

/* Submitting. */

/* How workers wait for more. */
static void note_processor(yb_thread_pool *pool)
{
    int processor = sched_getcpu();
    if (atomic_load_explicit(&pool->from_processor, memory_order_relaxed) != processor)
        atomic_store_explicit(&pool->from_processor, processor, memory_order_relaxed);
}

void yb_thread_pool_take_in(yb_thread_pool *pool, yb_work *const *works, size_t count)
{
    size_t taken = 0;
    note_processor(pool);
    if (atomic_load(&pool->backlog_count) == 0)
        taken = yb_work_ring_push_many(&pool->ring, works, count);
    for (; taken < count; taken++)
        stand_in_line(pool, works[taken]);
    yb_thread_pool_wake(pool);
}

/* Whether work is better held back until there is more: the loop hands over many trifles at once,
 * while somebody is busy with others. */
static bool better_held_back(const yb_thread_pool *pool, const yb_returns *returns)
{
    enum { ENOUGH = 8 };
    return returns && returns->outstanding >= ENOUGH && returns->loop == pool->plan.watched_by &&
           yb_thread_pool_runs_trifles(pool);
}

static int refusal(const yb_thread_pool *pool)
{
    if (YB_UNLIKELY(pool->forks != yb_thread_pool_forks()))
        return YIBU_EFORKED;
    if (YB_UNLIKELY(atomic_load_explicit(&pool->stopping, memory_order_relaxed) ||
                    atomic_load_explicit(&pool->exiting, memory_order_relaxed)))
        return YIBU_ESHUTDOWN;
    return YB_UNLIKELY(atomic_load_explicit(&pool->is_broken, memory_order_relaxed))
               ? YIBU_EBROKENPOOL
               : 0;
}

/* Without any thread nobody holds the baton.  Those who fail leave others' work in line, who try it
 * themselves; they take back their own while nobody else can start a thread for it. */
static int start_first_worker(yb_thread_pool *pool, yb_work *work)
{
    static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&starting);
    int r = 0;
    if (atomic_load(&pool->thread_count) == 0) {
        YB_ASSERT(yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD));
        r = yb_worker_start(pool);
        if (r < 0) {
            atomic_store(&pool->baton, YB_BATON_FREE);
            YB_ASSERT(leave_line(pool, work));
        }
    }
    pthread_mutex_unlock(&starting);
    return r;
}

/* Whether the work is the first whose submitter does not look for progress. */
static bool begins_unwatched(yb_thread_pool *pool, const yibu_loop *loop, const yb_work *work)
{
    return (!loop || loop != pool->plan.watched_by) && !work->class->dispensable &&
           YB_UNLIKELY(!atomic_load_explicit(&pool->unwatched, memory_order_relaxed)) &&
           !atomic_exchange(&pool->unwatched, true);
}

/* Puts work in line, and sends somebody for it where that has to be. */
__attribute__((noinline)) static int hand_in(yb_thread_pool *pool, const yibu_loop *loop,
                                             yb_work *work)
{
    enum { NOTED = 8 }; /* one of so many says where it comes from: the next ones will, too */
    int r = 0;
    yb_returns *returns = work->returns;
    if (atomic_load_explicit(&pool->ring.tail, memory_order_relaxed) % NOTED == 0)
        note_processor(pool);
    bool unwatched = begins_unwatched(pool, loop, work);
    bool first = YB_UNLIKELY(atomic_load(&pool->thread_count) == 0);
    stand_in_line(pool, work);
    if (first)
        r = start_first_worker(pool, work);
    yb_thread_pool_wake(pool);
    if (unwatched) /* somebody may drain whom nobody watches */
        yb_thread_pool_overrule(pool);
    if (r == 0 && returns)
        yb_returns_expect(returns);
    return r;
}

int yb_thread_pool_submit(yb_thread_pool *pool, yb_work *work)
{
    int r = refusal(pool);
    yibu_loop *loop = work->loop;
    yb_returns *returns = NULL;
    if (r == 0 && loop)
        r = yb_returns_of(loop, &returns);
    if (YB_UNLIKELY(r < 0))
        return r;
    work->returns = returns;
    atomic_init(&work->fate, YB_WORK_OPEN);
    atomic_init(&work->unwanted, false);
    if (!better_held_back(pool, returns))
        return hand_in(pool, loop, work);
    yb_returns_expect(returns);
    yb_returns_stash(returns, pool, work);
    return 0;
}

static bool take_back(yb_thread_pool *pool, yb_work *work)
{
    yb_returns *returns = work->returns;
    return (returns && yb_returns_unstash(returns, work)) || leave_line(pool, work);
}

static bool give_up(yb_thread_pool *pool, yb_work *work)
{
    uint8_t open = YB_WORK_OPEN;
    atomic_store(&work->unwanted, true);
    if (!work->class->release)
        return false;
    pthread_mutex_lock(&pool->lock); /* see from_thread.c */
    bool given_up = atomic_compare_exchange_strong(&work->fate, &open, YB_WORK_GIVEN_UP);
    pthread_mutex_unlock(&pool->lock);
    return given_up;
}

bool yb_thread_pool_withdraw(yb_thread_pool *pool, yb_work *work)
{
    yb_returns *returns = work->returns;
    if (!take_back(pool, work))
        return false;
    if (returns)
        yb_returns_forget(returns);
    return true;
}

bool yb_thread_pool_cancel(yb_thread_pool *pool, yb_work *work)
{
    yb_returns *returns = work->returns;
    if (take_back(pool, work)) {
        if (work->class->release)
            work->class->release(work);
    } else if (!give_up(pool, work)) {
        return false;
    }
    if (returns)
        yb_returns_forget(returns);
    return true;
}

unsigned yb_thread_pool_count(yb_thread_pool *pool, unsigned *ret_busy)
{
    unsigned count = 0;
    *ret_busy = 0;
    pthread_mutex_lock(&pool->lock);
    for (const yb_worker *worker = pool->workers; worker; worker = worker->next) {
        count++;
        *ret_busy += atomic_load_explicit(&worker->runs, memory_order_relaxed) != NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

/* The end. */

/* Where the calling thread is a worker that has it. */
static bool take_own_baton(yb_thread_pool *pool)
{
    yb_worker *self = yb_worker_current;
    if (!self || self->pool != pool || !self->has_baton || self->draining)
        return false;
    self->has_baton = false;
    return true;
}

/* The last thread may end meanwhile, and with it the pool. */
void yb_thread_pool_stop(yb_thread_pool *pool)
{
    (void)yb_thread_pool_ref(pool);
    atomic_store(&pool->stopping, true);
    while (!take_own_baton(pool) &&
           !yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD) &&
           !yb_thread_pool_move_baton(pool, YB_BATON_DRAINING, YB_BATON_HELD))
        sched_yield();
    for (yb_worker *worker = pool->workers; worker; worker = worker->next)
        yb_worker_dismiss(worker);
    yb_thread_pool_unref(pool);
}

void yb_thread_pool_join(yb_thread_pool *pool)
{
    for (yb_worker *worker = pool->workers; worker; worker = worker->next)
        yb_worker_join(worker);
}

void yb_thread_pool_unref(yb_thread_pool *pool)
{
    if (atomic_fetch_sub(&pool->references, 1) > 1)
        return;
    yb_thread_pool_delist(pool);
    for (yb_worker *worker; (worker = pool->workers);) {
        pool->workers = worker->next;
        yb_free(worker);
    }
    pthread_mutex_destroy(&pool->lock);
    yb_free(pool);
}

/* The beginning. */

static unsigned default_max_threads(unsigned processors)
{
    return processors + 4 < 32 ? processors + 4 : 32;
}

static int take_cpus(yb_thread_pool *pool, const yb_thread_pool_plan *plan)
{
    CPU_ZERO(&pool->cpus);
    for (size_t i = 0; i < plan->cpu_count; i++) {
        if (plan->cpus[i] < 0 || plan->cpus[i] >= CPU_SETSIZE)
            return -EINVAL;
        CPU_SET((size_t)plan->cpus[i], &pool->cpus);
    }
    return 0;
}

static void begin(yb_thread_pool *pool)
{
    unsigned processors = yb_processor_count();
    size_t chosen = pool->plan.cpu_count > 0 ? (size_t)CPU_COUNT(&pool->cpus) : processors;
    pool->processors = (unsigned)chosen;
    pool->may_look = processors > 1;
    if (pool->plan.max_threads == 0)
        pool->plan.max_threads = default_max_threads(processors);
    yb_list_init(&pool->backlog);
    pthread_mutex_init(&pool->lock, NULL);
    atomic_init(&pool->references, 1);
    atomic_init(&pool->from_processor, -1);
    atomic_init(&pool->cost_ns, YB_COST_UNKNOWN);
    yb_thread_pool_enlist(pool);
}

int yb_thread_pool_new(const yb_thread_pool_plan *plan, yb_thread_pool **ret_pool)
{
    yb_thread_pool *pool = yb_calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    int r = take_cpus(pool, plan);
    if (r < 0) {
        yb_free(pool);
        return r;
    }
    pool->plan = *plan;
    const char *prefix = plan->name_prefix ? plan->name_prefix : "yibu-worker";
    memcpy(pool->name_prefix, prefix, strnlen(prefix, sizeof(pool->name_prefix) - 1));
    begin(pool);
    *ret_pool = pool;
    return 0;
}
