/* Channels: bounded queues between threads and loops.
 *
 * Any number of threads may send and receive, each as what it is: in a task a call suspends, in a
 * thread without a running loop it blocks.  Items are pointers, the receiver's once received; what
 * one sender sends comes out in that order.
 *
 * Tasks of one loop are better served by a queue (<yibu/queue.h>), which is strictly fair. */
#ifndef YIBU_CHANNEL_H
#define YIBU_CHANNEL_H

#include <yibu/base.h>
#include <yibu/op.h>

typedef struct yibu_channel yibu_channel;

typedef struct yibu_channel_stats {
    size_t capacity;
    size_t length;          /* items in it */
    size_t waiting_senders; /* tasks and threads */
    size_t waiting_receivers;
    bool closed;
} yibu_channel_stats;

YIBU_BEGIN_DECLS

/* A channel for capacity items, 1 or more; the caller owns a reference.  Context: any thread.
 * Returns 0, -EINVAL or -ENOMEM. */
YIBU_API int yibu_channel_new(size_t capacity, yibu_channel **ret_channel);

/* References, from any thread.  The last one frees the channel, which nobody may wait for then;
 * items that are left in it are dropped, so drain it first where they own something.  NULL is
 * fine. */
YIBU_API yibu_channel *yibu_channel_ref(yibu_channel *channel);
YIBU_API void yibu_channel_unref(yibu_channel *channel);

/* Puts item into the channel, waiting while it is full.
 * Context: a task, or a thread whose loop, if it has one, does not run.
 * Checkpoint.  Cancel: the item was not sent; one that was taken in has been sent, and 0 says so.
 * Returns 0, YIBU_ESHUTDOWN where the channel is closed, -ECANCELED, or YIBU_ENOTASK in
 * callbacks. */
YIBU_API int yibu_channel_send(yibu_channel *channel, void *item);

/* Takes the next item, waiting while the channel is empty.  Context as above.
 * Checkpoint.  Cancel: no item is taken.
 * Returns 0, YIBU_ESHUTDOWN where the channel is closed and drained, -ECANCELED, or
 * YIBU_ENOTASK. */
YIBU_API int yibu_channel_receive(yibu_channel *channel, void **ret_item);

/* The same for at most timeout_ns: -ETIMEDOUT then, nothing having been sent or taken. */
YIBU_API int yibu_channel_send_for(yibu_channel *channel, void *item, int64_t timeout_ns);
YIBU_API int yibu_channel_receive_for(yibu_channel *channel, void **ret_item, int64_t timeout_ns);

/* The same without waiting: -EAGAIN where they would wait.  Context: any thread. */
YIBU_API int yibu_channel_try_send(yibu_channel *channel, void *item);
YIBU_API int yibu_channel_try_receive(yibu_channel *channel, void **ret_item);

/* The callback forms: the result is what the calls above return.  item is read, and *ret_item
 * written, in the loop's thread. */
YIBU_API int yibu_op_channel_send(yibu_loop *loop, yibu_op *op, yibu_channel *channel, void *item);
YIBU_API int yibu_op_channel_receive(yibu_loop *loop, yibu_op *op, yibu_channel *channel,
                                     void **ret_item);

/* Ends sending: later and waiting sends are YIBU_ESHUTDOWN; receivers get what is left, then the
 * same.  Context: any thread.  No effect the second time. */
YIBU_API void yibu_channel_close(yibu_channel *channel);

/* How things stand, from any thread: already the past where others use the channel. */
YIBU_API void yibu_channel_statistics(const yibu_channel *channel, yibu_channel_stats *ret_stats);

YIBU_END_DECLS

#endif
