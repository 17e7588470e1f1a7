/* Debug mode.
 *
 * A run is whatever holds the loop without a break: a slice of a task from its turn until it
 * suspends, or a callback with all that it calls.  One that takes too long is reported with its
 * name.  Who runs is noted when it begins, since a task may be gone afterwards.
 *
 * Runs do not nest: a callback inside an item only tells whose time it is.  Callbacks of timers,
 * signals and operations come without an item; they are runs of their own. */
#include "loop/debug.h"

#include <errno.h>
#include <stdio.h>

#include "base/function_name.h"
#include "loop/overseer.h"
#include "loop/stall.h"
#include <yibu/error.h>

/* Loops in debug mode, in the process: while there is none, a loop that a thread does not own is
 * not looked at. */
static atomic_uint debug_loops;

static void begin(yibu_loop *loop)
{
    loop->subject.callback = NULL;
    loop->subject.place = NULL;
    loop->run_ns = yb_loop_read_clock(loop);
    loop->run_depth = 1;
}

static void report(yibu_loop *loop, int64_t took_ns)
{
    const yb_subject *who = &loop->subject;
    char callback[128];
    long long ms = took_ns / 1000000, us = took_ns / 1000 % 1000;
    if (who->place) {
        yb_loop_report(loop, 0, "task \"%s\", created at %s, held the loop for %lld.%03lld ms",
                       who->name, who->place, ms, us);
    } else if (who->callback) {
        yb_function_name(who->callback, callback, sizeof(callback));
        yb_loop_report(loop, 0, "the callback %s held the loop for %lld.%03lld ms", callback, ms,
                       us);
    } else {
        yb_loop_report(loop, 0, "the loop itself took %lld.%03lld ms for one thing", ms, us);
    }
}

static void end(yibu_loop *loop)
{
    int64_t took_ns = yb_loop_read_clock(loop) - loop->run_ns;
    loop->run_depth = 0;
    if (took_ns >= loop->options.slow_callback_duration_ns || yb_stall_told(loop))
        report(loop, took_ns);
}

static void before(yb_overseer *overseer, yibu_loop *loop, yb_runnable *item)
{
    (void)overseer;
    yb_loop_part *tasks = loop->parts[YB_PART_TASKS];
    begin(loop);
    if (tasks && tasks->identify)
        tasks->identify(tasks, item, &loop->subject);
}

static void after(yb_overseer *overseer, yibu_loop *loop)
{
    (void)overseer;
    if (loop->run_depth > 0)
        end(loop);
}

static void callback_begins(yb_overseer *overseer, yibu_loop *loop, yb_function *callback)
{
    (void)overseer;
    if (loop->run_depth == 0)
        begin(loop);
    else
        loop->run_depth++;
    loop->subject.callback = callback;
}

static void callback_ended(yb_overseer *overseer, yibu_loop *loop)
{
    (void)overseer;
    if (loop->run_depth > 1)
        loop->run_depth--;
    else if (loop->run_depth == 1)
        end(loop);
}

static yb_overseer debug_overseer = {
    .before = before,
    .after = after,
    .callback_begins = callback_begins,
    .callback_ended = callback_ended,
};

void yb_debug_set(yibu_loop *loop, bool enabled)
{
    bool was = atomic_exchange(&loop->debug, enabled);
    if (enabled && !was)
        atomic_fetch_add(&debug_loops, 1);
    if (was && !enabled)
        atomic_fetch_sub(&debug_loops, 1);
    loop->run_depth = 0;
    if (enabled && !loop->overseer)
        loop->overseer = &debug_overseer;
    if (!enabled && loop->overseer == &debug_overseer)
        loop->overseer = NULL;
    (void)yb_stall_refresh(loop); /* what it cannot have is no worse than before */
}

void yb_debug_check_thread(const yibu_loop *loop)
{
    if (atomic_load(&debug_loops) > 0 && atomic_load(&loop->debug))
        yb_abort("the loop created at %s was used by a thread that is not its own: use "
                 "yibu_call_soon_threadsafe",
                 loop->place);
}

int yibu_loop_set_debug(yibu_loop *loop, bool enabled)
{
    int r = yb_loop_check(loop);
    if (r == 0)
        yb_debug_set(loop, enabled);
    return r;
}

bool yibu_loop_get_debug(const yibu_loop *loop)
{
    return loop && atomic_load(&loop->debug);
}

int yibu_loop_set_slow_callback_duration(yibu_loop *loop, int64_t duration_ns)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (duration_ns < 0)
        return -EINVAL;
    loop->options.slow_callback_duration_ns = duration_ns;
    (void)yb_stall_refresh(loop);
    return 0;
}

int64_t yibu_loop_get_slow_callback_duration(const yibu_loop *loop)
{
    return loop ? loop->options.slow_callback_duration_ns : 0;
}
