/* The loop: its making and its end, its parts, and what other threads may do with it.
 *
 * A loop belongs to the thread that made it; that thread alone touches anything but `inbox`,
 * `asleep` and `signalled`.  A loop is IDLE, or RUNNING (a turn is under way, somewhere on this
 * thread's stack).
 *
 * Wake-ups.  A poster pushes to the inbox, then looks at `asleep`; the loop sets `asleep`, then
 * looks at the inbox.  Both in sequentially consistent order, so one of them sees the other, and a
 * loop that is awake costs a poster no system call. */
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/deadline.h"
#include "base/memory.h"
#include "base/options.h"
#include "loop/debug.h"
#include "loop/signal.h"
#include "loop/stall.h"
#include "loop/watch.h"
#include <yibu/error.h>

YB_THREAD_LOCAL yibu_loop *yb_loop_current;

static atomic_bool forked;

/* In the child of a fork: rings and wake-ups are shared with the parent, threads are gone. */
static void poison_child(void)
{
    if (yb_loop_current) {
        atomic_store(&forked, true);
        yb_loop_current = NULL;
    }
    yb_signal_after_fork(true);
}

static void go_on_in_parent(void)
{
    yb_signal_after_fork(false);
}

static void watch_forks(void)
{
    pthread_atfork(yb_signal_before_fork, go_on_in_parent, poison_child);
}

bool yb_forked(void)
{
    return atomic_load_explicit(&forked, memory_order_relaxed);
}

int yb_loop_check(const yibu_loop *loop)
{
    if (YB_LIKELY(loop && loop == yb_loop_current))
        return 0;
    if (yb_forked())
        return YIBU_EFORKED;
    if (loop)
        yb_debug_check_thread(loop);
    return -EINVAL;
}

void yb_loop_abort_foreign(const yibu_loop *loop, const char *what)
{
    if (yb_forked())
        yb_abort("a loop was used in a forked child of its process: %s", what);
    yb_abort("the loop created at %s: %s from another thread: use yibu_call_soon_threadsafe",
             loop->place, what);
}

static void set_options(yibu_loop *loop, const yibu_loop_options *options)
{
    loop->options = *options;
    const char *debug = getenv("YIBU_DEBUG");
    loop->options.debug |= debug && strcmp(debug, "1") == 0;
    if (loop->options.slow_callback_duration_ns <= 0)
        loop->options.slow_callback_duration_ns = YIBU_MS(100);
    if (!loop->options.backend)
        loop->options.backend = getenv("YIBU_BACKEND");
    if (loop->options.backend && !loop->options.backend[0])
        loop->options.backend = NULL;
    if (!loop->options.exception_handler)
        loop->options.exception_handler = yibu_loop_default_exception_handler;
    if (!loop->options.stall_handler)
        loop->options.stall_handler = yibu_loop_default_stall_handler;
    if (loop->options.deadlock_after_ns <= 0)
        loop->options.deadlock_after_ns = YIBU_SECONDS(1);
}

static int open_backend(yibu_loop *loop)
{
    int fallback = 0;
    int r = yb_backend_open(loop->options.backend, loop->options.ring_entries, &loop->backend,
                            &fallback);
    if (r == 0 && fallback < 0 && loop->options.debug)
        yb_loop_report(loop, fallback, "io_uring is not to be had, the loop uses epoll");
    return r;
}

/* Memory for this thread's loop, with its options. */
static int allocate(const yibu_loop_options *options, yibu_loop **ret_loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    yibu_loop_options taken;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r < 0)
        return r;
    if (yb_loop_current)
        return -EBUSY;
    yibu_loop *loop = yb_calloc(1, sizeof(*loop));
    if (!loop)
        return -ENOMEM;
    set_options(loop, &taken);
    *ret_loop = loop;
    return 0;
}

/* Makes a loop that has its backend this thread's. */
static void begin(yibu_loop *loop)
{
    loop->budget_limit = YB_TURN_BUDGET;
    loop->fd = loop->timer_fd = -1;
    yb_list_init(&loop->calls);
    yb_list_init(&loop->signal_clients);
    yb_wheel_init(&loop->timers, yb_loop_read_clock(loop));
    yb_debug_set(loop, loop->options.debug);
    yb_loop_current = loop;
    atomic_store(&forked, false);
    int r = yb_stall_refresh(loop);
    if (r < 0)
        yb_loop_report(loop, r, "nobody watches for stalls of the loop");
}

int yibu_loop_new_at(const yibu_loop_options *options, yibu_loop **ret_loop, const char *place)
{
    yibu_loop *loop = NULL;
    int r = ret_loop ? allocate(options, &loop) : -EINVAL;
    if (r < 0)
        return r;
    loop->place = place;
    r = open_backend(loop);
    if (r < 0) {
        yb_free(loop);
        return r;
    }
    begin(loop);
    *ret_loop = loop;
    return 0;
}

int yb_loop_new_on(yb_backend *backend, const yibu_loop_options *options, yibu_loop **ret_loop)
{
    int r = allocate(options, ret_loop);
    if (r < 0)
        return r;
    (*ret_loop)->backend = backend;
    (*ret_loop)->place = "yibu_sim_run";
    begin(*ret_loop);
    return 0;
}

/* Runs whatever is left that only frees itself: cancelled watches, withdrawn operations. */
static void settle(yibu_loop *loop)
{
    while (loop->pending > 0 || loop->ready.head || atomic_load(&loop->inbox))
        yb_loop_turn(loop, INT64_MAX);
}

/* Pairs with the end of yb_loop_post. */
static void wait_for_posters(yibu_loop *loop)
{
    while (atomic_load_explicit(&loop->posters, memory_order_acquire) > 0)
        sched_yield();
}

int yibu_loop_free(yibu_loop *loop)
{
    if (!loop)
        return 0;
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (loop->running || loop->task_count > 0 || loop->public_pending > 0)
        return YIBU_EBUSY;
    loop->closing = true;
    (void)yb_stall_refresh(loop);
    for (int kind = YB_PART_COUNT - 1; kind > YB_PART_TASKS; kind--)
        if (loop->parts[kind])
            loop->parts[kind]->free(loop->parts[kind]);
    yb_watch_free_all(loop);
    yb_signal_forget_loop(loop);
    yb_call_drop_all(loop);
    settle(loop);
    wait_for_posters(loop);
    yb_timer_disarm_all(loop);
    if (loop->parts[YB_PART_TASKS])
        loop->parts[YB_PART_TASKS]->free(loop->parts[YB_PART_TASKS]);
    if (loop->fd >= 0)
        close(loop->fd);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    loop->backend->class->close(loop->backend);
    yb_debug_set(loop, false);
    yb_loop_current = NULL;
    yb_free(loop);
    return 0;
}

yibu_loop *yibu_get_running_loop(void)
{
    return yb_loop_current;
}

const char *yibu_loop_backend(const yibu_loop *loop)
{
    return loop ? loop->backend->class->name : "";
}

int64_t yibu_loop_time(yibu_loop *loop)
{
    return loop->backend->class->now(loop->backend);
}

void yb_loop_wake(yibu_loop *loop)
{
    if (atomic_load(&loop->asleep) && atomic_exchange(&loop->asleep, false))
        loop->backend->class->wake(loop->backend);
}

/* The item may be run, and the loop be freed, before the poster has looked at `asleep`: hence
 * `posters`, whose last change (release) is the poster's last access. */
void yb_loop_post(yibu_loop *loop, yb_runnable *item)
{
    atomic_fetch_add_explicit(&loop->posters, 1, memory_order_relaxed);
    yb_runnable *head = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do
        item->next = head;
    while (!atomic_compare_exchange_weak(&loop->inbox, &head, item));
    yb_loop_wake(loop);
    atomic_fetch_sub_explicit(&loop->posters, 1, memory_order_release);
}

int64_t yb_loop_deadline(yibu_loop *loop, int64_t delay_ns)
{
    return yb_deadline_after(yb_loop_read_clock(loop), delay_ns);
}
