/* See returns.h.
 *
 * The ring is that of work_ring.h with one taker, who takes numbers in their order and leaves the
 * slots as they are: the lap tells what is new.  A thread reserves a number by advancing tail,
 * which it may where what was taken is near enough, and fills its slot.
 *
 * No arrival is missed: a thread fills a slot and then looks at `awake`; the loop clears `awake`
 * and then looks at the ring; both sequentially consistent, so one sees the other.  Whoever sets
 * `awake` again, by exchange, has to see to it that `arrival` runs: a thread posts it, the loop's
 * own thread makes it ready.
 *
 * A thread still looks at `awake` when the loop may have its work already.  The threads of the
 * loop's own pools have ended before the loop does; those of others are `visitors`, from before
 * they put work until they have done with this, and the loop's end waits until there is none. */
#include "exec/returns.h"

#include <errno.h>
#include <sched.h>
#include <yibu/error.h>

#include "base/memory.h"
#include "exec/thread_pool.h"
#include "platform/backend.h"
#include "task/task.h"

enum { LAPS = 8, PREFETCH_DISTANCE = 4 };

static _Atomic(uintptr_t) *slot_of(yb_returns *returns, size_t number)
{
    return &returns->slots[number % YB_RETURNS_SLOTS];
}

/* From 1, so that a slot which was never filled is no number's. */
static uintptr_t lap_of(size_t number)
{
    return (number / YB_RETURNS_SLOTS + 1) % LAPS;
}

/* The work that has come first, or NULL. */
static yb_work *first(yb_returns *returns)
{
    uintptr_t content = atomic_load(slot_of(returns, returns->head));
    return content % LAPS == lap_of(returns->head) && content >= LAPS
               ? (yb_work *)(content & ~(uintptr_t)(LAPS - 1))
               : NULL;
}

/* Work lies in operations, and those mostly in the headers of tasks, which the loop is about to
 * look at as well: from BEFORE_BYTES on. */
static void prefetch(yb_returns *returns, size_t number)
{
    enum { BEFORE_BYTES = offsetof(yb_task, wait.op.custom_room) };
    uintptr_t content = atomic_load_explicit(slot_of(returns, number), memory_order_relaxed);
    uintptr_t end = content + sizeof(yb_work);
    if (content < LAPS)
        return;
    for (uintptr_t at = content - BEFORE_BYTES; at < end; at += YB_CACHE_LINE)
        yb_processor_fetch_to_write((const void *)at);
    yb_processor_fetch_to_write((const void *)(end - 1));
}

static yb_work *take(yb_returns *returns)
{
    yb_work *work = first(returns);
    if (!work)
        return NULL;
    prefetch(returns, returns->head + PREFETCH_DISTANCE);
    returns->head++;
    atomic_store_explicit(&returns->taken, returns->head, memory_order_release); /* with reserve */
    return work;
}

/* Trifles that go out. */

void yb_returns_flush(yb_returns *returns)
{
    yb_stash *stash = &returns->stash;
    if (stash->count == 0)
        return;
    size_t count = 0;
    for (size_t i = 0; i < stash->count; i++)
        if (stash->works[i])
            stash->works[count++] = stash->works[i];
    stash->count = 0;
    if (count > 0)
        yb_thread_pool_take_in(stash->pool, stash->works, count);
}

void yb_returns_stash(yb_returns *returns, yb_thread_pool *pool, yb_work *work)
{
    yb_stash *stash = &returns->stash;
    if (stash->count == YB_STASHED || stash->pool != pool)
        yb_returns_flush(returns);
    stash->pool = pool;
    atomic_store_explicit(&work->slot, YB_IN_STASH + (uint32_t)stash->count, memory_order_relaxed);
    stash->works[stash->count++] = work;
    if (stash->count == YB_STASHED)
        yb_returns_flush(returns);
}

bool yb_returns_unstash(yb_returns *returns, const yb_work *work)
{
    uint32_t place = atomic_load_explicit(&work->slot, memory_order_relaxed) - YB_IN_STASH;
    if (place >= returns->stash.count || returns->stash.works[place] != work)
        return false;
    returns->stash.works[place] = NULL;
    return true;
}

/* Threads. */

static bool full(yb_returns *returns, size_t tail)
{
    if (tail - atomic_load_explicit(&returns->known, memory_order_acquire) < YB_RETURNS_SLOTS)
        return false;
    size_t taken = atomic_load_explicit(&returns->taken, memory_order_acquire);
    atomic_store_explicit(&returns->known, taken, memory_order_release);
    return tail - taken >= YB_RETURNS_SLOTS;
}

static bool reserve(yb_returns *returns, size_t *ret_number)
{
    size_t tail = atomic_load_explicit(&returns->tail, memory_order_relaxed);
    do
        if (full(returns, tail))
            return false;
    while (!atomic_compare_exchange_weak(&returns->tail, &tail, tail + 1));
    *ret_number = tail;
    return true;
}

static void return_singly(yb_runnable *posted)
{
    yb_work *work = YB_CONTAINER_OF(posted, yb_work, posted);
    yb_returns_forget(work->returns);
    work->class->done(work);
}

/* How often a thread says which processor it is on. */
enum { NOTED = 8 };

static void note_processor(_Atomic(int) *processor)
{
    int now = sched_getcpu();
    if (atomic_load_explicit(processor, memory_order_relaxed) != now)
        atomic_store_explicit(processor, now, memory_order_relaxed);
}

void yb_returns_put(yb_returns *returns, yb_work *work)
{
    size_t number;
    if (!reserve(returns, &number)) {
        work->posted.run = return_singly;
        yb_loop_post(returns->loop, &work->posted);
        return;
    }
    if (number % NOTED == 0)
        note_processor(&returns->from_processor);
    atomic_store(slot_of(returns, number), (uintptr_t)work | lap_of(number));
    if (!atomic_load(&returns->awake) && !atomic_exchange(&returns->awake, true))
        yb_loop_post(returns->loop, &returns->arrival);
}

void yb_returns_visit(yb_returns *returns, yb_work *work)
{
    atomic_fetch_add_explicit(&returns->visitors, 1, memory_order_relaxed);
    yb_returns_put(returns, work);
    atomic_fetch_sub_explicit(&returns->visitors, 1, memory_order_release); /* with the end */
}

/* The loop. */

/* It had to wait, since idle_since_ns. */
static void learn(yb_returns *returns)
{
    if (returns->idle_since_ns == 0)
        return;
    int64_t now_ns = yb_loop_read_clock(returns->loop);
    yb_patience_learn(&returns->patience, now_ns - returns->idle_since_ns);
    returns->idle_since_ns = 0;
}

static void queue(yb_returns *returns)
{
    returns->queued = true;
    yb_loop_ready(returns->loop, &returns->arrival);
}

/* Each counts as what the turn runs. */
static void arrive(yb_runnable *item)
{
    yb_returns *returns = YB_CONTAINER_OF(item, yb_returns, arrival);
    yibu_loop *loop = returns->loop;
    returns->queued = false;
    learn(returns);
    for (yb_work *work; (work = take(returns));) {
        yb_returns_forget(returns);
        work->class->done(work);
        if (--loop->budget <= 0)
            break;
    }
    if (!returns->queued && first(returns))
        queue(returns);
}

/* The loop goes on: threads need not tell it anything. */
static void wake_up(yb_returns *returns)
{
    if (!returns->idle)
        return;
    returns->idle = false;
    if (atomic_exchange(&returns->awake, true))
        returns->queued = true; /* a thread has posted it, or is about to */
}

static void look(yb_loop_part *part)
{
    yb_returns *returns = YB_CONTAINER_OF(part, yb_returns, part);
    wake_up(returns);
    yb_returns_flush(returns);
    if (!returns->queued && first(returns))
        queue(returns);
}

static bool something_is_there(const void *arg)
{
    yb_returns *returns = (yb_returns *)(uintptr_t)arg;
    return first(returns) || atomic_load_explicit(&returns->loop->inbox, memory_order_relaxed);
}

static bool looks_out(const yb_returns *returns)
{
    return returns->may_look && yb_patience_pays(&returns->patience);
}

/* What comes as soon as that is no wait that one would sleep through. */
static void look_out(yb_returns *returns)
{
    bool others_wait = returns->loop->pending > returns->outstanding; /* for I/O, say */
    int64_t patience_ns = others_wait ? YB_PATIENCE_NS / 5 : YB_PATIENCE_NS;
    if (looks_out(returns) &&
        yb_patience_look(something_is_there, returns, patience_ns, &returns->from_processor)) {
        returns->idle_since_ns = 0;
        yb_patience_learn(&returns->patience, 0);
    } else if (returns->idle_since_ns == 0) {
        returns->idle_since_ns = yb_loop_read_clock(returns->loop);
    }
}

static int64_t idle(yb_loop_part *part)
{
    yb_returns *returns = YB_CONTAINER_OF(part, yb_returns, part);
    wake_up(returns);
    yb_returns_flush(returns);
    if (returns->outstanding == 0 || returns->queued)
        return INT64_MAX;
    look_out(returns);
    if (first(returns)) {
        queue(returns);
        return INT64_MAX;
    }
    returns->idle = true;
    atomic_store(&returns->awake, false);
    if (first(returns)) {
        bool posted = atomic_exchange(&returns->awake, true);
        returns->idle = false;
        if (posted)
            returns->queued = true;
        else
            queue(returns);
    }
    return INT64_MAX;
}

/* Its beginning and end. */

void yb_returns_gather(yb_returns *returns)
{
    atomic_store(&returns->closing, true);
    while (returns->outstanding > 0 || returns->queued)
        yb_loop_turn(returns->loop, INT64_MAX);
}

static void end(yb_loop_part *part)
{
    yb_returns *returns = YB_CONTAINER_OF(part, yb_returns, part);
    if (returns->forks != yb_thread_pool_forks())
        return; /* a forked child: the threads are not there */
    yb_returns_gather(returns);
    while (atomic_load_explicit(&returns->visitors, memory_order_acquire) > 0)
        sched_yield();
    wake_up(returns);
    returns->loop->parts[YB_PART_RETURNS] = NULL;
    pthread_mutex_lock(&returns->lock);
    returns->loop = NULL;
    pthread_mutex_unlock(&returns->lock);
    yb_returns_unref(returns);
}

yb_returns *yb_returns_ref(yb_returns *returns)
{
    atomic_fetch_add_explicit(&returns->references, 1, memory_order_relaxed);
    return returns;
}

void yb_returns_unref(yb_returns *returns)
{
    if (atomic_fetch_sub_explicit(&returns->references, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&returns->lock);
    yb_free(returns);
}

static yb_returns *new_returns(yibu_loop *loop)
{
    yb_returns *returns = yb_calloc(1, sizeof(*returns));
    if (!returns)
        return NULL;
    returns->part = (yb_loop_part){.free = end, .idle = idle, .look = look};
    returns->forks = yb_thread_pool_forks();
    returns->may_look = yb_processor_count() > 1;
    returns->arrival.run = arrive;
    returns->loop = loop;
    pthread_mutex_init(&returns->lock, NULL);
    atomic_init(&returns->references, 1);
    atomic_init(&returns->awake, true);
    atomic_init(&returns->from_processor, -1);
    return returns;
}

int yb_returns_make(yibu_loop *loop, yb_returns **ret_returns)
{
    if (loop->closing)
        return YIBU_ESHUTDOWN;
    yb_returns *returns = new_returns(loop);
    if (!returns)
        return -ENOMEM;
    loop->parts[YB_PART_RETURNS] = &returns->part;
    *ret_returns = returns;
    return 0;
}
