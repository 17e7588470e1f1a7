/* Callbacks: as soon as possible, later, from other threads.
 *
 * States of a handle: SCHEDULED (in the ready queue, or its timer armed) -> DONE (ran), or
 * CANCELLED.  The loop owns a reference while the handle is in one of its queues. */
#include <errno.h>

#include "base/memory.h"
#include "loop/overseer.h"

enum { SCHEDULED, CANCELLED, DONE };

struct yibu_handle {
    yb_runnable ready;
    yb_timer timer;
    yb_list links; /* in loop->calls while SCHEDULED */
    yibu_loop *loop;
    yibu_callback *callback;
    void *arg;
    unsigned references;
    uint8_t state;
    bool queued; /* in the ready queue rather than among the timers */
};

static void run_call(yb_runnable *item)
{
    yibu_handle *handle = YB_CONTAINER_OF(item, yibu_handle, ready);
    if (handle->state == SCHEDULED) {
        handle->state = DONE;
        yb_list_remove(&handle->links);
        yb_callback_run(handle->loop, handle->callback, handle->arg);
    }
    yibu_handle_unref(handle);
}

static void fire_call(yb_timer *timer)
{
    yibu_handle *handle = YB_CONTAINER_OF(timer, yibu_handle, timer);
    handle->queued = true;
    yb_loop_ready(handle->loop, &handle->ready);
}

static yibu_handle *new_handle(yibu_loop *loop, yibu_callback *callback, void *arg)
{
    yibu_handle *handle = yb_calloc(1, sizeof(*handle));
    if (!handle)
        return NULL;
    handle->ready.run = run_call;
    handle->timer.fire = fire_call;
    handle->loop = loop;
    handle->callback = callback;
    handle->arg = arg;
    handle->references = 1;
    yb_list_init(&handle->links);
    return handle;
}

static int schedule(yibu_loop *loop, int64_t when_ns, yibu_callback *callback, void *arg,
                    yibu_handle **ret_handle)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!callback)
        return -EINVAL;
    yibu_handle *handle = new_handle(loop, callback, arg);
    if (!handle)
        return -ENOMEM;
    yb_list_push_back(&loop->calls, &handle->links);
    if (when_ns < 0) {
        handle->queued = true;
        yb_loop_ready(loop, &handle->ready);
    } else {
        handle->timer.deadline_ns = when_ns;
        yb_loop_timer_add(loop, &handle->timer);
    }
    if (ret_handle) {
        handle->references++;
        *ret_handle = handle;
    }
    return 0;
}

int yibu_call_soon(yibu_loop *loop, yibu_callback *callback, void *arg, yibu_handle **ret_handle)
{
    return schedule(loop, -1, callback, arg, ret_handle);
}

int yibu_call_at(yibu_loop *loop, int64_t when_ns, yibu_callback *callback, void *arg,
                 yibu_handle **ret_handle)
{
    return schedule(loop, when_ns < 0 ? 0 : when_ns, callback, arg, ret_handle);
}

int yibu_call_later(yibu_loop *loop, int64_t delay_ns, yibu_callback *callback, void *arg,
                    yibu_handle **ret_handle)
{
    int r = yb_loop_check(loop);
    return r < 0 ? r : schedule(loop, yb_loop_deadline(loop, delay_ns), callback, arg, ret_handle);
}

/* A call from another thread, which cannot join loop->calls. */
typedef struct foreign_call {
    yb_runnable ready;
    yibu_loop *loop;
    yibu_callback *callback;
    void *arg;
} foreign_call;

static void run_foreign(yb_runnable *item)
{
    foreign_call call = *YB_CONTAINER_OF(item, foreign_call, ready);
    yb_free(YB_CONTAINER_OF(item, foreign_call, ready));
    if (!call.loop->closing)
        yb_callback_run(call.loop, call.callback, call.arg);
}

int yibu_call_soon_threadsafe(yibu_loop *loop, yibu_callback *callback, void *arg)
{
    if (!loop || !callback)
        return -EINVAL;
    foreign_call *call = yb_malloc(sizeof(*call));
    if (!call)
        return -ENOMEM;
    yb_loop_note_caller(loop);
    *call = (foreign_call){{NULL, run_foreign}, loop, callback, arg};
    yb_loop_post(loop, &call->ready);
    return 0;
}

void yibu_handle_cancel(yibu_handle *handle)
{
    if (!handle || handle->state != SCHEDULED)
        return;
    yb_loop_check_thread(handle->loop, "a call was cancelled");
    handle->state = CANCELLED;
    yb_list_remove(&handle->links);
    if (handle->queued)
        return; /* its turn in the ready queue drops the reference */
    yb_loop_timer_remove(handle->loop, &handle->timer);
    yibu_handle_unref(handle);
}

bool yibu_handle_cancelled(const yibu_handle *handle)
{
    return handle->state == CANCELLED;
}

int64_t yibu_handle_when(const yibu_handle *handle)
{
    return handle->timer.deadline_ns;
}

void yibu_handle_unref(yibu_handle *handle)
{
    if (handle && --handle->references == 0)
        yb_free(handle);
}

void yb_call_drop_all(yibu_loop *loop)
{
    while (!yb_list_empty(&loop->calls))
        yibu_handle_cancel(YB_CONTAINER_OF(loop->calls.next, yibu_handle, links));
}
