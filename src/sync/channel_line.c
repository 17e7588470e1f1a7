/* The two lines of a channel: see channel.h. */
#include <errno.h>

#include "platform/backend.h"
#include "sync/channel.h"

enum { MOST_PATIENCE_NS = 20000 };

/* Takes the first of the line out; NULL where nobody waits. */
static yb_channel_waiter *take_first(yibu_channel *channel, yb_channel_line *line)
{
    yb_channel_waiter *waiter = NULL;
    pthread_mutex_lock(&channel->lock);
    yb_list *first = yb_list_pop_front(&line->waiters);
    if (first) {
        waiter = YB_CONTAINER_OF(first, yb_channel_waiter, links);
        waiter->in_line = false;
        atomic_fetch_sub(&line->waiting, 1);
    }
    pthread_mutex_unlock(&channel->lock);
    return waiter;
}

/* After the ring has changed.  `waiting` is read in one order with that change (seq_cst): see
 * yb_channel_attempt_or_join. */
static void wake_one(yibu_channel *channel, yb_channel_side side)
{
    yb_channel_line *line = &channel->lines[side];
    if (atomic_load(&line->waiting) == 0)
        return;
    yb_channel_waiter *waiter = take_first(channel, line);
    if (waiter)
        waiter->wake(waiter);
}

int yibu_channel_try_send(yibu_channel *channel, void *item)
{
    int r = yb_channel_ring_push(&channel->ring, item);
    if (r == 0)
        wake_one(channel, YB_RECEIVERS);
    return r;
}

int yibu_channel_try_receive(yibu_channel *channel, void **ret_item)
{
    int r = yb_channel_ring_pop(&channel->ring, ret_item);
    if (r == 0)
        wake_one(channel, YB_SENDERS);
    return r;
}

void yibu_channel_close(yibu_channel *channel)
{
    if (!yb_channel_ring_close(&channel->ring))
        return;
    for (int side = YB_SENDERS; side <= YB_RECEIVERS; side++)
        for (yb_channel_waiter *waiter; (waiter = take_first(channel, &channel->lines[side]));)
            waiter->wake(waiter);
}

int yb_channel_attempt(yibu_channel *channel, yb_channel_waiter *waiter)
{
    if (waiter->side == YB_SENDERS)
        return yibu_channel_try_send(channel, waiter->item);
    return yibu_channel_try_receive(channel, waiter->ret_item);
}

/* Whether an attempt would answer -EAGAIN. */
static bool must_wait(const yibu_channel *channel, const yb_channel_waiter *waiter)
{
    return waiter->side == YB_SENDERS ? yb_channel_ring_full(&channel->ring)
                                      : yb_channel_ring_empty(&channel->ring);
}

static void join(yibu_channel *channel, yb_channel_waiter *waiter, bool in_front)
{
    yb_channel_line *line = yb_channel_line_of(channel, waiter);
    pthread_mutex_lock(&channel->lock);
    yb_list_push_back(in_front ? line->waiters.next : &line->waiters, &waiter->links);
    waiter->in_line = true;
    atomic_fetch_add(&line->waiting, 1); /* seq_cst: before the caller looks at the ring again */
    pthread_mutex_unlock(&channel->lock);
}

bool yb_channel_leave(yibu_channel *channel, yb_channel_waiter *waiter)
{
    pthread_mutex_lock(&channel->lock);
    bool in_line = waiter->in_line;
    if (in_line) {
        yb_list_unlink(&waiter->links);
        waiter->in_line = false;
        atomic_fetch_sub(&yb_channel_line_of(channel, waiter)->waiting, 1);
    }
    pthread_mutex_unlock(&channel->lock);
    return in_line;
}

int yb_channel_attempt_or_join(yibu_channel *channel, yb_channel_waiter *waiter, bool in_front)
{
    for (;;) {
        int r = yb_channel_attempt(channel, waiter);
        if (r != -EAGAIN)
            return r;
        join(channel, waiter, in_front);
        if (must_wait(channel, waiter) || !yb_channel_leave(channel, waiter))
            return -EAGAIN;
        in_front = true;
    }
}

typedef struct glance {
    yibu_channel *channel;
    yb_channel_waiter *waiter;
} glance;

static bool need_not_wait(const void *arg)
{
    const glance *g = arg;
    return !must_wait(g->channel, g->waiter);
}

int yb_channel_attempt_patiently(yibu_channel *channel, yb_channel_waiter *waiter)
{
    yb_patience *patience = &yb_channel_line_of(channel, waiter)->patience;
    if (!channel->may_look || !yb_patience_pays(patience))
        return -EAGAIN;
    glance g = {channel, waiter};
    if (!yb_patience_look(need_not_wait, &g, MOST_PATIENCE_NS, NULL))
        return -EAGAIN;
    return yb_channel_attempt(channel, waiter);
}
