/* Channels as objects, and the calls that wait. */
#include "sync/channel.h"

#include <errno.h>
#include <yibu/error.h>
#include <yibu/timeout.h>

#include "base/memory.h"
#include "platform/processor.h"
#include "task/task.h"

int yibu_channel_new(size_t capacity, yibu_channel **ret_channel)
{
    if (!ret_channel)
        return -EINVAL;
    yibu_channel *channel = yb_calloc(1, sizeof(*channel));
    if (!channel)
        return -ENOMEM;
    int r = yb_channel_ring_init(&channel->ring, capacity);
    if (r < 0) {
        yb_free(channel);
        return r;
    }
    for (int side = YB_SENDERS; side <= YB_RECEIVERS; side++)
        yb_list_init(&channel->lines[side].waiters);
    pthread_mutex_init(&channel->lock, NULL);
    atomic_init(&channel->references, 1);
    channel->may_look = yb_processor_count() > 1;
    *ret_channel = channel;
    return 0;
}

yibu_channel *yibu_channel_ref(yibu_channel *channel)
{
    if (channel)
        atomic_fetch_add_explicit(&channel->references, 1, memory_order_relaxed);
    return channel;
}

void yibu_channel_unref(yibu_channel *channel)
{
    /* acq_rel: what every thread did with the channel is over before it is freed. */
    if (!channel || atomic_fetch_sub_explicit(&channel->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int side = YB_SENDERS; side <= YB_RECEIVERS; side++)
        if (!yb_list_empty(&channel->lines[side].waiters))
            yb_abort("a channel was freed while somebody waited to %s it",
                     side == YB_SENDERS ? "send to" : "receive from");
    pthread_mutex_destroy(&channel->lock);
    yb_channel_ring_destroy(&channel->ring);
    yb_free(channel);
}

void yibu_channel_statistics(const yibu_channel *channel, yibu_channel_stats *ret_stats)
{
    *ret_stats = (yibu_channel_stats){
        .capacity = channel->ring.capacity,
        .length = yb_channel_ring_length(&channel->ring),
        .waiting_senders = atomic_load(&channel->lines[YB_SENDERS].waiting),
        .waiting_receivers = atomic_load(&channel->lines[YB_RECEIVERS].waiting),
        .closed = yb_channel_ring_closed(&channel->ring),
    };
}

static int wait_in_task_for(yibu_channel *channel, yb_channel_waiter *waiter, int64_t timeout_ns)
{
    if (timeout_ns == YIBU_FOREVER)
        return yb_channel_wait_in_task(channel, waiter);
    yibu_timeout limit;
    int r = yibu_timeout_begin(&limit, timeout_ns);
    if (r < 0)
        return r;
    return (int)yibu_timeout_end(&limit, yb_channel_wait_in_task(channel, waiter));
}

/* What could not be done at once, by whoever asks for it. */
static int wait_for(yibu_channel *channel, yb_channel_waiter *waiter, int64_t timeout_ns)
{
    if (yb_task_current)
        return wait_in_task_for(channel, waiter, timeout_ns);
    if (yb_forked() || (yb_loop_current && yb_loop_current->running))
        return yb_task_missing();
    return yb_channel_wait_in_thread(channel, waiter, timeout_ns);
}

/* A task that was cancelled does not even try. */
static int enter(void)
{
    return yb_task_current ? yb_task_checkpoint(yb_task_current) : 0;
}

int yibu_channel_send_for(yibu_channel *channel, void *item, int64_t timeout_ns)
{
    int r = enter();
    if (r < 0)
        return r;
    r = yibu_channel_try_send(channel, item);
    if (r != -EAGAIN)
        return r;
    yb_channel_waiter waiter = {.item = item, .side = YB_SENDERS};
    return wait_for(channel, &waiter, timeout_ns);
}

int yibu_channel_receive_for(yibu_channel *channel, void **ret_item, int64_t timeout_ns)
{
    int r = enter();
    if (r < 0)
        return r;
    r = yibu_channel_try_receive(channel, ret_item);
    if (r != -EAGAIN)
        return r;
    yb_channel_waiter waiter = {.ret_item = ret_item, .side = YB_RECEIVERS};
    return wait_for(channel, &waiter, timeout_ns);
}

int yibu_channel_send(yibu_channel *channel, void *item)
{
    return yibu_channel_send_for(channel, item, YIBU_FOREVER);
}

int yibu_channel_receive(yibu_channel *channel, void **ret_item)
{
    return yibu_channel_receive_for(channel, ret_item, YIBU_FOREVER);
}
