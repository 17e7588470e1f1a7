/* An event: unset or set, and the tasks that wait for it to be set.
 *
 * Setting it wakes every task that waits at that moment; each of them has then succeeded, whatever
 * becomes of the event before it runs. */
#include <yibu/event.h>

#include "sync/waiters.h"

typedef struct event {
    uintptr_t set;
    yb_waiters waiters;
} event;

_Static_assert(sizeof(event) <= sizeof(yibu_event), "yibu_event has room");

static event *view(const yibu_event *public_event)
{
    return (event *)(uintptr_t)public_event->reserved;
}

void yibu_event_set(yibu_event *public_event)
{
    event *e = view(public_event);
    e->set = true;
    while (yb_waiters_wake_first(&e->waiters))
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
    event *e = view(public_event);
    int r;
    yibu_task *task = yb_task_enter(&r);
    if (!task || e->set)
        return r;
    return yb_waiters_wait(&e->waiters, task);
}
