/* Waiting for one of several things: the first that can happen does, and nothing else.
 *
 *     void *job;
 *     yibu_case cases[] = {
 *         YIBU_CASE_EVENT(&stop),
 *         YIBU_CASE_GET(&jobs, &job),
 *         YIBU_CASE_AFTER(YIBU_SECONDS(5)),
 *     };
 *     switch (yibu_select(cases, 3)) { … }
 */
#ifndef YIBU_SELECT_H
#define YIBU_SELECT_H

#include <yibu/base.h>
#include <yibu/event.h>
#include <yibu/future.h>
#include <yibu/lock.h>
#include <yibu/queue.h>
#include <yibu/semaphore.h>

/* What a case is: the YIBU_CASE_ macros say what each does. */
typedef enum yibu_case_kind {
    YIBU_CASE_KIND_NEVER,
    YIBU_CASE_KIND_GET,
    YIBU_CASE_KIND_PUT,
    YIBU_CASE_KIND_AWAIT,
    YIBU_CASE_KIND_EVENT,
    YIBU_CASE_KIND_LOCK,
    YIBU_CASE_KIND_SEMAPHORE,
    YIBU_CASE_KIND_AFTER,
    YIBU_CASE_KIND_AT,
    YIBU_CASE_KIND_DEFAULT
} yibu_case_kind;

/* One thing that may happen.  Made by a macro; all bytes zero never happens. */
typedef struct yibu_case {
    yibu_case_kind kind;
    void *object;
    union {
        void *item;
        void **ret_item;
        int64_t time_ns;
    } with;
    intptr_t result; /* of the case that happened: what the call of its kind would have returned */
} yibu_case;

YIBU_BEGIN_DECLS

/* Waits until one of the cases can happen, and lets it happen: exactly that one.  Of several that
 * can, the one that stands first does.  No other case leaves a trace: no item, permit or lock is
 * taken, no future cancelled.  Without any case, waits until it is cancelled.
 * Checkpoint, but never suspends, and notices no cancel, where one case is YIBU_CASE_DEFAULT.
 * Cancel: either a case had happened, and is reported, or nothing has.
 * The array is read and written by this call alone; only the result of the case that happened is.
 * Returns its index, -ECANCELED, YIBU_ENOTASK, -ENOMEM, or -EINVAL for what is no case; nothing has
 * happened then. */
YIBU_API ssize_t yibu_select(yibu_case *cases, size_t count);

static inline yibu_case yibu_case_(yibu_case_kind kind, void *object)
{
    yibu_case made;
    made.kind = kind;
    made.object = object;
    made.with.time_ns = 0;
    made.result = 0;
    return made;
}

static inline yibu_case yibu_case_get_(yibu_queue *queue, void **ret_item)
{
    yibu_case made = yibu_case_(YIBU_CASE_KIND_GET, queue);
    made.with.ret_item = ret_item;
    return made;
}

static inline yibu_case yibu_case_put_(yibu_queue *queue, void *item)
{
    yibu_case made = yibu_case_(YIBU_CASE_KIND_PUT, queue);
    made.with.item = item;
    return made;
}

static inline yibu_case yibu_case_await_(yibu_future *future)
{
    return yibu_case_(YIBU_CASE_KIND_AWAIT, future);
}

static inline yibu_case yibu_case_event_(yibu_event *event)
{
    return yibu_case_(YIBU_CASE_KIND_EVENT, event);
}

static inline yibu_case yibu_case_lock_(yibu_lock *lock)
{
    return yibu_case_(YIBU_CASE_KIND_LOCK, lock);
}

static inline yibu_case yibu_case_semaphore_(yibu_semaphore *semaphore)
{
    return yibu_case_(YIBU_CASE_KIND_SEMAPHORE, semaphore);
}

static inline yibu_case yibu_case_time_(yibu_case_kind kind, int64_t time_ns)
{
    yibu_case made = yibu_case_(kind, NULL);
    made.with.time_ns = time_ns;
    return made;
}

YIBU_END_DECLS

/* An item is taken from the queue, into *ret_item; or the queue is shut down (YIBU_ESHUTDOWN). */
#define YIBU_CASE_GET(QUEUE, RET_ITEM) yibu_case_get_((QUEUE), (RET_ITEM))

/* The item is put into the queue; or the queue is shut down (YIBU_ESHUTDOWN). */
#define YIBU_CASE_PUT(QUEUE, ITEM) yibu_case_put_((QUEUE), (ITEM))

/* The future, or task, has ended: its result.  It is not cancelled where it has not.  For NULL, at
 * once, -ENOMEM. */
#define YIBU_CASE_AWAIT(FUTURE) yibu_case_await_(FUTURE)

/* The event is set. */
#define YIBU_CASE_EVENT(EVENT) yibu_case_event_(EVENT)

/* The lock or the permit of the semaphore is taken: it is the caller's to release. */
#ifdef __cplusplus
static inline yibu_case yibu_case_acquire_(yibu_lock *lock)
{
    return yibu_case_lock_(lock);
}
static inline yibu_case yibu_case_acquire_(yibu_semaphore *semaphore)
{
    return yibu_case_semaphore_(semaphore);
}
#define YIBU_CASE_ACQUIRE(OBJECT) yibu_case_acquire_(OBJECT)
#else
#define YIBU_CASE_ACQUIRE(OBJECT)                \
    _Generic((OBJECT), yibu_lock *               \
             : yibu_case_lock_, yibu_semaphore * \
             : yibu_case_semaphore_)(OBJECT)
#endif

/* So much time has passed since the call, at once for 0 or less. */
#define YIBU_CASE_AFTER(DELAY_NS) yibu_case_time_(YIBU_CASE_KIND_AFTER, (DELAY_NS))

/* The loop's clock (yibu_loop_time) has reached when_ns. */
#define YIBU_CASE_AT(WHEN_NS) yibu_case_time_(YIBU_CASE_KIND_AT, (WHEN_NS))

/* None of the others can happen now. */
#define YIBU_CASE_DEFAULT yibu_case_(YIBU_CASE_KIND_DEFAULT, NULL)

/* Never happens: to leave a case out and keep the indices of the others. */
#define YIBU_CASE_NEVER yibu_case_(YIBU_CASE_KIND_NEVER, NULL)

#endif
