/* A thread of the pool: takes work, runs it, rests.
 *
 * A worker's `rest` is AWAKE while it runs or searches, RESTING once it is in the stack and spins,
 * ASLEEP once it waits in the kernel; a waker sets it AWAKE and makes the system call only if it
 * was ASLEEP.  DISMISSED is final.
 *
 * At most one worker spins (patience.h), the one that rested last or before it. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/memory.h"
#include "exec/thread_pool.h"
#include "platform/futex.h"
#include "platform/processor.h"

enum { AWAKE, RESTING, ASLEEP, DISMISSED };

static const int64_t START_AGAIN_AFTER_NS = 100000000;

/* What sending somebody else is worth: about the time until he is there. */
static const int64_t SENDING_NS = 20000;

static int64_t read_clock(yb_worker *worker)
{
    return worker->clock_ns = yb_clock_now(NULL);
}

static bool rest_ended(const void *arg)
{
    const yb_worker *worker = arg;
    return atomic_load_explicit(&worker->rest, memory_order_acquire) != RESTING;
}

static bool spin_if_worthwhile(yb_worker *worker, int64_t start_ns)
{
    yb_thread_pool *pool = worker->pool;
    bool taken = false;
    if (!pool->may_spin || !yb_patience_pays(&pool->for_work) ||
        !atomic_compare_exchange_strong(&pool->spinning, &taken, true))
        return false;
    bool ended = yb_patience_look(rest_ended, worker, start_ns + YB_PATIENCE_NS);
    atomic_store_explicit(&pool->spinning, false, memory_order_release);
    return ended;
}

static void sleep_until_woken(yb_worker *worker)
{
    uint32_t resting = RESTING;
    atomic_compare_exchange_strong(&worker->rest, &resting, ASLEEP);
    while (atomic_load_explicit(&worker->rest, memory_order_acquire) == ASLEEP)
        yb_futex_wait(&worker->rest, ASLEEP);
}

/* Makes sure whether the worker still has the baton, which anybody may have taken while it drained.
 */
static void end_draining(yb_worker *worker)
{
    if (!worker->draining)
        return;
    worker->draining = false;
    worker->has_baton = yb_thread_pool_move_baton(worker->pool, YB_BATON_DRAINING, YB_BATON_HELD);
}

/* A worker that found no work is in the stack before it lays the baton down, so that nobody is
 * started in between for work that it could do. */
static void rest(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    uint32_t awake = AWAKE;
    end_draining(worker);
    if (!atomic_compare_exchange_strong(&worker->rest, &awake, RESTING))
        return; /* dismissed */
    bool had_baton = worker->has_baton;
    worker->has_baton = false; /* from now on its waker's to set */
    worker->below = atomic_load(&pool->resting);
    while (!atomic_compare_exchange_weak(&pool->resting, &worker->below, worker))
        ;
    if (had_baton)
        atomic_store(&pool->baton, YB_BATON_FREE);
    if (!yb_work_ring_empty(&pool->ring))
        yb_thread_pool_wake(pool); /* perhaps this very worker */

    int64_t start_ns = read_clock(worker);
    if (!spin_if_worthwhile(worker, start_ns))
        sleep_until_woken(worker);
    yb_patience_learn(&pool->for_work, read_clock(worker) - start_ns);
}

/* Whether what is in line, after the work just taken, is done sooner than somebody could be sent.
 */
static bool worth_draining(const yb_thread_pool *pool)
{
    int64_t cost_ns = atomic_load_explicit(&pool->cost_ns, memory_order_relaxed);
    int64_t in_line = (int64_t)yb_work_ring_length(&pool->ring) + 1;
    return cost_ns < SENDING_NS && cost_ns * in_line < SENDING_NS;
}

/* Before it runs work, a worker with the baton keeps it to drain the line, or lays it down and sees
 * to what came in while others relied on it. */
static void leave_search(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    if (worth_draining(pool)) {
        if (!worker->draining)
            atomic_store(&pool->baton, YB_BATON_DRAINING);
        worker->draining = true;
        return;
    }
    end_draining(worker);
    if (!worker->has_baton)
        return;
    worker->has_baton = false;
    atomic_store(&pool->baton, YB_BATON_FREE);
    if (!yb_work_ring_empty(&pool->ring))
        yb_thread_pool_wake(pool);
}

/* NULL when the pool ends. */
static yb_work *next_work(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    while (!atomic_load(&pool->stopping)) {
        yb_work *work = yb_work_ring_take(&pool->ring);
        if (work) {
            if (worker->has_baton)
                leave_search(worker);
            return work;
        }
        rest(worker);
    }
    end_draining(worker);
    if (worker->has_baton)
        atomic_store(&pool->baton, YB_BATON_FREE);
    return NULL;
}

/* A long one counts at once, short ones bit by bit: draining behind a long one is what costs. */
static void learn_cost(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    int64_t start_ns = worker->clock_ns;
    int64_t cost_ns = read_clock(worker) - start_ns;
    int64_t average = atomic_load_explicit(&pool->cost_ns, memory_order_relaxed);
    if (cost_ns < average)
        cost_ns = average + (cost_ns - average) / 8;
    if (cost_ns != average)
        atomic_store_explicit(&pool->cost_ns, cost_ns, memory_order_relaxed);
}

static bool given_up(yb_work *work)
{
    return atomic_load(&work->fate) == YB_WORK_GIVEN_UP;
}

static void note_errand(yb_worker *worker, yb_work *work)
{
    pthread_mutex_lock(&worker->pool->lock);
    worker->errand = work;
    pthread_mutex_unlock(&worker->pool->lock);
}

/* Runs work that may be given up; whether it was. */
static bool run_errand(yb_worker *worker, yb_work *work)
{
    note_errand(worker, work);
    if (!given_up(work))
        work->result = work->fn(work->arg);
    note_errand(worker, NULL);
    uint8_t open = YB_WORK_OPEN;
    return !atomic_compare_exchange_strong(&work->fate, &open, YB_WORK_RETURNED);
}

static void perform(yb_worker *worker, yb_work *work)
{
    if (work->release) {
        if (run_errand(worker, work)) {
            work->release(work);
            return;
        }
    } else {
        work->result = work->fn(work->arg);
    }
    learn_cost(worker);
    /* Whoever hears of this may have more work at once: it need not send anybody else for it. */
    if (!worker->has_baton && yb_work_ring_empty(&worker->pool->ring))
        worker->has_baton = yb_thread_pool_move_baton(worker->pool, YB_BATON_FREE, YB_BATON_HELD);
    work->posted.run = yb_thread_pool_returned;
    yb_loop_post(worker->pool->loop, &work->posted);
}

static void *work_until_stopped(void *arg)
{
    yb_worker *worker = arg;
    yb_thread_pool *pool = worker->pool;
    char name[16];
    (void)snprintf(name, sizeof(name), "yibu-worker-%u", worker->number);
    (void)pthread_setname_np(pthread_self(), name);

    for (yb_work *work; (work = next_work(worker));)
        perform(worker, work);

    pthread_mutex_lock(&pool->lock);
    bool detached = worker->detached;
    pthread_mutex_unlock(&pool->lock);
    if (detached)
        yb_thread_pool_unref(pool);
    return NULL;
}

/* Every signal is for the program's own threads, but for those that a thread's own fault raises. */
static void block_signals(sigset_t *ret_previous)
{
    sigset_t signals;
    sigfillset(&signals);
    static const int faults[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGABRT};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&signals, faults[i]);
    pthread_sigmask(SIG_SETMASK, &signals, ret_previous);
}

static int start_thread(yb_worker *worker)
{
    sigset_t previous;
    block_signals(&previous);
    int error = pthread_create(&worker->thread, NULL, work_until_stopped, worker);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    return -error;
}

int yb_worker_start(yb_thread_pool *pool)
{
    unsigned count = atomic_load(&pool->thread_count);
    if (count >= pool->max_threads ||
        (count > 0 && yb_clock_now(pool->loop->backend) < pool->retry_ns))
        return -EAGAIN;
    yb_worker *worker = yb_calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->pool = pool;
    worker->number = count + 1;
    worker->has_baton = true;
    worker->next = pool->workers;
    pool->workers = worker;
    atomic_store(&pool->thread_count, count + 1);
    int r = start_thread(worker); /* with the baton: nothing of the pool's is ours from here on */
    if (r == 0)
        return 0;
    atomic_store(&pool->thread_count, count);
    pool->workers = worker->next;
    pool->retry_ns = yb_clock_now(pool->loop->backend) + START_AGAIN_AFTER_NS;
    yb_free(worker);
    return r;
}

static void end_rest(yb_worker *worker, uint32_t state)
{
    if (atomic_exchange(&worker->rest, state) == ASLEEP)
        yb_futex_wake(&worker->rest);
}

void yb_worker_wake(yb_worker *worker)
{
    worker->has_baton = true;
    end_rest(worker, AWAKE);
}

/* Whether the worker is left alone with work that was given up. */
static bool detach(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    pthread_mutex_lock(&pool->lock);
    worker->detached = worker->errand && given_up(worker->errand);
    bool detached = worker->detached;
    if (detached)
        atomic_fetch_add(&pool->references, 1);
    pthread_mutex_unlock(&pool->lock);
    return detached;
}

void yb_worker_stop(yb_worker *worker)
{
    end_rest(worker, DISMISSED);
    if (detach(worker))
        pthread_detach(worker->thread);
    else
        pthread_join(worker->thread, NULL);
}
