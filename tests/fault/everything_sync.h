/* Everything of the primitives that allocate, and of waiting for one of several: queues, select,
 * channels, limiters.  Whoever fails closes what the others wait at. */
#ifndef EVERYTHING_SYNC_H
#define EVERYTHING_SYNC_H

#include <errno.h>
#include <yibu/error.h>

#include "test.h"

enum { EVERYTHING_ITEMS = 100 };

static int everything_compare(const void *a, const void *b)
{
    return (a > b) - (a < b);
}

static intptr_t everything_put(void *arg)
{
    int r = 0;
    for (intptr_t i = 0; r == 0 && i < EVERYTHING_ITEMS; i++)
        r = yibu_queue_put(arg, (void *)i);
    yibu_queue_shutdown(arg, false);
    return r == YIBU_ESHUTDOWN ? 0 : r;
}

/* Takes what comes, by select and without; how many, or a failure. */
static intptr_t everything_take(yibu_queue *queue)
{
    void *item;
    intptr_t count = 0, r;
    do {
        yibu_case cases[] = {YIBU_CASE_AFTER(YIBU_SECONDS(5)), YIBU_CASE_GET(queue, &item)};
        r = count % 2 == 0 ? yibu_select(cases, 2) : yibu_queue_get(queue, &item);
        if (r == 1)
            r = cases[1].result;
        count += r == 0;
    } while (r == 0);
    yibu_queue_shutdown(queue, true);
    return r == YIBU_ESHUTDOWN ? count : r;
}

static intptr_t everything_queue_of(yibu_queue queue)
{
    yibu_task *putter = yibu_create_task(everything_put, &queue, NULL);
    if (!putter)
        yibu_queue_shutdown(&queue, true);
    intptr_t count = everything_take(&queue);
    intptr_t r = yibu_await(putter);
    yibu_task_unref(putter);
    yibu_queue_destroy(&queue);
    return r < 0 ? r : count < 0 ? count : count == EVERYTHING_ITEMS ? 0 : -EPROTO;
}

static intptr_t everything_queues(void)
{
    const yibu_queue kinds[] = {YIBU_QUEUE_INIT(0), YIBU_QUEUE_INIT(3), YIBU_LIFO_QUEUE_INIT(0),
                                YIBU_PRIORITY_QUEUE_INIT(8, everything_compare)};
    intptr_t r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        r = everything_queue_of(kinds[i]);
    return r;
}

static intptr_t everything_send(void *arg)
{
    int r = 0;
    for (intptr_t i = 0; r == 0 && i < 10; i++)
        r = yibu_channel_send(arg, (void *)i);
    yibu_channel_close(arg);
    return r;
}

static intptr_t everything_channel(void)
{
    yibu_channel *channel;
    void *item;
    int count = 0, r = yibu_channel_new(2, &channel);
    if (r < 0)
        return r;
    yibu_task *sender = yibu_create_task(everything_send, channel, NULL);
    if (!sender)
        yibu_channel_close(channel);
    while ((r = yibu_channel_receive(channel, &item)) == 0)
        count++;
    yibu_channel_close(channel);
    intptr_t sent = yibu_await(sender);
    yibu_task_unref(sender);
    yibu_channel_unref(channel);
    return sent < 0 ? sent : r != YIBU_ESHUTDOWN ? r : count == 10 ? 0 : -EPROTO;
}

static intptr_t everything_borrow(void *arg)
{
    int r = yibu_limiter_acquire(arg);
    if (r == 0)
        yibu_sleep(0);
    return r < 0 ? r : yibu_limiter_release(arg);
}

static intptr_t everything_limiter(void)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    if (!limiter)
        return -ENOMEM;
    yibu_task *tasks[] = {yibu_create_task(everything_borrow, limiter, NULL),
                          yibu_create_task(everything_borrow, limiter, NULL)};
    intptr_t r = 0;
    for (int i = 0; i < 2; i++) {
        intptr_t ended = yibu_await(tasks[i]);
        r = r < 0 ? r : ended;
        yibu_task_unref(tasks[i]);
    }
    yibu_limiter_free(limiter);
    return r;
}

#endif
