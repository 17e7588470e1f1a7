/* Waiting for a future of no thread: a task by the operation in its header, a thread by a futex.
 *
 * A task that waits needs no memory.  The operation's room holds the ending that is enlisted with
 * the future, and the runnable that it posts to the task's loop; a cancel of the operation takes it
 * out of the line where it is not late for that. */
#include <errno.h>
#include <yibu/error.h>
#include <yibu/timeout.h>

#include "base/deadline.h"
#include "platform/backend.h"
#include "platform/futex.h"
#include "task/concurrent_future.h"
#include "task/scope.h"
#include "task/task.h"

typedef struct attendance {
    yb_ending ending;
    yb_runnable posted;
} attendance;

_Static_assert(sizeof(attendance) <= sizeof(((yb_op *)0)->custom_room), "an operation has room");

static attendance *attendance_of(yb_op *op)
{
    return (attendance *)(void *)op->custom_room;
}

static yb_op *op_of(attendance *a)
{
    return YB_CONTAINER_OF(a, yb_op, custom_room);
}

static void arrive(yb_runnable *item)
{
    yb_op_complete(op_of(YB_CONTAINER_OF(item, attendance, posted)), 0);
}

static void post(yb_ending *ending, yibu_concurrent_future *future)
{
    (void)future;
    attendance *a = YB_CONTAINER_OF(ending, attendance, ending);
    yb_loop_post(op_of(a)->loop, &a->posted);
}

static bool leave(yb_op *op)
{
    return yb_concurrent_future_leave(op->custom_data, &attendance_of(op)->ending);
}

/* 0 once it is done, or -ECANCELED. */
static int attend(yb_task *task, yibu_concurrent_future *future)
{
    const yb_concurrent_class *class = future->class;
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    attendance *a = attendance_of(op);
    a->ending.ended = post;
    a->posted.run = arrive;
    yb_op_begin_custom(task->future.loop, op, leave, future);
    if (!yb_concurrent_future_attend(future, &a->ending)) {
        yb_op_unbegin_custom(op);
        return 0;
    }
    if (class->before_suspending)
        class->before_suspending(future);
    int r = (int)yb_task_wait_op(task);
    if (class->after_suspending)
        class->after_suspending(future);
    return r;
}

static int attend_for(yb_task *task, yibu_concurrent_future *future, int64_t timeout_ns)
{
    yibu_timeout limit;
    if (timeout_ns == YIBU_FOREVER)
        return attend(task, future);
    int r = yibu_timeout_begin(&limit, timeout_ns);
    return r < 0 ? r : (int)yibu_timeout_end(&limit, attend(task, future));
}

/* Cancels wait meanwhile. */
static void outlast_in_task(yb_task *task, yibu_concurrent_future *future)
{
    yb_scope shield = {.shield = true, .place = "yibu_concurrent_future_result"};
    yb_scope_enter(&shield, task);
    (void)attend(task, future);
    yb_scope_leave(&shield);
}

YB_THREAD_LOCAL const yb_blocking *yb_blocking_here;

static int block(yibu_concurrent_future *future, int64_t deadline_ns)
{
    uint32_t pending = YB_CONCURRENT_PENDING;
    (void)atomic_compare_exchange_strong(&future->state, &pending, YB_CONCURRENT_AWAITED);
    while (!yibu_concurrent_future_done(future))
        if (!yb_futex_wait_until(&future->state, YB_CONCURRENT_AWAITED, deadline_ns) &&
            !yibu_concurrent_future_done(future))
            return -ETIMEDOUT;
    return 0;
}

static int block_and_look(yibu_concurrent_future *future, int64_t deadline_ns,
                          const yb_blocking *blocking)
{
    int64_t until_ns;
    int r;
    do {
        until_ns = blocking->look();
        r = block(future, until_ns < deadline_ns ? until_ns : deadline_ns);
    } while (r < 0 && until_ns < deadline_ns);
    return r;
}

static int wait_in_thread(yibu_concurrent_future *future, int64_t timeout_ns)
{
    int64_t deadline_ns = yb_deadline_after(yb_clock_now(NULL), timeout_ns);
    const yb_blocking *blocking = yb_blocking_here;
    int r = future->class->before_blocking ? future->class->before_blocking(future) : 0;
    if (r < 0 || !blocking)
        return r < 0 ? r : block(future, deadline_ns);
    if (yibu_concurrent_future_done(future))
        return 0;
    r = blocking->begin(future);
    if (r == 0) {
        r = block_and_look(future, deadline_ns, blocking);
        blocking->end();
    }
    return r;
}

int yb_concurrent_future_wait(yibu_concurrent_future *future, int64_t timeout_ns)
{
    int r = yb_task_current ? yb_task_checkpoint(yb_task_current) : 0;
    if (r < 0 || yibu_concurrent_future_done(future))
        return r;
    if (yb_concurrent_future_forked(future))
        return YIBU_EFORKED;
    if (yb_task_current)
        return attend_for(yb_task_current, future, timeout_ns);
    if (yb_forked() || (yb_loop_current && yb_loop_current->running))
        return yb_task_missing();
    return timeout_ns <= 0 ? -ETIMEDOUT : wait_in_thread(future, timeout_ns);
}

void yb_concurrent_future_outlast(yibu_concurrent_future *future)
{
    if (yb_task_current)
        outlast_in_task(yb_task_current, future);
    else if (wait_in_thread(future, YIBU_FOREVER) < 0)
        (void)block(future, INT64_MAX); /* whoever must be waited for is, come what may */
}

/* A cancel of the waiting task is passed on. */
intptr_t yibu_concurrent_future_result(yibu_concurrent_future *future, int64_t timeout_ns)
{
    bool was_cancelled = yb_task_current && yb_task_cancel_pending(yb_task_current);
    int r = yb_concurrent_future_wait(future, timeout_ns);
    if (r == -ECANCELED && !was_cancelled) {
        (void)yibu_concurrent_future_cancel(future);
        if (future->class->outlasts_cancel) {
            yb_concurrent_future_outlast(future);
            r = 0;
        }
    }
    return r < 0 ? r : future->result;
}
