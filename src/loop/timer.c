/* Timers in the caller's storage: a callback at a time, without an allocation.
 *
 * A timer is IDLE (`callback` is NULL; so is a zeroed one) or ARMED, in the wheel of `loop`.
 * Firing makes it idle before its callback runs, so the callback may start it again or free it. */
#include <errno.h>

#include "base/assert.h"
#include "loop/overseer.h"

/* What firing needs comes first: of a timer that was not touched for long, every cache line is
 * waited for. */
typedef struct callback_timer {
    yb_timer wheel;
    yibu_callback *callback;
    void *arg;
    yibu_loop *loop;
} callback_timer;

_Static_assert(sizeof(callback_timer) <= sizeof(yibu_timer),
               "yibu_timer has room for callback_timer");
_Static_assert(_Alignof(callback_timer) <= _Alignof(yibu_timer),
               "yibu_timer is aligned for callback_timer");

static callback_timer *view(yibu_timer *public_timer)
{
    return (callback_timer *)(void *)public_timer;
}

static void fire(yb_timer *wheel)
{
    callback_timer *t = YB_CONTAINER_OF(wheel, callback_timer, wheel);
    yibu_callback *callback = t->callback;
    t->callback = NULL;
    yb_callback_run(yb_loop_current, callback, t->arg);
}

static void disarm(callback_timer *t)
{
    yb_loop_check_thread(t->loop, "a timer was stopped");
    yb_loop_timer_remove(t->loop, &t->wheel);
    t->callback = NULL;
}

static int arm(yibu_loop *loop, callback_timer *t, int64_t when_ns, yibu_callback *callback,
               void *arg)
{
    if (t->callback)
        disarm(t);
    t->wheel.deadline_ns = when_ns < 0 ? 0 : when_ns;
    t->wheel.fire = fire;
    t->loop = loop;
    t->callback = callback;
    t->arg = arg;
    yb_loop_timer_add(loop, &t->wheel);
    return 0;
}

int yibu_timer_start_at(yibu_loop *loop, yibu_timer *timer, int64_t when_ns,
                        yibu_callback *callback, void *arg)
{
    int r = yb_loop_check(loop);
    if (YB_UNLIKELY(r < 0))
        return r;
    if (YB_UNLIKELY(!timer || !callback))
        return -EINVAL;
    return arm(loop, view(timer), when_ns, callback, arg);
}

int yibu_timer_start(yibu_loop *loop, yibu_timer *timer, int64_t delay_ns, yibu_callback *callback,
                     void *arg)
{
    int r = yb_loop_check(loop);
    if (YB_UNLIKELY(r < 0))
        return r;
    if (YB_UNLIKELY(!timer || !callback))
        return -EINVAL;
    return arm(loop, view(timer), yb_loop_deadline(loop, delay_ns), callback, arg);
}

bool yibu_timer_stop(yibu_timer *timer)
{
    if (!timer || !view(timer)->callback)
        return false;
    disarm(view(timer));
    return true;
}

bool yibu_timer_armed(const yibu_timer *timer)
{
    return timer && ((const callback_timer *)(const void *)timer)->callback;
}

int64_t yibu_timer_when(const yibu_timer *timer)
{
    if (!yibu_timer_armed(timer))
        return YIBU_FOREVER;
    return ((const callback_timer *)(const void *)timer)->wheel.deadline_ns;
}

void yb_timer_disarm_all(yibu_loop *loop)
{
    yb_timer *left;
    while ((left = yb_wheel_pop(&loop->timers, INT64_MAX))) {
        /* A simulation's network, and tasks that it dropped, may leave timers of their own. */
        YB_ASSERT(left->fire == fire || loop->backend->class->network);
        if (left->fire == fire)
            YB_CONTAINER_OF(left, callback_timer, wheel)->callback = NULL;
    }
}
