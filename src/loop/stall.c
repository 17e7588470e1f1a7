/* What makes a loop watched: limit, handler, and how its runs can be told from each other.
 *
 * The watchdog (watchdog.c) looks at the loop from another thread, and the loop does nothing for
 * that but hear of callbacks, which otherwise would leave no trace.  In debug mode its overseer
 * hears of them already.  See yb_run_mark for what is looked at. */
#include "loop/stall.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "loop/overseer.h"
#include "loop/watchdog.h"
#include <yibu/error.h>

#define LOOK(FIELD) (*(const volatile __typeof__(FIELD) *)&(FIELD))

/* The loop's thread writes these fields as suits it.  A wrong answer costs a look, no more: hence
 * no atomics on the loop's fast paths. */
YB_UNSYNCHRONISED yb_run_mark yb_stall_mark(const yibu_loop *loop)
{
    yb_run_mark mark = {.held = LOOK(loop->running)};
    if (LOOK(loop->overseer)) {
        mark.exact = true;
        mark.held = mark.held && LOOK(loop->run_depth) > 0;
        mark.time_ns = LOOK(loop->run_ns);
        return mark;
    }
    mark.held = mark.held && !LOOK(loop->unobserved);
    mark.time_ns = LOOK(loop->ran_ns);
    mark.slice = LOOK(loop->budget) + LOOK(loop->spent);
    mark.callbacks = LOOK(loop->callbacks);
    return mark;
}

YB_UNSYNCHRONISED static bool in_task(const yibu_loop *loop, yb_subject *ret_subject)
{
    const yb_loop_part *tasks = loop->parts[YB_PART_TASKS];
    return tasks && tasks->running && tasks->running(tasks, ret_subject);
}

/* In debug mode the run's owner was noted when it began. */
YB_UNSYNCHRONISED void yb_stall_identify(const yibu_loop *loop, yb_subject *ret_subject)
{
    if (loop->overseer) {
        *ret_subject = loop->subject;
        return;
    }
    *ret_subject = (yb_subject){.callback = loop->run_depth > 0 ? loop->subject.callback : NULL};
    (void)in_task(loop, ret_subject);
}

/* Callbacks inside a task or another callback belong to its run. */
static void callback_begins(yb_overseer *overseer, yibu_loop *loop, yb_function *callback)
{
    (void)overseer;
    if (loop->run_depth++ == 0 && !in_task(loop, NULL))
        loop->callbacks++;
    loop->subject.callback = callback;
}

static void callback_ended(yb_overseer *overseer, yibu_loop *loop)
{
    (void)overseer;
    if (loop->run_depth > 0 && --loop->run_depth == 0 && !in_task(loop, NULL))
        loop->callbacks++;
}

static yb_overseer stall_listener = {
    .callback_begins = callback_begins,
    .callback_ended = callback_ended,
};

/* A simulated loop has a clock of its own, and runs where nobody waits. */
static int64_t limit_of(const yibu_loop *loop)
{
    enum { LEAST_NS = 1000000, DEBUG_NS = 100000000 };
    int64_t limit_ns = loop->options.stall_limit_ns;
    int64_t slow_ns = loop->options.slow_callback_duration_ns;
    if (loop->closing || loop->backend->class->network)
        return YIBU_FOREVER;
    if (limit_ns <= 0 && !atomic_load(&loop->debug))
        return YIBU_FOREVER;
    if (limit_ns <= 0)
        return slow_ns > DEBUG_NS ? slow_ns : DEBUG_NS;
    return limit_ns > LEAST_NS ? limit_ns : LEAST_NS;
}

static int start(yibu_loop *loop)
{
    yb_stall_watch *watch = yb_calloc(1, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    watch->loop = loop;
    watch->thread = (pid_t)syscall(SYS_gettid);
    int r = -pthread_getcpuclockid(pthread_self(), &watch->cpu_clock);
    if (r == 0)
        r = yb_watchdog_add(watch);
    if (r < 0) {
        yb_free(watch);
        return r;
    }
    loop->stall = watch;
    return 0;
}

static void stop(yibu_loop *loop)
{
    if (!loop->stall)
        return;
    yb_watchdog_remove(loop->stall);
    yb_free(loop->stall);
    loop->stall = NULL;
}

int yb_stall_refresh(yibu_loop *loop)
{
    int r = 0;
    int64_t limit_ns = limit_of(loop);
    if (limit_ns == YIBU_FOREVER)
        stop(loop);
    else if (!loop->stall)
        r = start(loop);
    if (loop->stall)
        yb_watchdog_set(loop->stall, limit_ns, loop->options.stall_handler,
                        loop->options.stall_handler_arg);
    yb_overseer *listener = loop->stall ? &stall_listener : NULL;
    loop->listener = loop->overseer ? loop->overseer : listener;
    loop->observed = loop->options.on_turn || loop->stall;
    return r;
}

bool yb_stall_told(const yibu_loop *loop)
{
    return loop->stall && atomic_load(&loop->stall->told_run_ns) == loop->run_ns;
}

int yibu_loop_set_stall_limit(yibu_loop *loop, int64_t limit_ns)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (limit_ns < 0)
        return -EINVAL;
    loop->options.stall_limit_ns = limit_ns;
    return yb_stall_refresh(loop);
}

int64_t yibu_loop_get_stall_limit(const yibu_loop *loop)
{
    return loop && loop->stall ? loop->stall->limit_ns : YIBU_FOREVER;
}

int yibu_loop_set_stall_handler(yibu_loop *loop, yibu_stall_handler *handler, void *arg)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    loop->options.stall_handler = handler ? handler : yibu_loop_default_stall_handler;
    loop->options.stall_handler_arg = handler ? arg : NULL;
    return yb_stall_refresh(loop);
}
