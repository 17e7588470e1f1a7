/* Futures from the inside: the header of every task, and all there is of a plain future. */
#ifndef YB_TASK_FUTURE_H
#define YB_TASK_FUTURE_H

#include "base/assert.h"
#include "loop/loop.h"
#include "task/waiters.h"
#include <yibu/future.h>

/* States of a future; those of a task are in scheduler.c. */
typedef enum yb_future_state {
    YB_TASK_READY, /* in the ready queue */
    YB_TASK_RUNNING,
    YB_TASK_SUSPENDED, /* somebody will call yb_task_wake */
    YB_FUTURE_PENDING, /* no task: somebody will set the result */
    YB_FUTURE_ENDED    /* the result is there */
} yb_future_state;

enum {
    YB_TASK_CANCEL_PENDING = 1 << 0, /* the next checkpoint returns -ECANCELED */
    YB_TASK_OWN_FLOAT = 1 << 1,
    YB_FUTURE_RESULT_SEEN = 1 << 2, /* somebody retrieved the result */
    YB_TASK_DEFAULT_STACK = 1 << 3,
    YB_TASK_CHECK_STACK = 1 << 4, /* the stack is guarded by a canary only */
    YB_FUTURE_PLAIN = 1 << 5,     /* no task */
};

struct yibu_future {
    yb_waiters waiters; /* for its end */
    intptr_t result;    /* -EINPROGRESS until then */
    yibu_loop *loop;
    uint32_t references;
    uint16_t cancels; /* of a task: requests from outside that were not taken back */
    uint8_t state;
    uint8_t flags;
};

/* Hands the result of a future that has ended to whoever waits for it. */
void yb_future_notify(yibu_future *future);

/* Frees what the last reference was dropped to. */
void yb_future_free(yibu_future *future);

/* Drops a reference. */
static inline void yb_future_drop(yibu_future *future)
{
    YB_ASSERT(future->references > 0);
    if (--future->references == 0)
        yb_future_free(future);
}

#endif
