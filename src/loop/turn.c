/* One turn of the loop, and the ways to run many.
 *
 * A turn: look at I/O, waiting for it where nothing is ready; fire timers; take what other threads
 * posted and which signals came; make those ready that asked to come after I/O (sleep(0)); run what
 * is ready, at most a budget of it.  So whoever runs turns until something has happened never waits
 * once it has.  While tasks are ready the clock is hardly read, so the budget follows how long
 * what ran in the last turn took: about 50 us, or 64 switches.  What the kernel did for the
 * operations that were started does not count: a smaller budget would not make that faster. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/loop.h"
#include "loop/overseer.h"
#include "loop/signal.h"
#include <yibu/error.h>

enum { TURN_NS = 50000 };

/* Moves what other threads posted to the ready queue, in the order it came. */
static void take_inbox(yibu_loop *loop)
{
    if (YB_LIKELY(!atomic_load_explicit(&loop->inbox, memory_order_relaxed)))
        return;
    yb_runnable *item = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    yb_runnable *first = NULL;
    while (item) {
        yb_runnable *next = item->next;
        item->next = first;
        first = item;
        item = next;
    }
    while (first) {
        yb_runnable *next = first->next;
        yb_loop_ready(loop, first);
        first = next;
    }
}

static void look_at_returns(yibu_loop *loop)
{
    yb_loop_part *returns = loop->parts[YB_PART_RETURNS];
    if (returns)
        returns->look(returns);
}

static void run_overseen(yibu_loop *loop)
{
    yb_overseer *o = loop->overseer;
    for (int left = loop->budget_limit; left > 0 && loop->ready.head; left--) {
        yb_runnable *item = o->pick ? o->pick(o, loop) : yb_fifo_pop(&loop->ready);
        if (!item)
            return;
        loop->budget = 1; /* so that a task which suspends comes back here */
        if (o->before)
            o->before(o, loop, item);
        item->run(item);
        if (o->after)
            o->after(o, loop);
        if (loop->stopping)
            return; /* yet an item a turn: who does not heed the stop gets on */
    }
}

static void run_ready(yibu_loop *loop)
{
    if (YB_UNLIKELY(loop->overseer != NULL)) {
        run_overseen(loop);
        return;
    }
    loop->budget = loop->budget_limit;
    while (loop->budget-- > 0) {
        yb_runnable *item = yb_fifo_pop(&loop->ready);
        if (!item)
            return;
        item->run(item);
    }
}

static void adapt_budget(yibu_loop *loop, int64_t took_ns)
{
    if (took_ns > TURN_NS)
        loop->budget_limit = loop->budget_limit > 1 ? loop->budget_limit / 2 : 1;
    else if (loop->budget_limit < YB_TURN_BUDGET)
        loop->budget_limit *= 2;
}

static int64_t cpu_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void yb_loop_observe_start(yibu_loop *loop)
{
    loop->unobserved = false;
    if (!loop->options.on_turn)
        return;
    loop->turn.start_ns = yb_loop_read_clock(loop);
    loop->turn_cpu_ns = cpu_time();
}

static void observe_end(yibu_loop *loop)
{
    if (!loop->options.on_turn)
        return;
    loop->turn.end_ns = yb_loop_read_clock(loop);
    loop->turn.cpu_ns = cpu_time() - loop->turn_cpu_ns;
    loop->options.on_turn(&loop->turn, loop->options.on_turn_arg);
}

static bool has_ready(const yibu_loop *loop)
{
    return loop->ready.head || loop->after_io.head;
}

static bool something_is_due(yibu_loop *loop)
{
    return has_ready(loop) || atomic_load(&loop->inbox) || atomic_load(&loop->signalled);
}

/* Lets the parts do what they put off until the loop has nothing else to do: for the observer, a
 * turn of its own.  Returns when they want to be called again. */
static int64_t idle_parts(yibu_loop *loop)
{
    int64_t earliest_ns = INT64_MAX;
    if (loop->options.on_turn)
        yb_loop_observe_start(loop);
    for (int kind = 0; kind < YB_PART_COUNT; kind++)
        if (loop->parts[kind] && loop->parts[kind]->idle) {
            int64_t again_ns = loop->parts[kind]->idle(loop->parts[kind]);
            earliest_ns = again_ns < earliest_ns ? again_ns : earliest_ns;
        }
    observe_end(loop);
    return earliest_ns;
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* Whether what the parts looked out for has come, and I/O was looked at not long ago. */
static bool may_hurry(yibu_loop *loop)
{
    enum { IN_A_ROW = 8 };
    if (!loop->ready.head || loop->hurried >= IN_A_ROW) {
        loop->hurried = 0;
        return false;
    }
    loop->hurried++;
    return true;
}

/* Waits for I/O until the deadline; see loop.c for the handshake with posters. */
static int sleep_until(yibu_loop *loop, int64_t deadline_ns)
{
    deadline_ns = earlier(deadline_ns, earlier(idle_parts(loop), yb_wheel_next(&loop->timers)));
    if (may_hurry(loop))
        return 0;
    atomic_store(&loop->asleep, true);
    if (something_is_due(loop)) {
        atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
        deadline_ns = 0;
    }
    loop->unobserved = loop->observed;
    int r = loop->backend->class->wait(loop->backend, deadline_ns);
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    return r;
}

/* What a completion makes ready takes a part of a budget, or more than one.  Where the last turn
 * left something, the next takes in less than it runs. */
static void limit_batch(yibu_loop *loop)
{
    int batch = loop->budget_limit / (loop->exhausted ? 4 : 2);
    loop->backend->batch = batch > 0 ? (unsigned)batch : 1;
}

/* Looks at I/O, waiting where nothing is ready.  Without operations under way there is nothing to
 * look at but, for whoever polls the loop's descriptor, the wake-up that made it readable. */
static void look_at_io(yibu_loop *loop, int64_t deadline_ns)
{
    int r = 0;
    limit_batch(loop);
    loop->unobserved = loop->observed;
    if (!has_ready(loop) && deadline_ns != 0)
        r = sleep_until(loop, deadline_ns);
    else if (loop->pending > 0 || loop->fd >= 0)
        r = loop->backend->class->wait(loop->backend, 0);
    if (YB_UNLIKELY(r < 0))
        yb_abort("the %s backend failed: %s", loop->backend->class->name, yibu_strerror(r));
    if (loop->unobserved)
        yb_loop_observe_start(loop);
}

/* Without timers too: the wheel follows the clock. */
static void fire_timers(yibu_loop *loop)
{
    yb_timer *timer;
    loop->firing_ns = loop->now_ns; /* the callbacks may read the clock again */
    while ((timer = yb_wheel_pop(&loop->timers, loop->firing_ns)))
        timer->fire(timer);
    loop->firing_ns = 0;
}

static void splice_after_io(yibu_loop *loop)
{
    yb_runnable *item = loop->after_io.head;
    if (!item)
        return;
    if (loop->ready.head)
        loop->ready.tail->next = item;
    else
        loop->ready.head = item;
    loop->ready.tail = loop->after_io.tail;
    loop->after_io.head = NULL;
}

void yb_loop_turn(yibu_loop *loop, int64_t deadline_ns)
{
    bool outer = loop->running;
    loop->running = true;
    loop->budget = loop->budget_limit; /* callbacks of I/O and timers may start tasks eagerly */
    bool goes_on = loop->exhausted && loop->pending == 0; /* nothing is between the turns */
    int64_t ran_until_ns = loop->busy && !goes_on ? yb_loop_read_clock(loop) : 0;
    look_at_io(loop, deadline_ns);
    int64_t now = yb_loop_read_clock(loop);
    if (loop->busy)
        adapt_budget(loop, (goes_on ? now : ran_until_ns) - loop->ran_ns);
    loop->ran_ns = now;
    fire_timers(loop);
    take_inbox(loop);
    look_at_returns(loop);
    yb_signal_deliver(loop);
    splice_after_io(loop);
    loop->active |= loop->ready.head != NULL;
    run_ready(loop);
    loop->exhausted = loop->ready.head != NULL;
    loop->busy = loop->exhausted || loop->budget <= loop->budget_limit / 2;
    observe_end(loop);
    loop->running = outer;
}

static bool has_future(const yibu_loop *loop)
{
    return has_ready(loop) || loop->timers.count > 0 || loop->pending > 0 || loop->holds > 0 ||
           loop->task_count > 0 || atomic_load(&loop->inbox);
}

/* Makes yibu_loop_fd tell what is to come: the backend's descriptor knows what was submitted, the
 * timer the rest. */
static void arm_descriptor(yibu_loop *loop)
{
    if (loop->fd < 0)
        return;
    (void)loop->backend->class->descriptor(loop->backend);
    atomic_store(&loop->asleep, true);
    int64_t next = earlier(idle_parts(loop), yb_wheel_next(&loop->timers));
    if (something_is_due(loop))
        next = 1; /* in the past, but not 0, which disarms */
    struct itimerspec when = {0};
    if (next != INT64_MAX) {
        when.it_value.tv_sec = next / 1000000000;
        when.it_value.tv_nsec = next % 1000000000;
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int yibu_loop_run_once(yibu_loop *loop, int64_t timeout_ns)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (loop->running)
        return YIBU_EBUSY;
    atomic_store(&loop->asleep, false);
    loop->exhausted = loop->busy = false; /* what others did meanwhile is not the budget's fault */
    loop->driven = true;
    yb_loop_turn(loop, timeout_ns > 0 ? yb_loop_deadline(loop, timeout_ns) : 0);
    loop->driven = false;
    arm_descriptor(loop);
    return has_future(loop);
}

int yibu_run_forever(yibu_loop *loop)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (loop->running)
        return YIBU_EBUSY;
    do
        yb_loop_turn(loop, loop->stopping ? 0 : INT64_MAX);
    while (!loop->stopping);
    loop->stopping = false;
    arm_descriptor(loop);
    return 0;
}

/* What was ready when the stop was asked for has run. */
static void stop(yb_runnable *item)
{
    yibu_loop *loop = YB_CONTAINER_OF(item, yibu_loop, stop);
    item->run = NULL;
    loop->stopping = true;
    loop->budget = 0;
}

/* While the loop runs, what is ready now still runs; before it does, also what the first look at
 * I/O makes ready. */
void yibu_loop_stop(yibu_loop *loop)
{
    yb_loop_check_thread(loop, "a stop was requested");
    if (loop->stop.run)
        return;
    loop->stop.run = stop;
    yb_fifo_push(loop->running ? &loop->ready : &loop->after_io, &loop->stop);
}

bool yibu_loop_is_running(const yibu_loop *loop)
{
    return loop && loop->running;
}

static int add_to(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int make_descriptor(yibu_loop *loop)
{
    int r = loop->backend->class->descriptor(loop->backend);
    if (r < 0)
        return r;
    int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int epoll_fd = timer_fd < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        r = -errno;
    else if ((r = add_to(epoll_fd, r)) == 0)
        r = add_to(epoll_fd, timer_fd);
    if (r == 0) {
        loop->fd = epoll_fd;
        loop->timer_fd = timer_fd;
        return 0;
    }
    if (epoll_fd >= 0)
        close(epoll_fd);
    if (timer_fd >= 0)
        close(timer_fd);
    return r;
}

int yibu_loop_fd(yibu_loop *loop)
{
    int r = yb_loop_check(loop);
    if (r == 0 && loop->fd < 0)
        r = loop->running ? YIBU_EBUSY : make_descriptor(loop);
    if (r < 0)
        return r;
    arm_descriptor(loop);
    return loop->fd;
}
