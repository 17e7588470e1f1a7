/* A thread of the pool: takes work, runs it, rests.
 *
 * A worker's `rest` is AWAKE while it runs or searches, RESTING once it is in the stack, ASLEEP
 * once it waits in the kernel; a waker sets it AWAKE and makes the system call only if it was
 * ASLEEP.  DISMISSED is final.
 *
 * Before it rests, a worker that has the baton looks out for work for a while where that pays
 * (patience.h): a submitter then need not wake anybody.  So at most one does.
 *
 * Of those that sleep, at most one is the *watcher*, where there is work whose submitter does not
 * look for progress.  It looks now and then whether a worker that drains has got stuck, and gives
 * it up after a while without draining.  Resigning: it clears `watcher` and then looks whether
 * somebody drains; a worker says that it drains and then looks for a watcher.  Nobody wakes a
 * watcher while somebody drains, but who takes the baton away from him. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <yibu/error.h>

#include "base/memory.h"
#include "exec/returns.h"
#include "exec/thread_pool.h"
#include "exec/waits.h"
#include "platform/futex.h"
#include "platform/processor.h"
#include "task/local.h"

enum { AWAKE, RESTING, ASLEEP, DISMISSED };

static const int64_t START_AGAIN_AFTER_NS = 100000000;

/* What sending somebody else is worth: about the time until he is there. */
static const int64_t SENDING_NS = 20000;

/* How often the watcher looks, and how often in vain before it resigns. */
static const int64_t WATCH_NS = 200000;
enum { QUIET_WATCHES = 5 };

/* Of trifles that come singly, one in so many is measured. */
enum { MEASURED = 16 };

YB_THREAD_LOCAL yb_worker *yb_worker_current;
YB_THREAD_LOCAL yb_work *yb_work_current;

/* Makes sure whether the worker still has the baton, which anybody may have taken while it drained.
 */
static void end_draining(yb_worker *worker)
{
    if (!worker->draining)
        return;
    worker->draining = false;
    worker->has_baton = yb_thread_pool_move_baton(worker->pool, YB_BATON_DRAINING, YB_BATON_HELD);
}

/* The watcher. */

static bool become_watcher(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    bool none = false;
    if (!worker->watches && atomic_load_explicit(&pool->unwatched, memory_order_relaxed))
        worker->watches = atomic_compare_exchange_strong(&pool->watcher, &none, true);
    return worker->watches;
}

static void resign(yb_worker *worker)
{
    if (worker->watches)
        atomic_store(&worker->pool->watcher, false);
    worker->watches = false;
}

static bool somebody_drains(yb_thread_pool *pool)
{
    return atomic_load(&pool->baton) == YB_BATON_DRAINING;
}

/* Watches until it is woken, or nothing has happened for a while. */
static void watch(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    size_t seen_head = atomic_load(&pool->ring.head);
    for (int quiet = 0; quiet < QUIET_WATCHES; quiet++) {
        if (yb_futex_wait_until(&worker->rest, ASLEEP, yb_clock_now(NULL) + WATCH_NS) &&
            atomic_load(&worker->rest) != ASLEEP)
            return;
        size_t head = atomic_load(&pool->ring.head);
        if (somebody_drains(pool)) {
            quiet = -1;
            if (head == seen_head && yb_thread_pool_has_line(pool))
                yb_thread_pool_overrule(pool);
        }
        seen_head = head;
    }
    resign(worker);
    if (somebody_drains(pool))
        (void)become_watcher(worker);
}

static void sleep_until_woken(yb_worker *worker)
{
    uint32_t resting = RESTING;
    atomic_compare_exchange_strong(&worker->rest, &resting, ASLEEP);
    (void)become_watcher(worker);
    while (atomic_load_explicit(&worker->rest, memory_order_acquire) == ASLEEP) {
        if (worker->watches)
            watch(worker);
        else
            yb_futex_wait(&worker->rest, ASLEEP);
    }
    resign(worker);
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
    if (yb_thread_pool_has_line(pool))
        yb_thread_pool_wake(pool); /* perhaps this very worker */
    sleep_until_woken(worker);
}

static bool something_to_do(const void *arg)
{
    const yb_worker *worker = arg;
    return !yb_work_ring_empty(&worker->pool->ring) ||
           atomic_load_explicit(&worker->pool->stopping, memory_order_relaxed);
}

/* Waits for work: looks out for it while that pays, then rests.  What comes as soon as that is no
 * wait that one would sleep through. */
static void wait_for_work(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    worker->in_a_row = 0;
    bool looks = worker->has_baton && pool->may_look && yb_patience_pays(&pool->for_work);
    if (looks && yb_patience_look(something_to_do, worker, YB_PATIENCE_NS, &pool->from_processor)) {
        yb_patience_learn(&pool->for_work, 0);
        return;
    }
    int64_t start_ns = yb_clock_now(NULL);
    rest(worker);
    yb_patience_learn(&pool->for_work, yb_clock_now(NULL) - start_ns);
}

/* Whether what is in line, after the work just taken, is done sooner than somebody could be sent.
 */
static bool worth_draining(const yb_thread_pool *pool)
{
    int64_t cost_ns = atomic_load_explicit(&pool->cost_ns, memory_order_relaxed);
    if (yb_thread_pool_runs_trifles(pool))
        return true;
    int64_t in_line = (int64_t)yb_work_ring_length(&pool->ring) + 1;
    return cost_ns < SENDING_NS && cost_ns * in_line < SENDING_NS;
}

static bool is_watched(const yb_thread_pool *pool)
{
    return !atomic_load_explicit(&pool->unwatched, memory_order_relaxed) ||
           atomic_load(&pool->watcher);
}

/* Says that it drains, and then makes sure that somebody watches. */
static bool drain(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    if (!worth_draining(pool) || !is_watched(pool))
        return false;
    if (!worker->draining)
        atomic_store(&pool->baton, YB_BATON_DRAINING);
    worker->draining = true;
    return is_watched(pool);
}

/* Before it runs work, a worker with the baton keeps it to drain the line, or lays it down and sees
 * to what came in while others relied on it. */
static void leave_search(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    if (drain(worker))
        return;
    end_draining(worker);
    if (!worker->has_baton)
        return;
    worker->has_baton = false;
    atomic_store(&pool->baton, YB_BATON_FREE);
    if (yb_thread_pool_has_line(pool))
        yb_thread_pool_wake(pool);
}

/* The next in line; sees to it that the backlog moves up. */
static yb_work *take(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    for (;;) {
        yb_work *work = yb_work_ring_take(&pool->ring);
        if (YB_LIKELY(atomic_load(&pool->backlog_count) == 0))
            return work;
        if (!work || yb_work_ring_length(&pool->ring) < YB_RING_SLOTS / 2)
            yb_thread_pool_refill(pool);
        if (work)
            return work;
        sched_yield(); /* somebody was interrupted while it filled or emptied a slot */
    }
}

/* Of those who run trifles, one takes the baton to drain, and the others leave the line to him. */
static bool leaves_it_to_another(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    if (YB_LIKELY(worker->has_baton) || !yb_thread_pool_runs_trifles(pool))
        return false;
    worker->has_baton = yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD);
    return !worker->has_baton && somebody_drains(pool);
}

static void lay_baton_down(yb_worker *worker)
{
    end_draining(worker);
    if (worker->has_baton)
        atomic_store(&worker->pool->baton, YB_BATON_FREE);
    worker->has_baton = false;
}

/* While the program ends nothing is begun; what ends a pool properly may still come. */
static void stand_by(yb_worker *worker)
{
    const struct timespec a_moment = {.tv_nsec = 1000000};
    lay_baton_down(worker);
    while (!atomic_load(&worker->pool->stopping))
        nanosleep(&a_moment, NULL);
}

static bool is_surplus(yb_thread_pool *pool)
{
    return atomic_load(&pool->thread_count) > pool->plan.max_threads + atomic_load(&pool->blocked);
}

static void unlink_worker(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    pthread_mutex_lock(&pool->lock);
    yb_worker **at = &pool->workers;
    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
    worker->retired = true;
    pthread_mutex_unlock(&pool->lock);
    atomic_fetch_sub(&pool->thread_count, 1);
}

/* The last one tells the pool's owner, and is joined: that is not for those who retire. */
static bool leave_before_the_last(yb_thread_pool *pool)
{
    unsigned left = atomic_load(&pool->threads_left);
    while (left > 1 && !atomic_compare_exchange_weak(&pool->threads_left, &left, left - 1))
        ;
    return left > 1;
}

/* One that was started while others had lent their places ends once they are back.  It needs the
 * baton, as whoever starts one. */
static bool retire(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    end_draining(worker);
    if (!worker->has_baton)
        worker->has_baton = yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD);
    bool retires = worker->has_baton && is_surplus(pool) && leave_before_the_last(pool);
    if (retires) {
        (void)yb_thread_pool_ref(pool);
        unlink_worker(worker);
        pthread_detach(pthread_self());
        lay_baton_down(worker);
        if (yb_thread_pool_has_line(pool))
            yb_thread_pool_wake(pool);
    }
    return retires;
}

/* NULL when the pool ends, or does not need the worker any more. */
static yb_work *next_work(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    while (!atomic_load_explicit(&pool->stopping, memory_order_acquire)) {
        if (YB_UNLIKELY(worker->number > pool->plan.max_threads) && is_surplus(pool)) {
            if (retire(worker))
                return NULL;
            rest(worker); /* whoever wakes it brings the baton */
            continue;
        }
        if (YB_UNLIKELY(atomic_load_explicit(&pool->exiting, memory_order_relaxed))) {
            stand_by(worker);
            continue;
        }
        yb_work *work = leaves_it_to_another(worker) ? NULL : take(worker);
        if (work) {
            if (worker->has_baton)
                leave_search(worker);
            return work;
        }
        wait_for_work(worker);
    }
    lay_baton_down(worker);
    return NULL;
}

/* Longer ones count more than shorter ones, since draining behind a long one is what costs; and yet
 * a single one that was long because its thread lost the processor does not change much. */
static void learn_cost(yb_thread_pool *pool, int64_t cost_ns)
{
    enum { LEAST_NS = 25 };
    int64_t average = atomic_load_explicit(&pool->cost_ns, memory_order_relaxed);
    if (average != YB_COST_UNKNOWN) {
        int64_t most_ns = 4 * (average > LEAST_NS ? average : LEAST_NS);
        if (cost_ns < average)
            cost_ns = average + (cost_ns - average) / 8;
        else if (cost_ns > most_ns)
            cost_ns = most_ns;
    }
    if (cost_ns != average)
        atomic_store_explicit(&pool->cost_ns, cost_ns, memory_order_relaxed);
}

/* Of trifles that follow each other, so many are measured together, beginning with the third. */
static void measure_together(yb_worker *worker)
{
    enum { FIRST = 2, TOGETHER = 8 };
    unsigned count = ++worker->in_a_row;
    if (count != FIRST && count != FIRST + TOGETHER)
        return;
    int64_t now_ns = yb_clock_now(NULL);
    if (count != FIRST)
        learn_cost(worker->pool, (now_ns - worker->clock_ns) / TOGETHER);
    worker->clock_ns = now_ns;
    worker->in_a_row = FIRST;
}

/* Running. */

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

/* Whether the loop that asked does not want it any more. */
static bool too_late(const yb_work *work)
{
    return work->returns && atomic_load_explicit(&work->returns->closing, memory_order_relaxed);
}

static intptr_t run(yb_worker *worker, yb_work *work)
{
    yibu_coroutine *(*behalf)(const yb_work *) = work->class->behalf;
    atomic_store_explicit(&worker->runs, behalf ? behalf(work) : work->fn, memory_order_relaxed);
    yb_work_current = work;
    intptr_t result = work->fn(work->arg);
    yb_work_current = NULL;
    atomic_store_explicit(&worker->runs, NULL, memory_order_release);
    return result;
}

static intptr_t measure(yb_worker *worker, yb_work *work)
{
    int64_t start_ns = yb_clock_now(NULL);
    intptr_t result = run(worker, work);
    learn_cost(worker->pool, yb_clock_now(NULL) - start_ns);
    worker->unmeasured = worker->in_a_row = 0;
    return result;
}

static intptr_t call(yb_worker *worker, yb_work *work)
{
    if (YB_UNLIKELY(atomic_load_explicit(&worker->pool->is_broken, memory_order_relaxed)))
        return YIBU_EBROKENPOOL;
    if (YB_UNLIKELY(too_late(work)))
        return -ECANCELED;
    if (!worker->draining || !yb_thread_pool_runs_trifles(worker->pool) ||
        (worker->in_a_row == 0 && ++worker->unmeasured >= MEASURED))
        return measure(worker, work);
    intptr_t result = run(worker, work);
    measure_together(worker);
    return result;
}

/* Runs work that may be given up; whether it was. */
static bool run_errand(yb_worker *worker, yb_work *work)
{
    note_errand(worker, work);
    if (!given_up(work))
        work->result = call(worker, work);
    note_errand(worker, NULL);
    uint8_t open = YB_WORK_OPEN;
    return !atomic_compare_exchange_strong(&work->fate, &open, YB_WORK_RETURNED);
}

static void hand_over(const yb_thread_pool *pool, yb_work *work)
{
    if (!work->returns)
        work->class->done(work);
    else if (pool->plan.watched_by) /* the loop's own: nothing else comes back from there */
        yb_returns_put(work->returns, work);
    else
        yb_returns_visit(work->returns, work);
}

static void perform(yb_worker *worker, yb_work *work)
{
    yb_thread_pool *pool = worker->pool;
    if (work->class->release) {
        if (run_errand(worker, work)) {
            work->class->release(work);
            return;
        }
    } else {
        work->result = call(worker, work);
    }
    /* Whoever hears of this may have more work at once: it need not send anybody else for it. */
    if (!worker->has_baton && yb_work_ring_empty(&pool->ring))
        worker->has_baton = yb_thread_pool_move_baton(pool, YB_BATON_FREE, YB_BATON_HELD);
    hand_over(pool, work);
}

/* A worker's life. */

static struct yb_locals *submitters_locals(void)
{
    const yb_work *work = yb_work_current;
    return work && work->class->locals ? work->class->locals(work) : NULL;
}

static void initialize(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    if (!pool->plan.initializer || pool->plan.initializer(pool->plan.initializer_arg) == 0)
        return;
    if (!atomic_exchange(&pool->is_broken, true) && pool->plan.broken)
        pool->plan.broken(pool);
}

static bool is_detached(yb_worker *worker)
{
    pthread_mutex_lock(&worker->pool->lock);
    bool detached = worker->detached;
    pthread_mutex_unlock(&worker->pool->lock);
    return detached;
}

static void *work_until_stopped(void *arg)
{
    yb_worker *worker = arg;
    yb_thread_pool *pool = worker->pool;
    (void)pthread_setname_np(pthread_self(), worker->name);
    yb_worker_current = worker;
    yb_locals_elsewhere = submitters_locals;
    yb_check_cancelled_elsewhere = yb_work_check_cancelled;
    yb_blocking_here = &yb_waits;
    initialize(worker);

    for (yb_work *work; (work = next_work(worker));)
        perform(worker, work);

    if (worker->retired) {
        yb_thread_pool_unref(pool);
        yb_free(worker);
        return NULL;
    }
    if (atomic_fetch_sub(&pool->threads_left, 1) == 1 && pool->plan.ended)
        pool->plan.ended(pool); /* may join all others, and leave this one alone */
    if (is_detached(worker))
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

static int create_thread(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error)
        return -error;
    if (pool->plan.cpu_count > 0)
        error = pthread_attr_setaffinity_np(&attributes, sizeof(pool->cpus), &pool->cpus);
    if (error == 0) {
        sigset_t previous;
        block_signals(&previous);
        error = pthread_create(&worker->thread, &attributes, work_until_stopped, worker);
        pthread_sigmask(SIG_SETMASK, &previous, NULL);
    }
    pthread_attr_destroy(&attributes);
    return -error;
}

/* As ps shows it: cut off so that the number is there. */
static void name_worker(yb_worker *worker)
{
    char number[12];
    int digits = snprintf(number, sizeof(number), "-%u", worker->number);
    (void)snprintf(worker->name, sizeof(worker->name), "%.*s%s",
                   (int)sizeof(worker->name) - 1 - digits, worker->pool->name_prefix, number);
}

static yb_worker *new_worker(yb_thread_pool *pool, unsigned number)
{
    yb_worker *worker = yb_calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->pool = pool;
    worker->number = number;
    worker->has_baton = true;
    name_worker(worker);
    return worker;
}

static void enlist(yb_thread_pool *pool, yb_worker *worker)
{
    pthread_mutex_lock(&pool->lock);
    worker->next = pool->workers;
    pool->workers = worker;
    pthread_mutex_unlock(&pool->lock);
    atomic_fetch_add(&pool->thread_count, 1);
    atomic_fetch_add(&pool->threads_left, 1);
}

static void delist(yb_thread_pool *pool, yb_worker *worker)
{
    atomic_fetch_sub(&pool->threads_left, 1);
    atomic_fetch_sub(&pool->thread_count, 1);
    pthread_mutex_lock(&pool->lock);
    pool->workers = worker->next;
    pthread_mutex_unlock(&pool->lock);
    yb_free(worker);
}

/* Once the thread is there, nothing of the pool's is the caller's, whose baton it has. */
int yb_worker_start(yb_thread_pool *pool)
{
    unsigned count = atomic_load(&pool->thread_count);
    if (count >= pool->plan.max_threads + atomic_load(&pool->blocked) ||
        (count > 0 && yb_clock_now(NULL) < pool->retry_ns))
        return -EAGAIN;
    yb_worker *worker = new_worker(pool, count + 1);
    if (!worker)
        return -ENOMEM;
    enlist(pool, worker);
    int r = create_thread(worker);
    if (r < 0) {
        delist(pool, worker);
        pool->retry_ns = yb_clock_now(NULL) + START_AGAIN_AFTER_NS;
    }
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

void yb_worker_dismiss(yb_worker *worker)
{
    end_rest(worker, DISMISSED);
}

/* Whether the worker is left alone with work that was given up. */
static bool detach(yb_worker *worker)
{
    yb_thread_pool *pool = worker->pool;
    pthread_mutex_lock(&pool->lock);
    worker->detached = pthread_equal(worker->thread, pthread_self()) ||
                       (worker->errand && given_up(worker->errand));
    bool detached = worker->detached;
    if (detached)
        (void)yb_thread_pool_ref(pool);
    pthread_mutex_unlock(&pool->lock);
    return detached;
}

void yb_worker_join(yb_worker *worker)
{
    if (detach(worker))
        pthread_detach(worker->thread);
    else
        pthread_join(worker->thread, NULL);
}
