/* One turn of the loop, and the ways to run many.
 *
 * A turn: take what other threads posted; run what is ready, at most a budget of it; look at I/O,
 * waiting for it where nothing is ready; fire timers; make those ready that asked to come after
 * I/O (sleep(0)).  While tasks are ready the clock is read once a turn only, so the budget follows
 * how long the last one took: about 50 us, or 64 switches. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/loop.h"
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

static void run_ready(yibu_loop *loop)
{
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
    else if (loop->budget_limit < YB_BUDGET_MAX)
        loop->budget_limit *= 2;
}

static int64_t cpu_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void observe_end(yibu_loop *loop)
{
    if (!loop->options.on_turn || loop->turn.start_ns == 0)
        return;
    loop->turn.end_ns = yb_loop_read_clock(loop);
    loop->turn.cpu_ns = cpu_time() - loop->turn_cpu_ns;
    loop->options.on_turn(&loop->turn, loop->options.on_turn_arg);
}

static void observe_start(yibu_loop *loop)
{
    if (!loop->options.on_turn)
        return;
    loop->turn.start_ns = loop->now_ns;
    loop->turn_cpu_ns = cpu_time();
}

static bool has_ready(const yibu_loop *loop)
{
    return loop->ready.head || loop->after_io.head;
}

static int64_t idle_parts(yibu_loop *loop, int64_t deadline_ns)
{
    for (int kind = 0; kind < YB_PART_COUNT; kind++)
        if (loop->parts[kind] && loop->parts[kind]->idle) {
            int64_t again = loop->parts[kind]->idle(loop->parts[kind]);
            deadline_ns = again < deadline_ns ? again : deadline_ns;
        }
    return deadline_ns;
}

/* Waits for I/O until the deadline; see loop.c for the handshake with posters. */
static int sleep_until(yibu_loop *loop, int64_t deadline_ns)
{
    deadline_ns = idle_parts(loop, deadline_ns);
    int64_t next = yb_wheel_next(&loop->timers);
    if (next < deadline_ns)
        deadline_ns = next;
    atomic_store(&loop->asleep, true);
    if (atomic_load(&loop->inbox) || atomic_load(&loop->signalled)) {
        atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
        deadline_ns = 0;
    }
    observe_end(loop);
    int r = loop->backend->class->wait(loop->backend, deadline_ns);
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    return r;
}

/* Looks at I/O, waiting where nothing is ready.  Without operations under way there is nothing to
 * look at; whoever has something for the loop uses the inbox. */
static void look_at_io(yibu_loop *loop, int64_t deadline_ns)
{
    int r = 0;
    if (!has_ready(loop) && deadline_ns != 0) {
        r = sleep_until(loop, deadline_ns);
    } else {
        observe_end(loop);
        if (loop->pending > 0)
            r = loop->backend->class->wait(loop->backend, 0);
    }
    if (YB_UNLIKELY(r < 0))
        yb_abort("the %s backend failed: %s", loop->backend->class->name, yibu_strerror(r));
}

static void fire_timers(yibu_loop *loop)
{
    yb_timer *timer;
    while (loop->timers.count > 0 && (timer = yb_wheel_pop(&loop->timers, loop->now_ns)))
        timer->fire(timer);
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
    int64_t before = loop->now_ns;
    bool outer = loop->running;
    loop->running = true;
    take_inbox(loop);
    yb_signal_deliver(loop);
    run_ready(loop);
    bool exhausted = loop->ready.head != NULL;
    look_at_io(loop, deadline_ns);
    int64_t now = yb_loop_read_clock(loop);
    observe_start(loop);
    if (exhausted)
        adapt_budget(loop, now - before);
    fire_timers(loop);
    splice_after_io(loop);
    loop->running = outer;
}

static bool has_future(const yibu_loop *loop)
{
    return has_ready(loop) || loop->timers.count > 0 || loop->pending > 0 || loop->holds > 0 ||
           loop->task_count > 0 || atomic_load(&loop->inbox);
}

/* Arms the timer of yibu_loop_fd for what the backend's descriptor does not tell. */
static void arm_descriptor(yibu_loop *loop)
{
    if (loop->fd < 0)
        return;
    (void)loop->backend->class->wait(loop->backend, 0); /* submits what was queued */
    atomic_store(&loop->asleep, true);
    bool due = has_ready(loop) || atomic_load(&loop->inbox) || atomic_load(&loop->signalled);
    int64_t next = due ? 1 : yb_wheel_next(&loop->timers);
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
    if (loop->ready.head) {
        yb_loop_turn(loop, 0);
    } else {
        yb_loop_turn(loop, timeout_ns > 0 ? yb_loop_deadline(loop, timeout_ns) : 0);
        if (has_ready(loop))
            yb_loop_turn(loop, 0);
    }
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
    loop->stopping = false;
    while (!loop->stopping)
        yb_loop_turn(loop, INT64_MAX);
    arm_descriptor(loop);
    return 0;
}

void yibu_loop_stop(yibu_loop *loop)
{
    loop->stopping = true;
}

static int make_descriptor(yibu_loop *loop)
{
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer_fd < 0)
        return -errno;
    loop->fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (loop->fd >= 0 &&
        epoll_ctl(loop->fd, EPOLL_CTL_ADD, loop->timer_fd, &event) == 0 &&
        epoll_ctl(loop->fd, EPOLL_CTL_ADD, loop->backend->class->descriptor(loop->backend),
                  &event) == 0)
        return 0;
    int error = errno;
    if (loop->fd >= 0)
        close(loop->fd);
    close(loop->timer_fd);
    loop->fd = loop->timer_fd = -1;
    return -error;
}

int yibu_loop_fd(yibu_loop *loop)
{
    int r = yb_loop_check(loop);
    if (r == 0 && loop->fd < 0)
        r = make_descriptor(loop);
    if (r < 0)
        return r;
    arm_descriptor(loop);
    return loop->fd;
}
