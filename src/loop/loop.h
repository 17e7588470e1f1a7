/* The loop's inside, for the rooms below: ready queue, timers, inbox, holds. */
#ifndef YB_LOOP_LOOP_H
#define YB_LOOP_LOOP_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/timer_wheel.h"
#include "platform/backend.h"
#include <yibu/loop.h>

/* A part of another room that lives and dies with the loop: the task scheduler, the pools. */
typedef enum yb_loop_part_kind {
    YB_PART_TASKS,
    YB_PART_THREADS,
    YB_PART_PROCESSES,
    YB_PART_COUNT
} yb_loop_part_kind;

typedef struct yb_loop_part {
    void (*free)(struct yb_loop_part *part); /* from yibu_loop_free, in reverse order of kind */
    void (*idle)(struct yb_loop_part *part); /* before the loop waits; may be NULL */
} yb_loop_part;

struct yibu_loop {
    yb_fifo ready;            /* what runs next; any room pushes through yb_loop_ready */
    int budget;               /* switches left before I/O and clock are looked at */
    int budget_limit;         /* adapted so that a full budget lasts about 50 us */
    yb_backend *backend;
    int64_t now_ns;           /* the clock as last read */
    yb_timer_wheel timers;
    uint64_t pending;         /* operations under way */
    uint64_t holds;           /* work elsewhere that will come back through the inbox */
    bool running;
    bool stopping;
    bool debug;
    yb_loop_part *parts[YB_PART_COUNT];
    struct yb_watch_table *watches;
    struct yibu_loop_options options;
    int fd;                   /* epoll descriptor of yibu_loop_fd, -1 until asked for */
    int timer_fd;
    unsigned spin_ns;         /* how long a short answer is awaited spinning, adapted */

    /* Any thread. */
    _Atomic(yb_runnable *) inbox; /* last in, first out; reversed by the loop */
    atomic_bool asleep;           /* whoever clears it must wake the backend */
};

/* The loop of this thread; NULL: none.  Poisoned (NULL) in a forked child. */
extern _Thread_local yibu_loop *yb_loop_current;

/* Whether this process inherited a runtime through fork; then every call is YIBU_EFORKED until the
 * child makes a loop of its own. */
bool yb_forked(void);

/* Makes item run in its turn.  Context: the loop's thread. */
static inline void yb_loop_ready(yibu_loop *loop, yb_runnable *item)
{
    yb_fifo_push(&loop->ready, item);
}

/* The same from any thread or signal handler: lock-free, wakes the loop where it sleeps. */
void yb_loop_post(yibu_loop *loop, yb_runnable *item);

/* Work elsewhere (a thread, a process) that will end in yb_loop_post.  Context: the loop. */
static inline void yb_loop_hold(yibu_loop *loop)
{
    loop->holds++;
}
static inline void yb_loop_unhold(yibu_loop *loop)
{
    loop->holds--;
}

/* The clock, read now. */
static inline int64_t yb_loop_read_clock(yibu_loop *loop)
{
    return loop->now_ns = loop->backend->class->now(loop->backend);
}

void yb_loop_timer_add(yibu_loop *loop, yb_timer *timer);
void yb_loop_timer_remove(yibu_loop *loop, yb_timer *timer);

/* deadline of a delay from now, saturating. */
int64_t yb_loop_deadline(yibu_loop *loop, int64_t delay_ns);

/* Starts op: 1 done at once with op->result (nobody is called back), 0 pending, or a negative
 * errno.  The public yibu_op_ functions and the calls that suspend are both built on it. */
int yb_op_start(yibu_loop *loop, yb_op *op);

/* Completes an operation of kind YB_OP_CUSTOM that was begun with yb_op_begin_custom.
 * Context: the loop. */
void yb_op_begin_custom(yibu_loop *loop, yb_op *op, bool (*cancel)(yb_op *op), void *data);

/* Asks a started operation to end early; false where it is not under way. */
bool yb_op_cancel(yb_op *op);

/* Whether calls for descriptor and operation forms may go on: 0, -EINVAL or YIBU_EFORKED. */
int yb_loop_check(const yibu_loop *loop);

/* Tells the exception handler.  printf-style. */
__attribute__((format(printf, 3, 4))) void yb_loop_report(yibu_loop *loop, intptr_t code,
                                                          const char *format, ...);

#endif
