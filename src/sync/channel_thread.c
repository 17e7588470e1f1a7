/* Threads that wait for a channel: each on a word of its own. */
#include <errno.h>

#include "base/deadline.h"
#include "platform/backend.h"
#include "platform/futex.h"
#include "sync/channel.h"

typedef struct thread_waiter {
    yb_channel_waiter base;
    _Atomic(uint32_t) woken;
} thread_waiter;

/* The store is the last access: the waiter's thread may go on at once, and its stack with it. */
static void wake(yb_channel_waiter *waiter)
{
    _Atomic(uint32_t) *woken = &YB_CONTAINER_OF(waiter, thread_waiter, base)->woken;
    atomic_store(woken, 1);
    yb_futex_wake(woken);
}

/* Sleeps until it is woken or the time has come. */
static bool sleep_until_woken(thread_waiter *waiter, int64_t deadline_ns)
{
    while (!atomic_load(&waiter->woken))
        if (!yb_futex_wait_until(&waiter->woken, 0, deadline_ns))
            return false;
    return true;
}

static void wait_to_be_woken(thread_waiter *waiter)
{
    (void)sleep_until_woken(waiter, INT64_MAX);
}

int yb_channel_wait_in_thread(yibu_channel *channel, yb_channel_waiter *waiter, int64_t timeout_ns)
{
    thread_waiter here = {.base = *waiter};
    here.base.wake = wake;
    int64_t start_ns = yb_clock_now(NULL);
    int64_t deadline_ns = yb_deadline_after(start_ns, timeout_ns);
    int r = yb_channel_attempt_patiently(channel, &here.base);
    bool timed_out = false, in_front = false;
    while (r == -EAGAIN && !timed_out) {
        atomic_store_explicit(&here.woken, 0, memory_order_relaxed);
        r = yb_channel_attempt_or_join(channel, &here.base, in_front);
        if (r != -EAGAIN)
            break;
        timed_out = !sleep_until_woken(&here, deadline_ns);
        if (timed_out && yb_channel_leave(channel, &here.base))
            break;
        if (timed_out)
            wait_to_be_woken(&here);
        r = yb_channel_attempt(channel, &here.base);
        in_front = true;
    }
    yb_patience_learn(&yb_channel_line_of(channel, waiter)->patience,
                      yb_clock_now(NULL) - start_ns);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}
