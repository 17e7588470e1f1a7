/* The loop's inside, for the rooms below: ready queue, timers, inbox, holds. */
#ifndef YB_LOOP_LOOP_H
#define YB_LOOP_LOOP_H

#include <stdatomic.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/timer_wheel.h"
#include "platform/backend.h"
#include <yibu/loop.h>

typedef struct yb_task yb_task;
typedef void yb_function(void); /* any function, by its address */

/* Who runs, for reports. */
typedef struct yb_subject {
    char name[64];         /* of a task, cut off */
    const char *place;     /* of its creation; NULL: no task */
    yb_function *callback; /* the user's that was called last; NULL: none was */
} yb_subject;

/* A part of another room that lives and dies with the loop: the task scheduler, the memory that
 * selects reuse, the pools, the streams that are open. */
typedef enum yb_loop_part_kind {
    YB_PART_TASKS,
    YB_PART_RETURNS, /* what threads bring back */
    YB_PART_SELECTIONS,
    YB_PART_THREADS,
    YB_PART_MEMORY,   /* that is registered with the backend */
    YB_PART_FILES,    /* threads for calls on files alone */
    YB_PART_LOOKUPS,  /* threads for names alone: whoever else blocks does not delay them */
    YB_PART_SPAWNERS, /* threads that make children */
    YB_PART_PROCESSES,
    YB_PART_PROCESS_EXECUTORS, /* further pools of processes */
    YB_PART_DEFAULTS,          /* executors that the loop's calls go to */
    YB_PART_SUBPROCESSES,
    YB_PART_STREAMS,
    YB_PART_TRANSPORTS,
    YB_PART_DATAGRAMS,
    YB_PART_COUNT
} yb_loop_part_kind;

typedef struct yb_loop_part {
    void (*free)(struct yb_loop_part *part); /* from yibu_loop_free, in reverse order of kind */
    /* Before the loop waits; may be NULL.  Returns when it wants to be called again. */
    int64_t (*idle)(struct yb_loop_part *part);
    /* YB_PART_RETURNS alone: once a turn, before what is ready runs. */
    void (*look)(struct yb_loop_part *part);
    /* Says who item is, where it is this part's; may be NULL. */
    void (*identify)(struct yb_loop_part *part, yb_runnable *item, yb_subject *ret_subject);
    /* Whether one of the part's items runs now, and who it is; may be NULL, ret_subject as well.
     * Async-signal-safe.  Another thread may ask too, and check afterwards that it still runs. */
    bool (*running)(const struct yb_loop_part *part, yb_subject *ret_subject);
} yb_loop_part;

struct yibu_loop {
    yb_fifo ready;    /* what runs next; any room pushes through yb_loop_ready */
    yb_fifo after_io; /* what runs once everything ready and I/O had its turn */
    int budget;       /* switches left before I/O and clock are looked at */
    int budget_limit; /* adapted so that a full budget lasts about 50 us */
    int spent;        /* by whoever went on running all the same: yb_loop_set_budget */
    yb_backend *backend;
    int64_t now_ns;          /* the clock as last read */
    int64_t firing_ns;       /* timers up to this time are being fired; 0: none are */
    uint64_t pending;        /* operations under way */
    uint64_t public_pending; /* those of them that the loop's end must wait for */
    uint64_t holds;          /* work elsewhere that will come back through the inbox */
    uint64_t task_count;     /* tasks that have not ended */
    yb_task *main_task;      /* of yibu_run_until_complete: what SIGINT cancels */
    yb_list calls;           /* yibu_handle: callbacks that have not run */
    yibu_turn turn;          /* for options.on_turn */
    int64_t turn_cpu_ns;     /* CPU time of the thread when the turn began */
    int64_t ran_ns;          /* the clock when the last turn ran what was ready */
    bool exhausted;          /* it used its budget up */
    bool busy;               /* it used a half of it at least */
    bool observed;           /* options.on_turn is set, or the loop is watched: stall.h */
    bool unobserved;         /* it is observed, and waits: the turn's start was not noted yet */
    bool running;
    bool stopping;
    yb_runnable stop;             /* of yibu_loop_stop; run is NULL while it is not queued */
    bool closing;                 /* yibu_loop_free is under way: callbacks are dropped */
    atomic_bool debug;            /* other threads read it */
    bool driven;                  /* turn by turn by somebody else, whom the loop does not know */
    uint8_t hurried;              /* waits that ended before I/O was looked at, in a row */
    bool active;                  /* something ran since the task room last looked for a deadlock */
    unsigned user_signals;        /* clients of signals that the program asked for */
    yb_list signal_clients;       /* yb_signal_client.links */
    struct yb_overseer *overseer; /* NULL: nobody watches */
    struct yb_overseer
        *listener;      /* who hears of callbacks: the overseer, or the stall's; else NULL */
    yb_subject subject; /* debug mode: who runs, since when, how deep in callbacks */
    int64_t run_ns;
    unsigned run_depth;
    unsigned callbacks;           /* that began or ended outside of tasks, while there is a watch */
    struct yb_stall_watch *stall; /* NULL: nobody looks whether it stands still */
    const char *place;            /* "file:line" of its creation */
    yb_loop_part *parts[YB_PART_COUNT];
    yb_timer_wheel timers;
    struct yb_watch_table *watches;
    struct yibu_loop_options options;
    const struct yibu_resolver *resolver; /* the net room's; NULL: libc */
    int fd;                               /* epoll descriptor of yibu_loop_fd, -1 until asked for */
    int timer_fd;

    /* Any thread. */
    _Atomic(yb_runnable *) inbox; /* last in, first out; reversed by the loop */
    atomic_bool asleep;           /* whoever clears it must wake the backend */
    _Atomic(unsigned) posters;    /* who is in yb_loop_post: the loop's end waits for them */
    atomic_bool signalled;        /* a signal of this loop's came in */
    atomic_bool called_in;        /* another thread knows the loop and may call in again */
};

/* Thread-local, reached without a call also in the shared library. */
#define YB_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))

/* A function that looks at what another thread writes as suits it, knowing that it may be wrong:
 * not for ThreadSanitizer to see. */
#define YB_UNSYNCHRONISED __attribute__((noinline, no_sanitize("thread")))

/* The loop of this thread; NULL: none.  Poisoned (NULL) in a forked child. */
extern YB_THREAD_LOCAL yibu_loop *yb_loop_current;

/* Whether this process inherited a runtime through fork; then every call is YIBU_EFORKED until the
 * child makes a loop of its own. */
bool yb_forked(void);

/* A loop for this thread as yibu_loop_new makes it, on a backend that becomes its own. */
int yb_loop_new_on(yb_backend *backend, const yibu_loop_options *options, yibu_loop **ret_loop);

/* Makes item run in its turn.  Context: the loop's thread. */
static inline void yb_loop_ready(yibu_loop *loop, yb_runnable *item)
{
    yb_fifo_push(&loop->ready, item);
}

/* The same from any thread or signal handler: lock-free, wakes the loop where it sleeps. */
void yb_loop_post(yibu_loop *loop, yb_runnable *item);
/* Only wakes it. */
void yb_loop_wake(yibu_loop *loop);

/* Notes that a thread beside the loop's own uses it without a hold.  Any thread. */
static inline void yb_loop_note_caller(yibu_loop *loop)
{
    if (loop != yb_loop_current && !atomic_load_explicit(&loop->called_in, memory_order_relaxed))
        atomic_store_explicit(&loop->called_in, true, memory_order_relaxed);
}

/* One turn; waits for I/O until deadline_ns (0: not at all) where nothing is ready. */
void yb_loop_turn(yibu_loop *loop, int64_t deadline_ns);

/* Notes where a turn starts, for options.on_turn. */
void yb_loop_observe_start(yibu_loop *loop);

/* Drops the callbacks of yibu_call_… that did not run. */
void yb_call_drop_all(yibu_loop *loop);

/* Changes what is left of the budget without that somebody else has had a turn. */
static inline void yb_loop_set_budget(yibu_loop *loop, int budget)
{
    loop->spent += loop->budget - budget;
    loop->budget = budget;
}

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

/* Arms a timer.  While timers are fired, one that is due already waits for the next such moment:
 * else a timer that its callback starts again would hold the loop. */
static inline void yb_loop_timer_add(yibu_loop *loop, yb_timer *timer)
{
    if (YB_UNLIKELY(timer->deadline_ns <= loop->firing_ns))
        timer->deadline_ns = loop->firing_ns + 1;
    yb_wheel_add(&loop->timers, timer);
}
static inline void yb_loop_timer_remove(yibu_loop *loop, yb_timer *timer)
{
    yb_wheel_remove(&loop->timers, timer);
}

/* Disarms what timers of yibu_timer_start are left. */
void yb_timer_disarm_all(yibu_loop *loop);

/* deadline of a delay from now, saturating. */
int64_t yb_loop_deadline(yibu_loop *loop, int64_t delay_ns);

/* The two views of an operation.  Others than the caller's own have room for the first alone. */
static inline yb_op *yb_op_view(yibu_op *op)
{
    return (yb_op *)(void *)op;
}
static inline yibu_op *yb_op_public(yb_op *op)
{
    return (yibu_op *)(void *)op;
}

/* Starts op: 1 done at once with op->result (nobody is called back), 0 pending, or a negative
 * errno.  The public yibu_op_ functions and the calls that suspend are both built on it. */
int yb_op_start(yibu_loop *loop, yb_op *op);

/* Checks a public operation that another room starts, and zeroes what the caller left undefined. */
int yb_op_prepare_custom(const yibu_loop *loop, yibu_op *public_op);

/* Marks an operation as under way; its room ends it with yb_op_complete, in the loop.  A cancel
 * that answers true has stopped it: the loop completes it with -ECANCELED. */
void yb_op_begin_custom(yibu_loop *loop, yb_op *op, bool (*cancel)(yb_op *op), void *data);

/* Takes that back, nobody having heard of the operation. */
static inline void yb_op_unbegin_custom(yb_op *op)
{
    op->state = YB_OP_IDLE;
    op->loop->pending--;
}

/* Asks a started operation to end early; false where it is not under way. */
bool yb_op_cancel(yb_op *op);

/* The network of this thread's loop where it is not the kernel's; else NULL. */
static inline const yb_network_class *yb_loop_network(void)
{
    return yb_loop_current ? yb_loop_current->backend->class->network : NULL;
}

/* The same, where fd is one of its sockets. */
static inline const yb_network_class *yb_loop_network_of(int fd)
{
    const yb_network_class *network = yb_loop_network();
    return network && network->owns(yb_loop_current->backend, fd) ? network : NULL;
}

/* Whether calls for descriptor and operation forms may go on: 0, -EINVAL or YIBU_EFORKED. */
int yb_loop_check(const yibu_loop *loop);

/* Tells the exception handler; the first is printf-style, and cut off after 511 bytes. */
__attribute__((format(printf, 3, 4))) void yb_loop_report(yibu_loop *loop, intptr_t code,
                                                          const char *format, ...);
void yb_loop_report_text(yibu_loop *loop, intptr_t code, const char *message);

/* Aborts, naming the loop and what happened, where the loop is another thread's. */
void yb_loop_abort_foreign(const yibu_loop *loop, const char *what);
static inline void yb_loop_check_thread(const yibu_loop *loop, const char *what)
{
    if (YB_UNLIKELY(loop != yb_loop_current))
        yb_loop_abort_foreign(loop, what);
}

#endif
