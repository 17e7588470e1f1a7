/* A thread of the pool: takes work, runs it, rests.
 *
 * A worker's `rest` is AWAKE while it runs or searches, RESTING once it is in the stack and spins,
 * ASLEEP once it waits in the kernel; a waker sets it AWAKE and makes the system call only if it
 * was ASLEEP.  DISMISSED is final.
 *
 * Spinning: a wake-up through the kernel costs some 25 us on another core, looking at a word of
 * shared memory 0.1.  A worker that comes to rest spins as long as such a sleep would cost, where
 * the last rests were as short as that, and where no other worker spins already.  While it spins
 * it offers its processor to whoever else could use it. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/memory.h"
#include "exec/thread_pool.h"
#include "platform/futex.h"
#include "platform/processor.h"

enum { AWAKE, RESTING, ASLEEP, DISMISSED };

enum { LOOKS_BETWEEN_YIELDS = 64 };

static const int64_t SPIN_LIMIT_NS = 50000;
static const int64_t LONG_GAP_NS = 200000;
static const int64_t START_AGAIN_AFTER_NS = 100000000;

static int64_t now(const yb_worker *worker)
{
    return yb_clock_now(worker->pool->loop->backend);
}

/* Whether rest ended within the time in which it is worth looking. */
static bool spin(yb_worker *worker, int64_t until_ns)
{
    do {
        for (int i = 0; i < LOOKS_BETWEEN_YIELDS; i++) {
            if (atomic_load_explicit(&worker->rest, memory_order_acquire) != RESTING)
                return true;
            yb_processor_relax();
        }
        sched_yield();
    } while (now(worker) < until_ns);
    return false;
}

static bool spin_if_worthwhile(yb_worker *worker, int64_t start_ns)
{
    yb_thread_pool *pool = worker->pool;
    bool taken = false;
    if (!pool->may_spin ||
        atomic_load_explicit(&pool->gap_ns, memory_order_relaxed) > SPIN_LIMIT_NS ||
        !atomic_compare_exchange_strong(&pool->spinning, &taken, true))
        return false;
    bool ended = spin(worker, start_ns + SPIN_LIMIT_NS);
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

static void learn_gap(yb_thread_pool *pool, int64_t gap_ns)
{
    int64_t average = atomic_load_explicit(&pool->gap_ns, memory_order_relaxed);
    if (gap_ns > LONG_GAP_NS)
        gap_ns = LONG_GAP_NS;
    atomic_store_explicit(&pool->gap_ns, average + (gap_ns - average) / 4, memory_order_relaxed);
}

/* A worker that found no work is in the stack before it lays the baton down, so that nobody is
 * started in between for work that it could do. */
static void rest(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    uint32_t awake = AWAKE;
    if (!atomic_compare_exchange_strong(&worker->rest, &awake, RESTING))
        return; /* dismissed */
    bool had_baton = worker->has_baton;
    worker->has_baton = false; /* from now on its waker's to set */
    worker->below = atomic_load(&pool->resting);
    while (!atomic_compare_exchange_weak(&pool->resting, &worker->below, worker))
        ;
    if (had_baton)
        atomic_store(&pool->baton, false);
    if (!yb_work_ring_empty(&pool->ring))
        yb_thread_pool_wake(pool); /* perhaps this very worker */

    int64_t start_ns = now(worker);
    if (!spin_if_worthwhile(worker, start_ns))
        sleep_until_woken(worker);
    learn_gap(pool, now(worker) - start_ns);
}

/* Lays the baton down, if the worker has it, and sees to what came in while others relied on it. */
static void lay_down_baton(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    if (!worker->has_baton)
        return;
    worker->has_baton = false;
    atomic_store(&pool->baton, false);
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
            lay_down_baton(worker);
            return work;
        }
        rest(worker);
    }
    lay_down_baton(worker);
    return NULL;
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
    /* Whoever hears of this may have more work at once: it need not send anybody else for it. */
    if (yb_work_ring_empty(&worker->pool->ring))
        worker->has_baton = yb_thread_pool_take_baton(worker->pool);
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
