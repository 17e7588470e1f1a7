/* Tasks that make one call of a queue each, for the tests of queues and of select. */
#ifndef QUEUE_CALLERS_H
#define QUEUE_CALLERS_H

#include <errno.h>

#include "test.h"

/* Items are small numbers; 0 is an item like any other. */
#define ITEM(N) ((void *)(intptr_t)(N))
#define NO_ITEM ITEM(-1)

typedef struct caller {
    yibu_queue *queue;
    void *item;
    yibu_task *task;
} caller;

static inline intptr_t call_get(void *arg)
{
    caller *c = arg;
    return yibu_queue_get(c->queue, &c->item);
}

static inline intptr_t call_put(void *arg)
{
    caller *c = arg;
    return yibu_queue_put(c->queue, c->item);
}

static inline intptr_t call_join(void *arg)
{
    return yibu_queue_join(((caller *)arg)->queue);
}

static inline void start_call(caller *c, yibu_coroutine *call, yibu_queue *queue, void *item)
{
    c->queue = queue;
    c->item = item;
    c->task = yibu_create_task(call, c, NULL);
    assert_non_null(c->task);
}

/* Lets everything that is ready run. */
static inline void let_run(void)
{
    assert_int_equal(yibu_sleep(0), 0);
}

static inline void start_get(caller *c, yibu_queue *queue)
{
    start_call(c, call_get, queue, NO_ITEM);
    let_run();
}

static inline void start_put(caller *c, yibu_queue *queue, int item)
{
    start_call(c, call_put, queue, ITEM(item));
    let_run();
}

static inline void start_join(caller *c, yibu_queue *queue)
{
    start_call(c, call_join, queue, NO_ITEM);
    let_run();
}

/* Waits for the call and checks what it returned. */
static inline void assert_returns(caller *c, intptr_t expected)
{
    assert_int_equal(yibu_await(c->task), expected);
    yibu_task_unref(c->task);
}

static inline void assert_gets(caller *c, int item)
{
    assert_returns(c, 0);
    assert_ptr_equal(c->item, ITEM(item));
}

static inline void assert_waits(const caller *c)
{
    assert_false(yibu_task_done(c->task));
}

/* Calls of the running task's own. */

static inline void put_items(yibu_queue *queue, int first, int last)
{
    for (int i = first; i <= last; i++)
        assert_int_equal(yibu_queue_put(queue, ITEM(i)), 0);
}

static inline void assert_next(yibu_queue *queue, int item)
{
    void *got = NO_ITEM;
    assert_int_equal(yibu_queue_get(queue, &got), 0);
    assert_ptr_equal(got, ITEM(item));
}

static inline void assert_try_next(yibu_queue *queue, int item)
{
    void *got = NO_ITEM;
    assert_int_equal(yibu_queue_try_get(queue, &got), 0);
    assert_ptr_equal(got, ITEM(item));
}

static inline void assert_no_item(yibu_queue *queue, int reason)
{
    void *got = NO_ITEM;
    assert_int_equal(yibu_queue_try_get(queue, &got), reason);
    assert_ptr_equal(got, NO_ITEM);
}

#endif
