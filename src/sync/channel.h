/* Channels from the inside: the ring, the two lines, and how a waiter waits.
 *
 * Sending and receiving go straight to the ring (channel_ring.h).  Who finds it full (empty) joins
 * the line of its side, then asks again: whoever changes the ring looks at the line afterwards, so
 * one of the two sees the other.  Waking means: taken out of the line and told to try again.  A
 * waiter that was woken always tries, also when a cancel came meanwhile, so no wake-up is lost; one
 * that was overtaken goes back to the head of its line.
 *
 * States of a waiter: IN LINE -> WOKEN -> done, or IN LINE again.  Who takes it out of the line,
 * under the channel's lock, decides how it goes on: the other side (woken) or its owner (cancelled,
 * timed out). */
#ifndef YB_SYNC_CHANNEL_H
#define YB_SYNC_CHANNEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <yibu/channel.h>

#include "base/list.h"
#include "platform/patience.h"
#include "sync/channel_ring.h"

typedef enum yb_channel_side { YB_SENDERS, YB_RECEIVERS } yb_channel_side;

typedef struct yb_channel_line {
    _Atomic(size_t) waiting; /* written under the lock */
    yb_list waiters;         /* under the lock */
    yb_patience patience;    /* how long waits on this side are */
    char apart_from_other_line[YB_CACHE_LINE];
} yb_channel_line;

struct yibu_channel {
    yb_channel_ring ring;
    yb_channel_line lines[2];
    pthread_mutex_t lock;
    _Atomic(size_t) references;
    bool may_look; /* there is more than one processor: looking holds nobody up */
};

/* One send or receive that has to wait. */
typedef struct yb_channel_waiter yb_channel_waiter;
struct yb_channel_waiter {
    union {
        yb_list links;      /* in line */
        yb_runnable posted; /* woken, on its way to its loop */
    };
    /* Tells its owner to try again.  Any thread; the waiter may be gone when it returns. */
    void (*wake)(yb_channel_waiter *waiter);
    union {
        void *item;      /* to send */
        void **ret_item; /* to receive */
    };
    uint8_t side;
    bool in_line; /* under the lock */
};

static inline yb_channel_line *yb_channel_line_of(yibu_channel *channel,
                                                  const yb_channel_waiter *waiter)
{
    return &channel->lines[waiter->side];
}

/* Does what the waiter wants, and wakes one of the other side: 0, -EAGAIN, or YIBU_ESHUTDOWN. */
int yb_channel_attempt(yibu_channel *channel, yb_channel_waiter *waiter);

/* The same, and joins the line where it would have to wait, in front if it has been there before:
 * then the answer is -EAGAIN and `wake` will be called. */
int yb_channel_attempt_or_join(yibu_channel *channel, yb_channel_waiter *waiter, bool in_front);

/* Takes the waiter out of the line; false where it is not there: it is being woken. */
bool yb_channel_leave(yibu_channel *channel, yb_channel_waiter *waiter);

/* Looks for a while whether the waiter has to wait at all, where waits have been short lately.
 * Returns what yb_channel_attempt does. */
int yb_channel_attempt_patiently(yibu_channel *channel, yb_channel_waiter *waiter);

/* The calling task waits; the calling thread does.  timeout_ns may be YIBU_FOREVER. */
int yb_channel_wait_in_task(yibu_channel *channel, yb_channel_waiter *waiter);
int yb_channel_wait_in_thread(yibu_channel *channel, yb_channel_waiter *waiter, int64_t timeout_ns);

#endif
