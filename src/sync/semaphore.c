/* A counting semaphore.
 *
 * Invariant: `value` > 0 only while nobody waits.  A release with waiters hands its permit to the
 * first of them at once, so nobody who comes later can take it away.  A task that was handed a
 * permit and is cancelled before it runs passes the permit on. */
#include "sync/semaphore.h"

#include <errno.h>
#include <yibu/semaphore.h>

typedef struct semaphore {
    yb_waiters waiters;
    size_t bound_plus_1; /* so that 0, from an initialiser, means none */
} semaphore;

_Static_assert(sizeof(semaphore) <= sizeof(((yibu_semaphore *)0)->reserved),
               "yibu_semaphore has room");

static inline semaphore *view(const yibu_semaphore *public_semaphore)
{
    return (semaphore *)(uintptr_t)public_semaphore->reserved;
}

static inline size_t bound_of(const yibu_semaphore *public_semaphore)
{
    return view(public_semaphore)->bound_plus_1 - 1;
}

static inline bool take(yibu_semaphore *s)
{
    if (s->value == 0)
        return false;
    s->value--;
    return true;
}

int yibu_semaphore_try_acquire(yibu_semaphore *s)
{
    return take(s) ? 0 : -EAGAIN;
}

int yibu_semaphore_release(yibu_semaphore *s)
{
    if (YB_UNLIKELY(s->value >= bound_of(s)))
        return -EINVAL;
    if (!yb_waiters_end_first(&view(s)->waiters, 0))
        s->value++;
    return 0;
}

bool yibu_semaphore_locked(const yibu_semaphore *s)
{
    return s->value == 0;
}

static int attempt(void *object, intptr_t *value)
{
    (void)value;
    return yibu_semaphore_try_acquire(object);
}

static yb_waiters *waiters_of(void *object)
{
    return &view(object)->waiters;
}

static void undo(void *object, intptr_t value)
{
    (void)value;
    (void)yibu_semaphore_release(object);
}

const yb_waitable_class yb_semaphore_class = {
    .wait = {.name = "semaphore", .interrupt = yb_waiter_interrupt},
    .attempt = attempt,
    .waiters = waiters_of,
    .undo = undo,
};

int yibu_semaphore_acquire(yibu_semaphore *s)
{
    int r;
    intptr_t none = 0;
    yb_task *task = yb_task_enter(&r);
    if (!task || take(s))
        return r;
    return yb_wait_on(&yb_semaphore_class, s, task, &none);
}

void yibu_semaphore_statistics(const yibu_semaphore *s, yibu_semaphore_stats *ret_stats)
{
    *ret_stats = (yibu_semaphore_stats){
        .value = s->value,
        .bound = bound_of(s),
        .waiting = yb_waiters_count(&view(s)->waiters),
    };
}
