/* Queues for the tasks of one loop (asyncio.Queue, LifoQueue, PriorityQueue).
 *
 * First come, first served: an item goes to the task that has waited longest for one, room to the
 * task that has waited longest to put, and nobody who comes later gets in between.  What has
 * happened is reported: a get that was handed its item, or a put whose item was taken in, returns 0
 * whatever cancel comes after, so no item is lost or doubled.
 *
 * Not for several threads: see <yibu/channel.h>. */
#ifndef YIBU_QUEUE_H
#define YIBU_QUEUE_H

#include <yibu/base.h>

/* Orders the items of a priority queue: negative where a comes out before b, positive where after,
 * 0 where they come out in the order in which they were taken in.  Must neither suspend nor use the
 * queue. */
typedef int yibu_queue_compare(const void *a, const void *b);

/* In the caller's storage, which must stay in place while tasks wait or items are in it. */
typedef struct yibu_queue {
    size_t maxsize; /* 0: unbounded; read it, never write it */
    yibu_queue_compare *compare;
    uintptr_t order;
    uintptr_t reserved[21];
} yibu_queue;

/* How a queue stands. */
typedef struct yibu_queue_stats {
    size_t qsize, maxsize;
    size_t getters, putters; /* tasks that wait for an item, for room */
    size_t joiners;          /* tasks that wait in yibu_queue_join */
    size_t unfinished;       /* items that yibu_queue_task_done was not called for yet */
    bool shut_down;
    uintptr_t reserved[2];
} yibu_queue_stats;

#define YIBU_QUEUE_INIT_(MAXSIZE, COMPARE, ORDER)                         \
    {                                                                     \
        (MAXSIZE), (COMPARE), (ORDER),                                    \
        {                                                                 \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
        }                                                                 \
    }

/* An empty queue of at most MAXSIZE items, 0 for any number: first in, first out. */
#define YIBU_QUEUE_INIT(MAXSIZE) YIBU_QUEUE_INIT_(MAXSIZE, NULL, 0)

/* The same, last in, first out. */
#define YIBU_LIFO_QUEUE_INIT(MAXSIZE) YIBU_QUEUE_INIT_(MAXSIZE, NULL, 1)

/* The same, the lowest first by COMPARE (a yibu_queue_compare *). */
#define YIBU_PRIORITY_QUEUE_INIT(MAXSIZE, COMPARE) YIBU_QUEUE_INIT_(MAXSIZE, COMPARE, 2)

YIBU_BEGIN_DECLS

/* Puts item, which may be NULL, into the queue, suspending while the queue is full.
 * Checkpoint.  Cancel: the item is not in the queue.  Whose the item is stays the users' affair.
 * Returns 0, -ECANCELED, YIBU_ESHUTDOWN, -EINVAL (a priority queue without compare), or -ENOMEM: a
 * bounded queue allocates with its first item and never again, an unbounded one as it grows. */
YIBU_API int yibu_queue_put(yibu_queue *queue, void *item);

/* Takes the next item out, suspending while the queue is empty.
 * Checkpoint.  Cancel: no item is taken.
 * Returns 0, -ECANCELED, or YIBU_ESHUTDOWN once the queue is shut down and empty. */
YIBU_API int yibu_queue_get(yibu_queue *queue, void **ret_item);

/* The same without waiting: -EAGAIN instead.  Never suspend.  Context: the loop's thread. */
YIBU_API int yibu_queue_try_put(yibu_queue *queue, void *item);
YIBU_API int yibu_queue_try_get(yibu_queue *queue, void **ret_item);

/* Says that the work on an item that was got is done; the last one wakes who joins.
 * Never suspends.  Returns 0, or -EINVAL where there were no more items. */
YIBU_API int yibu_queue_task_done(yibu_queue *queue);

/* Suspends until yibu_queue_task_done was called for every item that was ever put.
 * Checkpoint.  Returns 0, at once where there is none, or -ECANCELED. */
YIBU_API int yibu_queue_join(yibu_queue *queue);

/* Shuts the queue down: every put, now waiting or yet to come, returns YIBU_ESHUTDOWN; every get
 * does once no items are left.  immediate drops the items that are left, and counts them as done.
 * Never suspends.  May be called again. */
YIBU_API void yibu_queue_shutdown(yibu_queue *queue, bool immediate);

/* How many items are in the queue; whether none; whether maxsize, which an unbounded queue never
 * has; maxsize. */
YIBU_API size_t yibu_queue_qsize(const yibu_queue *queue);
YIBU_API bool yibu_queue_empty(const yibu_queue *queue);
YIBU_API bool yibu_queue_full(const yibu_queue *queue);
YIBU_API size_t yibu_queue_maxsize(const yibu_queue *queue);

/* All of these at once.  Counts the tasks that wait one by one. */
YIBU_API void yibu_queue_statistics(const yibu_queue *queue, yibu_queue_stats *ret_stats);

/* Frees the queue's memory and drops the items that are left; the queue is then as new.  Where
 * tasks wait for it, aborts with a message. */
YIBU_API void yibu_queue_destroy(yibu_queue *queue);

YIBU_END_DECLS

#endif
