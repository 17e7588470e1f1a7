/* Queues: who puts, gets and waits.
 *
 * Invariants, at any time at which other code runs:
 *   tasks wait in `getters` only while the queue is empty, in `putters` only while it has maxsize
 *   items, in `joiners` only while `unfinished` is positive;
 *   once it is shut down nobody waits in `getters` or `putters`, and `limit` is 0.
 * So whoever comes may look at the items alone: where there is one, nobody has waited longer for
 * it.  A put hands its item to the first getter, and a get takes the item of the first putter in,
 * at once; the waiter is out of its list then, and a cancel that follows finds nothing to undo.
 *
 * `unfinished` counts the items that were put and not reported as done. */
#include <errno.h>
#include <stdio.h>
#include <yibu/error.h>

#include "sync/queue.h"
#include "sync/queue_store.h"

static void *item_of(intptr_t value)
{
    return (void *)value;
}

/* A put that finds no room below the limit: 0 once there is room. */
static __attribute__((noinline)) int extend(yb_queue *q)
{
    return q->shut_down ? YIBU_ESHUTDOWN : yb_queue_store_extend(q);
}

/* Does not wait: -EAGAIN where the queue is full. */
static inline int put(yb_queue *q, void *item)
{
    if (yb_waiters_end_first(&q->getters, (intptr_t)item)) {
        q->unfinished++;
        return 0;
    }
    if (YB_UNLIKELY(q->size >= q->limit)) {
        int r = extend(q);
        if (r < 0)
            return r;
    }
    yb_queue_store_push(q, item);
    q->unfinished++;
    return 0;
}

/* Takes the item of whoever has waited longest to put one in: there is room. */
static void take_in(yb_queue *q)
{
    yb_waiter *putter = yb_waiters_first(&q->putters);
    yb_queue_store_push(q, item_of(putter->value));
    q->unfinished++;
    yb_waiter_end(putter, 0, 0);
}

/* Does not wait: -EAGAIN where the queue is empty. */
static inline int get(yb_queue *q, void **ret_item)
{
    if (YB_UNLIKELY(q->size == 0))
        return q->shut_down ? YIBU_ESHUTDOWN : -EAGAIN;
    *ret_item = yb_queue_store_pop(q);
    if (!yb_waiters_empty(&q->putters))
        take_in(q);
    else if (YB_UNLIKELY(q->size < q->shrink_below))
        yb_queue_store_shrink(q);
    return 0;
}

/* What select and the calls that suspend wait with. */

static int attempt_put(void *object, intptr_t *value)
{
    return put(yb_queue_of(object), item_of(*value));
}

static int attempt_get(void *object, intptr_t *value)
{
    void *item;
    int r = get(yb_queue_of(object), &item);
    if (r == 0)
        *value = (intptr_t)item;
    return r;
}

static yb_waiters *putters_of(void *object)
{
    return &yb_queue_of(object)->putters;
}

static yb_waiters *getters_of(void *object)
{
    return &yb_queue_of(object)->getters;
}

static yb_waiters *joiners_of(void *object)
{
    return &yb_queue_of(object)->joiners;
}

static const yb_queue *awaited_by(const yb_task *task)
{
    return yb_queue_of(task->wait.waiter.object);
}

static void describe_put(const yb_task *task, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "room in a queue of %zu", awaited_by(task)->maxsize);
}

static void describe_get(const yb_task *task, char *ret_text, size_t size)
{
    (void)task;
    snprintf(ret_text, size, "an item of a queue");
}

static void describe_join(const yb_task *task, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "a queue's unfinished tasks: %zu", awaited_by(task)->unfinished);
}

const yb_waitable_class yb_queue_put_class = {
    .wait = {.name = "queue put", .interrupt = yb_waiter_interrupt, .describe = describe_put},
    .attempt = attempt_put,
    .waiters = putters_of,
};

const yb_waitable_class yb_queue_get_class = {
    .wait = {.name = "queue get", .interrupt = yb_waiter_interrupt, .describe = describe_get},
    .attempt = attempt_get,
    .waiters = getters_of,
};

static const yb_waitable_class joining = {
    .wait = {.name = "queue join", .interrupt = yb_waiter_interrupt, .describe = describe_join},
    .waiters = joiners_of,
};

/* Apart, so that the calls which do not wait keep few registers. */
static __attribute__((noinline)) int wait_to_put(yibu_queue *queue, yb_task *task, void *item)
{
    intptr_t value = (intptr_t)item;
    return yb_wait_on(&yb_queue_put_class, queue, task, &value);
}

static __attribute__((noinline)) int wait_to_get(yibu_queue *queue, yb_task *task, void **ret_item)
{
    intptr_t value = 0;
    int r = yb_wait_on(&yb_queue_get_class, queue, task, &value);
    if (r == 0)
        *ret_item = item_of(value);
    return r;
}

int yibu_queue_put(yibu_queue *queue, void *item)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (YB_UNLIKELY(!task))
        return r;
    r = put(yb_queue_of(queue), item);
    return YB_LIKELY(r != -EAGAIN) ? r : wait_to_put(queue, task, item);
}

int yibu_queue_get(yibu_queue *queue, void **ret_item)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (YB_UNLIKELY(!task))
        return r;
    r = get(yb_queue_of(queue), ret_item);
    return YB_LIKELY(r != -EAGAIN) ? r : wait_to_get(queue, task, ret_item);
}

int yibu_queue_try_put(yibu_queue *queue, void *item)
{
    return put(yb_queue_of(queue), item);
}

int yibu_queue_try_get(yibu_queue *queue, void **ret_item)
{
    return get(yb_queue_of(queue), ret_item);
}

/* So many items are done. */
static void finish(yb_queue *q, size_t count)
{
    q->unfinished -= count;
    if (q->unfinished == 0)
        while (yb_waiters_end_first(&q->joiners, 0))
            ;
}

int yibu_queue_task_done(yibu_queue *queue)
{
    yb_queue *q = yb_queue_of(queue);
    if (q->unfinished == 0)
        return -EINVAL;
    finish(q, 1);
    return 0;
}

int yibu_queue_join(yibu_queue *queue)
{
    int r;
    intptr_t none = 0;
    yb_task *task = yb_task_enter(&r);
    if (!task || yb_queue_of(queue)->unfinished == 0)
        return r;
    return yb_wait_on(&joining, queue, task, &none);
}

static void turn_away(yb_waiters *waiters)
{
    while (!yb_waiters_empty(waiters))
        yb_waiter_end(yb_waiters_first(waiters), 0, YIBU_ESHUTDOWN);
}

/* An item that a user reported as done although it is still there is not counted twice. */
static void drop_items(yb_queue *q)
{
    size_t count = q->size < q->unfinished ? q->size : q->unfinished;
    yb_queue_store_free(q);
    finish(q, count);
}

void yibu_queue_shutdown(yibu_queue *queue, bool immediate)
{
    yb_queue *q = yb_queue_of(queue);
    q->shut_down = true;
    q->limit = 0;
    turn_away(&q->getters);
    turn_away(&q->putters);
    if (immediate)
        drop_items(q);
}

size_t yibu_queue_qsize(const yibu_queue *queue)
{
    return yb_queue_of(queue)->size;
}

bool yibu_queue_empty(const yibu_queue *queue)
{
    return yb_queue_of(queue)->size == 0;
}

bool yibu_queue_full(const yibu_queue *queue)
{
    return queue->maxsize > 0 && yb_queue_of(queue)->size >= queue->maxsize;
}

size_t yibu_queue_maxsize(const yibu_queue *queue)
{
    return queue->maxsize;
}

void yibu_queue_statistics(const yibu_queue *queue, yibu_queue_stats *ret_stats)
{
    const yb_queue *q = yb_queue_of(queue);
    *ret_stats = (yibu_queue_stats){
        .qsize = q->size,
        .maxsize = q->maxsize,
        .getters = yb_waiters_count(&q->getters),
        .putters = yb_waiters_count(&q->putters),
        .joiners = yb_waiters_count(&q->joiners),
        .unfinished = q->unfinished,
        .shut_down = q->shut_down,
    };
}

void yibu_queue_destroy(yibu_queue *queue)
{
    yb_queue *q = yb_queue_of(queue);
    yibu_queue_stats stats;
    yibu_queue_statistics(queue, &stats);
    if (YB_UNLIKELY(stats.getters + stats.putters + stats.joiners > 0))
        yb_abort("a queue was destroyed while tasks wait for it: %zu to get, %zu to put, %zu to "
                 "join",
                 stats.getters, stats.putters, stats.joiners);
    yb_queue_store_free(q);
    q->unfinished = 0;
    q->shut_down = false;
}
