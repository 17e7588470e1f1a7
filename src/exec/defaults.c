/* The default executors of a loop.
 *
 * At first there is none, and calls go to pools that only the loop knows.  One that was set stays
 * its owner's.  One that is asked for where none was set is made, and is the loop's: it ends with
 * it.  Either is used from then on.
 *
 * The record is made when somebody asks for one of these things; calls of yibu_to_thread and
 * yibu_to_process are counted in it from their beginning, so that a shutdown knows when they are
 * over. */
#include "exec/defaults.h"

#include <errno.h>
#include <yibu/error.h>
#include <yibu/thread_pool.h>
#include <yibu/timeout.h>

#include "base/deadline.h"
#include "base/memory.h"
#include "exec/shutdown.h"
#include "task/scope.h"
#include "task/task.h"

static const int64_t LOOK_NS = 1000000;

typedef yb_default_slot slot;
typedef yb_defaults defaults;

/* Functions that still run may call into the loop, which therefore goes on. */
static void outlast(yibu_executor *e, yibu_loop *loop)
{
    int64_t named_ns = yb_deadline_after(yb_clock_now(NULL), yb_exit_wait_of(loop));
    yb_engine_close(e, YIBU_ESHUTDOWN, true);
    while (!yb_shutdown_look(e, LOOK_NS)) {
        yb_loop_turn(loop, 0);
        if (yb_clock_now(NULL) >= named_ns) {
            yb_shutdown_report_rest(e);
            named_ns = INT64_MAX;
        }
    }
}

static void drop_owned(slot *s, yibu_loop *loop)
{
    if (s->owned && atomic_load(&s->executor->home) != loop)
        outlast(s->executor, loop);
    if (s->owned)
        yibu_executor_free(s->executor);
    s->executor = NULL;
    s->owned = false;
}

static void end(yb_loop_part *part)
{
    defaults *d = YB_CONTAINER_OF(part, defaults, part);
    for (int kind = 0; kind < YB_EXECUTOR_KINDS; kind++)
        drop_owned(&d->slots[kind], d->loop);
    d->loop->parts[YB_PART_DEFAULTS] = NULL;
    yb_free(d);
}

static int defaults_of(yibu_loop *loop, defaults **ret_defaults)
{
    if (loop->closing)
        return YIBU_ESHUTDOWN;
    if (!loop->parts[YB_PART_DEFAULTS]) {
        defaults *d = yb_calloc(1, sizeof(*d));
        if (!d)
            return -ENOMEM;
        d->part.free = end;
        d->loop = loop;
        loop->parts[YB_PART_DEFAULTS] = &d->part;
    }
    *ret_defaults = YB_CONTAINER_OF(loop->parts[YB_PART_DEFAULTS], defaults, part);
    return 0;
}

/* Calls. */

int yb_default_begin_first(yibu_loop *loop, yibu_executor_kind kind, yibu_executor **ret_executor)
{
    defaults *d = NULL;
    int r = defaults_of(loop, &d);
    return r < 0 ? r : yb_default_begin(loop, kind, ret_executor);
}

void yb_default_end_last(yb_default_slot *s)
{
    (void)yibu_future_set_result(s->drained, 0);
    yibu_future_unref(s->drained);
    s->drained = NULL;
}

yibu_executor *yb_default_of(const yibu_loop *loop, yibu_executor_kind kind)
{
    yb_loop_part *part = loop->parts[YB_PART_DEFAULTS];
    return part ? yb_default_slot_of(part, kind)->executor : NULL;
}

/* Setting and getting. */

int yibu_loop_set_default_executor(yibu_loop *loop, yibu_executor *executor)
{
    defaults *d = NULL;
    int r = yb_loop_check(loop);
    if (r == 0 && !executor)
        r = -EINVAL;
    if (r == 0 && yb_engine_is_out_of_place())
        r = -ENOTSUP;
    if (r == 0)
        r = defaults_of(loop, &d);
    if (r != 0)
        return r;
    slot *s = &d->slots[executor->class->submit ? YIBU_EXECUTOR_THREADS : YIBU_EXECUTOR_PROCESSES];
    if (s->owned)
        return -EBUSY;
    s->executor = executor;
    return 0;
}

static int make_threads(yibu_loop *loop, yibu_executor **ret_executor)
{
    yibu_thread_pool_options options = {.size = sizeof(options),
                                        .max_workers = loop->options.max_threads,
                                        .exit_wait_ns = loop->options.exit_wait_ns};
    return yibu_thread_pool_executor_new(&options, ret_executor);
}

static int make(yibu_loop *loop, yibu_executor_kind kind, slot *s)
{
    if (yb_engine_is_out_of_place())
        return -ENOTSUP;
    int r = kind == YIBU_EXECUTOR_THREADS ? make_threads(loop, &s->executor)
                                          : yb_default_processes_new(loop, &s->executor);
    s->owned = r == 0;
    return r;
}

int yibu_loop_get_default_executor(yibu_loop *loop, yibu_executor_kind kind,
                                   yibu_executor **ret_executor)
{
    defaults *d = NULL;
    bool known = kind == YIBU_EXECUTOR_THREADS || kind == YIBU_EXECUTOR_PROCESSES;
    int r = yb_loop_check(loop);
    if (r == 0)
        r = known && ret_executor ? defaults_of(loop, &d) : -EINVAL;
    if (r == 0 && d->slots[kind].shut_down)
        r = YIBU_ESHUTDOWN;
    if (r == 0 && !d->slots[kind].executor)
        r = make(loop, kind, &d->slots[kind]);
    if (r == 0)
        *ret_executor = d->slots[kind].executor;
    return r;
}

/* Shutting down. */

static int wait_for_calls(slot *s, int64_t timeout_ns)
{
    if (s->under_way == 0)
        return 0;
    if (!s->drained)
        s->drained = yibu_create_future(NULL);
    if (!s->drained)
        return -ENOMEM;
    yibu_future *drained = yibu_future_ref(s->drained);
    yibu_timeout limit;
    int r = yibu_timeout_begin(&limit, timeout_ns);
    if (r == 0)
        r = (int)yibu_timeout_end(&limit, yibu_shield(drained));
    yibu_future_unref(drained);
    return r;
}

static int shut_down(slot *s, int64_t deadline_ns)
{
    s->shut_down = true;
    int64_t left_ns = deadline_ns == INT64_MAX ? YIBU_FOREVER : deadline_ns - yb_clock_now(NULL);
    int r = wait_for_calls(s, left_ns);
    if (r == 0 && s->executor)
        r = yibu_executor_shutdown(s->executor, true, false, left_ns);
    return r;
}

int yibu_loop_shutdown_default_executor(yibu_loop *loop, int64_t timeout_ns)
{
    defaults *d = NULL;
    int r = yb_loop_check(loop);
    yb_task *task = r == 0 ? yb_task_require(&r) : NULL;
    if (r == 0)
        r = defaults_of(loop, &d);
    if (r != 0)
        return r;
    int64_t deadline_ns = yb_deadline_after(yb_clock_now(NULL), timeout_ns);
    yb_scope shield = {.shield = true, .place = "yibu_loop_shutdown_default_executor"};
    yb_scope_enter(&shield, task);
    for (int kind = 0; kind < YB_EXECUTOR_KINDS; kind++) {
        int failure = shut_down(&d->slots[kind], deadline_ns);
        r = r == 0 ? failure : r;
    }
    yb_scope_leave(&shield);
    return r;
}
