/* Parallel loops: the caller works, and sends for helpers, which are functions on the pool's
 * threads.
 *
 * How many.  All that compute in a pool's loops are counted (pool->computing), and a helper is sent
 * only while they are fewer than there are processors and workers.  A loop that begins inside a
 * body finds them all taken, and is done by its caller alone until some are free.
 *
 * When.  Sending a helper costs some microseconds, and 25 pass until it is there.  Where the units
 * are neither few nor very many, the first ones show what one takes, and none is sent for what the
 * caller will have done by then.  Where they are few, each may be long, and where they are very
 * many all of them are: helpers are sent at once.
 *
 * How much at a time.  A call costs some 50 ns around the body, mostly for reading the clock.  So
 * participants find out how many units take about CALL_NS, and go on asking.
 *
 * The end.  A participant who finds no units leaves, since units only become fewer.  The caller
 * takes back helpers who have not begun, and waits for the others: each works on a unit of this
 * loop, or waits in the same way for a loop that began in one.  So nobody ever waits for a thread
 * to become free, and a loop ends also on a pool that is busy for ever.
 *
 * The caller alone sends a helper, and only one that is not `out`.  end_help is the last that
 * touches the loop for it: the decrement of helper_count that makes it 0 lets the caller's frame
 * go. */
#include "exec/parallel.h"

#include <errno.h>

#include "base/memory.h"
#include "platform/backend.h"
#include "platform/futex.h"
#include "platform/patience.h"
#include "task/task.h"

/* Fewer units a participant than FEW are few.  From MANY on, a loop takes long even where each is a
 * trifle. */
enum { FEW = 64, MANY = 65536 };

static const int64_t CALL_NS = 10000;
static const int64_t TRIAL_NS = 10000;   /* alone, before helpers are sent */
static const int64_t SENDING_NS = 25000; /* what is done sooner is not worth sending */

/* The loop in whose body this thread is. */
static YB_THREAD_LOCAL yb_parallel *loop_here;

yb_parallel *yb_parallel_here(void)
{
    return loop_here;
}

/* How fast a participant is. */
typedef struct pace {
    uint32_t units; /* that the next call gets */
    uint32_t few;   /* so many may be taken at once, if no more are left */
    uint32_t done;  /* by the last one */
    int64_t spent_ns;
    int64_t start_ns, now_ns;
} pace;

/* It stands still where nobody could help: in a simulation the same must happen in each run. */
static int64_t read_clock(const yb_parallel *loop)
{
    return loop->pool ? yb_clock_now(NULL) : 0;
}

/* How many units take a while at the pace of the last call, but not much more than it had. */
static uint32_t units_within(const pace *p, int64_t duration_ns)
{
    uint64_t fit = (uint64_t)p->done * (uint64_t)duration_ns / (uint64_t)(p->spent_ns + 1);
    uint64_t most = (uint64_t)p->done * 4;
    fit = fit < most ? fit : most;
    return fit < UINT32_MAX / 2 ? (uint32_t)fit : UINT32_MAX / 2;
}

/* The next call gets more only where this one had as many as it was to get. */
static void note_call(pace *p, uint32_t done, int64_t now_ns)
{
    p->done = done;
    p->spent_ns = now_ns - p->now_ns;
    p->now_ns = now_ns;
    uint32_t fit = units_within(p, CALL_NS);
    if (done == p->units || fit < p->units)
        p->units = fit > 0 ? fit : 1;
    p->few = fit / 2;
}

static void stop(yb_parallel *loop, int status)
{
    int none = 0;
    (void)atomic_compare_exchange_strong(&loop->status, &none, status);
}

static bool unwanted(const yb_parallel *loop)
{
    return atomic_load_explicit(&loop->status, memory_order_relaxed) != 0 ||
           (loop->within && atomic_load_explicit(&loop->within->unwanted, memory_order_relaxed));
}

/* By a failure, or a cancel: of the function that it is part of, or of a loop around it. */
static bool stopped(yb_parallel *loop)
{
    const yb_parallel *outer = loop;
    while (outer && !unwanted(outer))
        outer = outer->around;
    if (outer)
        stop(loop, -ECANCELED);
    return outer != NULL;
}

static bool reserve(yb_thread_pool *pool, unsigned width)
{
    unsigned computing = atomic_load(&pool->computing);
    while (computing < width)
        if (atomic_compare_exchange_weak(&pool->computing, &computing, computing + 1))
            return true;
    return false;
}

static void end_help(yb_work *work)
{
    yb_participant *self = YB_CONTAINER_OF(work, yb_participant, work);
    yb_parallel *loop = self->loop;
    atomic_fetch_sub(&loop->pool->computing, 1);
    atomic_store(&self->out, false);
    if (atomic_fetch_sub(&loop->helper_count, 1) == 1)
        yb_futex_wake(&loop->helper_count);
}

static void take_part(yb_participant *self);

static intptr_t help(void *arg)
{
    take_part(arg);
    return 0;
}

/* What a body asks of its thread is answered as in the function that the loop is part of.  While
 * the work runs it has its argument. */
static const yb_work *around_work(const yb_work *work)
{
    return ((const yb_participant *)work->arg)->loop->within;
}

static struct yb_locals *locals_of(const yb_work *work)
{
    const yb_work *within = around_work(work);
    return within && within->class->locals ? within->class->locals(within) : NULL;
}

static yb_returns *asker_of(const yb_work *work)
{
    const yb_work *within = around_work(work);
    if (!within || within->returns)
        return within ? within->returns : NULL;
    return within->class->asker ? within->class->asker(within) : NULL;
}

static const yb_work_class helping = {
    .done = end_help, .locals = locals_of, .asker = asker_of, .dispensable = true};

static bool send_helper(yb_parallel *loop, yb_participant *helper)
{
    if (!reserve(loop->pool, loop->width))
        return false;
    helper->work = (yb_work){.fn = help, .arg = helper, .class = &helping};
    atomic_store(&helper->out, true);
    atomic_fetch_add(&loop->helper_count, 1);
    if (yb_thread_pool_submit(loop->pool, &helper->work) == 0)
        return true;
    end_help(&helper->work);
    return false;
}

/* Makes places for helpers.  Without the memory the caller works alone. */
static bool have_helpers(yb_parallel *loop)
{
    if (loop->helpers || loop->width < 2)
        return loop->helpers != NULL;
    loop->helpers = yb_calloc(loop->width - 1, sizeof(*loop->helpers));
    for (unsigned i = 0; loop->helpers && i < loop->width - 1; i++) {
        loop->helpers[i].loop = loop;
        loop->helpers[i].number = i + 1;
    }
    return loop->helpers != NULL;
}

static void send_helpers(yb_parallel *loop)
{
    if (!have_helpers(loop))
        return;
    for (unsigned i = 0; i < loop->width - 1; i++)
        if (!atomic_load(&loop->helpers[i].out) && !send_helper(loop, &loop->helpers[i]))
            break;
    if (atomic_load(&loop->pool->baton) == YB_BATON_DRAINING)
        yb_thread_pool_overrule(loop->pool); /* perhaps this very thread, which is busy now */
}

static bool worth_sending(const yb_parallel *loop, const pace *p)
{
    return atomic_load_explicit(&loop->helper_count, memory_order_relaxed) + 1 < loop->width &&
           atomic_load_explicit(&loop->pool->computing, memory_order_relaxed) < loop->width &&
           p->now_ns - p->start_ns >= TRIAL_NS &&
           (double)p->spent_ns * yb_participant_left(&loop->caller) > (double)SENDING_NS * p->done;
}

static int check_cancelled(void)
{
    return stopped(loop_here) ? -ECANCELED : 0;
}

static void take_part(yb_participant *self)
{
    yb_parallel *loop = self->loop, *outer = loop_here;
    int (*outer_check)(void) = yb_check_cancelled_elsewhere;
    loop_here = loop;
    yb_check_cancelled_elsewhere = check_cancelled;
    int64_t now_ns = read_clock(loop);
    pace p = {.units = 1, .start_ns = now_ns, .now_ns = now_ns};
    uint32_t first, end;
    while (yb_participant_take(self, p.units, p.few, &first, &end) && !stopped(loop)) {
        int r = loop->call(loop, self->number, first, end);
        if (r < 0)
            stop(loop, r);
        note_call(&p, end - first, read_clock(loop));
        if (self == &loop->caller && worth_sending(loop, &p))
            send_helpers(loop);
    }
    loop_here = outer;
    yb_check_cancelled_elsewhere = outer_check;
}

static void withdraw_helpers(yb_parallel *loop)
{
    for (unsigned i = 0; loop->helpers && i < loop->width - 1; i++) {
        yb_participant *helper = &loop->helpers[i];
        if (atomic_load(&helper->out) && yb_thread_pool_withdraw(loop->pool, &helper->work))
            end_help(&helper->work);
    }
}

static bool nobody_helps(const void *loop)
{
    return atomic_load(&((const yb_parallel *)loop)->helper_count) == 0;
}

/* Their last calls are short, as a rule. */
static void wait_for_helpers(yb_parallel *loop)
{
    if (nobody_helps(loop))
        return;
    withdraw_helpers(loop);
    if (yb_patience_look(nobody_helps, loop, YB_PATIENCE_NS, NULL))
        return;
    for (uint32_t count; (count = atomic_load(&loop->helper_count)) != 0;)
        yb_futex_wait(&loop->helper_count, count);
}

yb_participant *yb_parallel_participant(yb_parallel *loop, unsigned number)
{
    if (number == 0)
        return &loop->caller;
    return loop->helpers ? &loop->helpers[number - 1] : NULL;
}

int yb_parallel_work(yb_parallel *loop)
{
    loop->caller.loop = loop;
    yb_participant_begin(&loop->caller, loop->units.count);
    uint32_t count = loop->units.count;
    if (count > 1 && (count / FEW < loop->width || count >= MANY))
        send_helpers(loop);
    take_part(&loop->caller);
    wait_for_helpers(loop);
    yb_free(loop->helpers);
    return atomic_load(&loop->status);
}
