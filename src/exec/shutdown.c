/* Shutting down, and waiting for the end of that.
 *
 * Whoever waits, waits for STOPPED: threads by the executor's condition, tasks by the operation in
 * their header, enlisted among the watchers.  A watcher whose time is over takes itself out, under
 * the lock, unless it was told first. */
#include "exec/shutdown.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <yibu/error.h>
#include <yibu/timeout.h>

#include "base/assert.h"
#include "base/deadline.h"
#include "exec/function.h"
#include "task/scope.h"
#include "task/task.h"

typedef struct watcher {
    yb_list links;
    yb_runnable posted;
    bool told;
} watcher;

_Static_assert(sizeof(watcher) <= sizeof(((yb_op *)0)->custom_room), "an operation has room");

static yb_op *op_of(watcher *self)
{
    return YB_CONTAINER_OF(self, yb_op, custom_room);
}

void yb_shutdown_wake(yibu_executor *e)
{
    pthread_cond_broadcast(&e->changed);
    for (yb_list *item; (item = yb_list_pop_front(&e->watchers));) {
        watcher *self = YB_CONTAINER_OF(item, watcher, links);
        self->told = true;
        yb_loop_post(op_of(self)->loop, &self->posted);
    }
}

static void arrive(yb_runnable *item)
{
    yb_op_complete(op_of(YB_CONTAINER_OF(item, watcher, posted)), 0);
}

static bool leave(yb_op *op)
{
    yibu_executor *e = op->custom_data;
    watcher *self = (watcher *)(void *)op->custom_room;
    pthread_mutex_lock(&e->lock);
    bool waits = !self->told;
    if (waits)
        yb_list_unlink(&self->links);
    pthread_mutex_unlock(&e->lock);
    return waits;
}

/* 0, or -ECANCELED where its time is over. */
static int watch(yibu_executor *e, yb_task *task)
{
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    watcher *self = (watcher *)(void *)op->custom_room;
    self->posted.run = arrive;
    yb_op_begin_custom(task->future.loop, op, leave, e);
    pthread_mutex_lock(&e->lock);
    bool waits = e->state != YB_ENGINE_STOPPED;
    if (waits)
        yb_list_push_back(&e->watchers, &self->links);
    pthread_mutex_unlock(&e->lock);
    if (waits)
        return (int)yb_task_wait_op(task);
    yb_op_unbegin_custom(op);
    return 0;
}

static int watch_for(yibu_executor *e, yb_task *task, int64_t timeout_ns)
{
    yibu_timeout limit;
    if (timeout_ns == YIBU_FOREVER)
        return watch(e, task);
    int r = yibu_timeout_begin(&limit, timeout_ns);
    return r < 0 ? r : (int)yibu_timeout_end(&limit, watch(e, task));
}

/* Must finish: cancels wait meanwhile. */
static int wait_in_task(yibu_executor *e, yb_task *task, int64_t timeout_ns)
{
    yb_scope shield = {.shield = true, .place = "yibu_executor_shutdown"};
    yb_scope_enter(&shield, task);
    int r = watch_for(e, task, timeout_ns);
    yb_scope_leave(&shield);
    return r;
}

static int wait_in_thread(yibu_executor *e, int64_t timeout_ns)
{
    int64_t deadline_ns = yb_deadline_after(yb_clock_now(NULL), timeout_ns);
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                .tv_nsec = (long)(deadline_ns % 1000000000)};
    int r = 0;
    pthread_mutex_lock(&e->lock);
    while (e->state != YB_ENGINE_STOPPED && r == 0)
        r = deadline_ns == INT64_MAX ? pthread_cond_wait(&e->changed, &e->lock)
                                     : pthread_cond_timedwait(&e->changed, &e->lock, &deadline);
    bool stopped = e->state == YB_ENGINE_STOPPED;
    pthread_mutex_unlock(&e->lock);
    return stopped ? 0 : -ETIMEDOUT;
}

bool yb_shutdown_look(yibu_executor *e, int64_t timeout_ns)
{
    return wait_in_thread(e, timeout_ns) == 0;
}

static bool stopped(yibu_executor *e)
{
    pthread_mutex_lock(&e->lock);
    bool is = e->state == YB_ENGINE_STOPPED;
    pthread_mutex_unlock(&e->lock);
    return is;
}

static bool at_home(yibu_executor *e)
{
    return yb_loop_current && yb_loop_current == atomic_load(&e->home);
}

static int wait_for_stop(yibu_executor *e, int64_t timeout_ns)
{
    if (stopped(e))
        return 0;
    if (yb_function_within(e))
        return -EDEADLK;
    if (yb_task_current)
        return wait_in_task(e, yb_task_current, timeout_ns);
    if (yb_loop_current && yb_loop_current->running)
        return YIBU_ENOTASK;
    return at_home(e) ? -EDEADLK : wait_in_thread(e, timeout_ns);
}

void yb_shutdown_report_rest(yibu_executor *e)
{
    char line[256], names[160], message[480];
    if (yibu_executor_describe(e, line, sizeof(line)) < 0)
        return;
    yb_submissions_name_running(e, names, sizeof(names));
    snprintf(message, sizeof(message), "an executor did not end in time: %s%s%s", line,
             names[0] ? "; what runs: " : "", names);
    if (yb_loop_current)
        yb_loop_report_text(yb_loop_current, -ETIMEDOUT, message);
    else
        yibu_loop_default_exception_handler(NULL, message, -ETIMEDOUT, NULL);
}

int yibu_executor_shutdown(yibu_executor *e, bool wait, bool cancel_futures, int64_t timeout_ns)
{
    if (!e)
        return -EINVAL;
    if (yb_engine_forked(e))
        return YIBU_EFORKED;
    yb_engine_close(e, YIBU_ESHUTDOWN, cancel_futures);
    int r = wait ? wait_for_stop(e, timeout_ns) : 0;
    if (r == -ETIMEDOUT)
        yb_shutdown_report_rest(e);
    return r;
}

/* The loop does not run while its thread is here. */
static void end_at_home(yibu_executor *e)
{
    yb_engine_close(e, YIBU_ESHUTDOWN, false);
    e->class->end(e);
    YB_ASSERT(stopped(e));
}

void yibu_executor_free(yibu_executor *e)
{
    if (!e || yb_engine_forked(e))
        return;
    if (at_home(e) && !yb_loop_current->running)
        end_at_home(e);
    int r = yibu_executor_shutdown(e, true, false, YIBU_FOREVER);
    if (r == -EDEADLK)
        yb_abort("the executor \"%s\" was freed by a function that it runs", e->name);
    if (r < 0)
        yb_abort("the executor \"%s\" was freed in a callback of a loop, which cannot wait",
                 e->name);
    e->class->free(e);
}
