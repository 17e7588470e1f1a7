/* Futures from the inside: the header of every task, and all there is of a plain future. */
#ifndef YB_TASK_FUTURE_H
#define YB_TASK_FUTURE_H

#include <errno.h>

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
    YB_TASK_STARTED = 1 << 6,     /* it said so: yibu_group_started */
    YB_TASK_OWNS_FRAME = 1 << 7,  /* its argument is the frame of a typed coroutine's call */
    YB_FUTURE_OUTLASTS = 1 << 7,  /* a plain future: its cancel is a request (wrap_future.c) */
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

/* All there is of a future that no coroutine completes. */
typedef struct yb_plain_future {
    yibu_future future;
    const char *place; /* "file:line" of its creation */
} yb_plain_future;

static inline bool yb_is_task(const yibu_future *future)
{
    return !(future->flags & YB_FUTURE_PLAIN);
}

/* Aborts, naming the future and what happened, where the future belongs to another thread. */
void yb_future_abort_foreign(yibu_future *future, const char *what);
static inline void yb_future_check_thread(yibu_future *future, const char *what)
{
    if (YB_UNLIKELY(future->loop != yb_loop_current))
        yb_future_abort_foreign(future, what);
}

/* What it is, for reports: the end of task "x". */
void yb_future_describe(yibu_future *future, char *ret_text, size_t size);

/* Hands the result of a future that has ended to whoever waits for it. */
void yb_future_notify(yibu_future *future);

/* Done callbacks, which are among the future's waiters.  Drops those that will never run. */
void yb_done_callbacks_drop(yibu_future *future);

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
