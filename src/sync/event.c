/* An event: unset or set, and the tasks that wait for it to be set.
 *
 * Setting it wakes every task that waits at that moment; each of them has then succeeded, whatever
 * becomes of the event before it runs. */
#include <errno.h>
#include <yibu/event.h>

#include "sync/event.h"

typedef struct event {
    uintptr_t set;
    yb_waiters waiters;
} event;

_Static_assert(sizeof(event) <= sizeof(yibu_event), "yibu_event has room");

static event *view(const yibu_event *public_event)
{
    return (event *)(uintptr_t)public_event->reserved;
}

static int attempt(void *object, intptr_t *value)
{
    (void)value;
    return view(object)->set ? 0 : -EAGAIN;
}

static yb_waiters *waiters_of(void *object)
{
    return &view(object)->waiters;
}

const yb_waitable_class yb_event_class = {
    .wait = {.name = "event", .interrupt = yb_waiter_interrupt},
    .attempt = attempt,
    .waiters = waiters_of,
};

void yibu_event_set(yibu_event *public_event)
{
    event *e = view(public_event);
    e->set = true;
    while (yb_waiters_end_first(&e->waiters, 0))
        ;
}

void yibu_event_clear(yibu_event *public_event)
{
    view(public_event)->set = false;
}

bool yibu_event_is_set(const yibu_event *public_event)
{
    return view(public_event)->set;
}

int yibu_event_wait(yibu_event *public_event)
{
    int r;
    intptr_t none = 0;
    yb_task *task = yb_task_enter(&r);
    if (!task || view(public_event)->set)
        return r;
    return yb_wait_on(&yb_event_class, public_event, task, &none);
}

void yibu_event_statistics(const yibu_event *public_event, yibu_event_stats *ret_stats)
{
    const event *e = view(public_event);
    *ret_stats = (yibu_event_stats){
        .set = e->set,
        .waiting = yb_waiters_count(&e->waiters),
    };
}
