/* A process pool, from the inside.
 *
 * A call is in line, or waits to be tried again, or is given to a worker: then it sits in that
 * worker's lane, where it is queued or taken.  Everything here belongs to the thread of the loop
 * that the pool is at home on.
 *
 *   call.c       a call's life: made, cancelled, finished
 *   limit.c      its time limit, and the end of the worker that exceeds it
 *   retry.c      its further attempts
 *   report.c     what its caller is told beside the result
 *   turns.c      who is next
 *   process.c    a worker process as its parent sees it
 *   birth.c      its start, and what it is set up with
 *   transfer.c   the bytes of inputs and outputs
 *   hear.c       the messages of jobs
 *   make_payload.c   where a payload is made
 *   news.c       what the zygote says
 *   feed.c       which call goes to which worker
 *   staff.c      how many workers there are
 *   pool.c       the pool's life, and what wakes it
 *   loop_pool.c  the one that each loop has of its own
 *   watch.c      the descriptors that do
 *   anticipate.c waiting for an answer that is expected soon */
#ifndef YB_PROC_POOL_H
#define YB_PROC_POOL_H

#include "exec/engine.h"
#include "loop/loop.h"
#include "proc/cost.h"
#include "proc/job_executor.h"
#include "proc/lane.h"
#include "proc/settings.h"
#include "proc/spawner.h"
#include "proc/spin.h"
#include "proc/text.h"
#include "proc/turns.h"

typedef struct yb_process_pool yb_process_pool;
typedef struct yb_process yb_process;
typedef struct yb_pool_owner yb_pool_owner;

/* How often and how soon a call is tried. */
typedef struct yb_call_limits {
    int64_t timeout_ns; /* 0: none */
    int64_t grace_ns;
    int64_t retry_delay_ns;
    unsigned max_attempts;
} yb_call_limits;

typedef struct yb_call {
    yb_turn place; /* in line; its links also among those that wait to be retried, or are spare */
    yb_process_pool *pool;
    yb_op *op;         /* whom it is for: an operation of the pool's loop, */
    yb_job_work *work; /* or an executor's work */
    yb_pool_owner *owner;
    const void *source; /* whose turn it is: the loop that submitted the work, NULL: none did */
    const yibu_job *job;
    yibu_bytes input;
    yibu_buffer *ret_output;
    yibu_payload *payload;      /* that input lies in, NULL: in none */
    yibu_payload **ret_payload; /* NULL: the output goes to ret_output */
    yb_listener listener;       /* to the job's messages, or: */
    void (*on_message)(yibu_bytes message, void *arg);
    void *message_arg;
    yibu_job_report *report;
    yb_settings *settings;    /* for its worker, NULL: none */
    yibu_buffer *ret_text[2]; /* what it writes to output and error */
    size_t text_size[2];      /* of which so much is of the latest attempt */
    yb_call_limits limits;
    unsigned attempts;  /* that have ended */
    yb_process *worker; /* NULL: it is not in a lane */
    uint32_t number;    /* in the worker's lane */
    int verdict;        /* why its worker is being ended, 0: it is not */
    int64_t expected_ns;
    bool retrying; /* it waits for its next attempt */
    bool started;  /* its work has been told so, and not yet that it is in line again */
    bool timed;    /* timer is armed */
    yb_timer timer;
} yb_call;

/* STARTING -> READY -> RETIRING -> LEAVING, and from each of them to DYING. */
typedef enum yb_process_state {
    YB_PROCESS_STARTING, /* ordered, or not yet set up */
    YB_PROCESS_READY,
    YB_PROCESS_RETIRING, /* has its last jobs */
    YB_PROCESS_LEAVING,  /* was told to end by itself */
    YB_PROCESS_DYING     /* its death was ordered, or is certain: nothing more is given to it */
} yb_process_state;

struct yb_process {
    yb_list links;
    yb_process_pool *pool;
    uint64_t number; /* the zygote's name for it */
    pid_t pid;
    yb_process_state state;
    bool setting_up; /* its first job is the pool's initializer, and has not been answered */
    bool killed;     /* by SIGKILL, beyond recall */
    bool proven;     /* has answered */
    bool spins;      /* is one of those that may */
    bool changed;    /* its lane has something to publish */
    unsigned given;  /* jobs, not counting those taken back */
    yb_lane lane;
    yb_text text;
    yb_call *loading; /* the call whose input is on its way into the lane, a slice a turn */
    size_t loaded;
    bool copying; /* the output of `answer` is on its way out, likewise */
    size_t copied;
    yb_answer answer;
    yb_call *calls[YB_LANE_SLOTS]; /* by number; NULL: withdrawn, or the initializer */
    unsigned load;                 /* calls among them */
    int64_t backlog_ns;            /* that they are expected to take */
    int64_t head_since_ns;         /* when the oldest became the oldest */
};

/* How a process ended. */
typedef struct yb_process_end {
    int status; /* of wait(2) */
    uint64_t peak_memory_bytes;
    int64_t user_ns, system_ns;
    bool out_of_memory; /* the kernel killed it for that */
} yb_process_end;

/* A descriptor watched without keeping the loop alive. */
typedef struct yb_process_watch {
    yb_op op;
    bool active;
} yb_process_watch;

/* What other threads may read of a pool. */
typedef struct yb_process_counts {
    _Atomic(unsigned) workers, idle;
    _Atomic(uint64_t) crashed, restarted;
} yb_process_counts;

/* Whose the pool is.  All in the pool's thread. */
struct yb_pool_owner {
    /* The pool is broken: code is the reason's. */
    void (*broke)(yb_pool_owner *owner, intptr_t code);
    /* The pool, which was stopped, has ended; it frees itself after this. */
    void (*ended)(yb_pool_owner *owner);
    yb_process_counts counts;
};

struct yb_process_pool {
    yb_job_executor executor;
    yb_pool_owner *owner; /* NULL: the loop, whose own pool it is */
    yibu_loop *loop;
    yibu_process_pool_options options; /* defaults filled in; what they point to is the owner's */
    yb_spawner spawner;
    int doorbell;
    yb_process_watch doorbell_watch, news_watch;
    yb_runnable flush; /* collects, gives and publishes, once a turn at most */
    bool flushing;     /* it is in the ready queue */
    bool ending;
    bool stop_asked; /* it will stop once the operations that it has are over */
    bool stopping;   /* workers and zygote were told to end by themselves */
    bool preloading; /* the zygote has not said how that went */
    int broken;      /* 0, or what calls fail with */
    yb_timer later;  /* flushes again: a pause after failures, or work that may be better placed */
    bool later_armed;
    yb_turns line;
    bool ranked;      /* there were calls with a priority */
    yb_list retrying; /* calls that wait for their next attempt */
    yb_list spare;
    unsigned spare_count;
    yb_list processes;
    unsigned process_count, starting_count;
    unsigned leaving_count; /* of them, RETIRING or LEAVING */
    unsigned busy_count;    /* of them, with calls */
    bool keep_one_ready;    /* one is there to take the place of the next that comes to an end */
    uint64_t crashed, restarted;
    unsigned processors, spinning_count;
    yb_spin spin;   /* for an answer */
    unsigned calls; /* under way that are operations */
    uint64_t next_process;
    void *message_copy;      /* YB_MESSAGE_MOST bytes, NULL: nobody has listened yet */
    unsigned failures;       /* to start, in a row */
    int64_t retry_ns;        /* no new start before */
    yb_process_end last_end; /* of what failed to start */
    yb_costs costs;
};

/* pool.c */

/* As many as the options allow. */
unsigned yb_process_pool_max_workers(const yibu_process_pool_options *options);
/* Makes a pool on this thread's loop.  Returns 0 or a negative errno. */
int yb_process_pool_new(yibu_loop *loop, const yibu_process_pool_options *options,
                        yb_pool_owner *owner, yb_process_pool **ret_pool);
/* Ends it now, waiting for its processes; calls under way end with code.  Its owner is not told. */
void yb_process_pool_free(yb_process_pool *pool, int code);
/* Ends it, without waiting, once nothing is under way: no work is, but operations may be, from
 * before it had an owner.  Its owner hears when it has ended. */
void yb_process_pool_stop(yb_process_pool *pool);
/* Flushes after what is ready now, or after a time; asked for again meanwhile, once. */
void yb_process_pool_flush_soon(yb_process_pool *pool);
void yb_process_pool_flush_later(yb_process_pool *pool, int64_t delay_ns);
/* No worker can be set up, ever; reason is a failure. */
void yb_process_pool_break(yb_process_pool *pool, intptr_t reason, const char *what);
/* It has stopped and its zygote has gone. */
void yb_process_pool_stopped(yb_process_pool *pool);
/* Where nothing that is queued points to it any more. */
void yb_process_pool_let_go(yb_process_pool *pool);

/* loop_pool.c */

/* Whether the loop's part is a pool of processes. */
bool yb_process_pool_is(const yb_loop_part *part);
/* Takes the loop's own pool, which is nobody's then; NULL: there is none. */
yb_process_pool *yb_loop_pool_take(yibu_loop *loop);

/* watch.c */

/* Return 0 or a negative errno. */
int yb_process_pool_watch_doorbell(yb_process_pool *pool);
int yb_process_pool_watch_news(yb_process_pool *pool);
void yb_process_pool_unwatch(yb_process_pool *pool);
/* Collects, gives out, publishes. */
void yb_process_pool_flush(yb_process_pool *pool);
/* Asks the workers for the doorbell.  Returns whether there is something to collect already. */
bool yb_process_pool_arm(yb_process_pool *pool);

/* anticipate.c */

/* Before the loop waits.  Returns 0: there is something to collect, or INT64_MAX. */
int64_t yb_process_pool_idle(yb_process_pool *pool);

/* call.c */

/* 0, -EINVAL, or -ENOMEM for options of one call. */
int yb_job_options_check(const yibu_job_options *options);
/* The pool's yb_job_executor.begin. */
int yb_call_begin(yb_job_executor *executor, yb_op *op, const yb_job_request *request);
/* The two halves of the same for an executor's work: made by any thread, begun by the pool's. */
yb_call *yb_call_new_for(yb_job_work *work, yb_pool_owner *owner);
void yb_call_begin_for(yb_process_pool *pool, yb_call *call);
/* In begin's stead, where there is no pool any more. */
void yb_call_refuse(yb_call *call, int code);
/* Puts the call in line, by its turn. */
void yb_call_enqueue(yb_call *call);
/* Completes the call, which is neither in line nor in a lane, and forgets it. */
void yb_call_finish(yb_call *call, intptr_t result);
/* The same at the loop's end: an operation ends in its last turns. */
void yb_call_drop(yb_call *call, int code);
/* Asks for the end of a work's call. */
void yb_call_cancel(yb_call *call);
/* Its worker is about to run it, or does. */
void yb_call_note_start(yb_call *call);
/* It waits again.  Returns false where its executor has dropped its line. */
bool yb_call_note_return(yb_call *call);
/* Its place in a lane was given back before the worker took it. */
void yb_call_withdrawn(yb_call *call);
/* report.c */

/* Fills the caller's report, and hands over what the job wrote, in the place of what an attempt
 * before has: process is NULL where none ran the call, end where it lives, answer where it gave
 * none, which is then still the oldest in the lane. */
void yb_call_report(yb_call *call, yb_process *process, const yb_process_end *end,
                    const yb_answer *answer);

/* limit.c */

/* Starts the time limit, the call having been given to a worker. */
void yb_call_arm(yb_call *call);
void yb_call_disarm(yb_call *call);
/* For how long the worker has been running the call: it says when it began, and may be lying. */
int64_t yb_call_running_ns(const yb_call *call);
/* Ends the worker of the call, which it runs; verdict is then the call's result, unless it is
 * answered first. */
void yb_call_stop_worker(yb_call *call, int verdict);

/* retry.c */

/* The call's worker has died: makes the call wait for its next attempt, where it has one left. */
bool yb_call_retry(yb_call *call);
/* It does not wait for that any more. */
void yb_call_leave_retry(yb_call *call);

/* process.c */

/* Returns 0, -EAGAIN where its lane is full, or another negative errno. */
int yb_process_give(yb_process *process, yb_call *call);
/* Goes on giving it a call with a large input, process->loading.  Returns 0 or a negative errno. */
int yb_process_go_on(yb_process *process);
/* Takes the call back; false: the worker has taken it. */
bool yb_process_withdraw(yb_process *process, yb_call *call);
/* Takes back and puts in line what the worker has not taken; or of that, what waits behind the job
 * that runs with a lower priority. */
void yb_process_withdraw_all(yb_process *process);
void yb_process_withdraw_below(yb_process *process, int priority);
/* The call that runs, or is about to; and the one after it.  NULL: none. */
yb_call *yb_process_first(const yb_process *process);
yb_call *yb_process_second(const yb_process *process);
/* Orders its death; gently: by SIGTERM, which it may survive. */
void yb_process_kill(yb_process *process, bool gently);
/* Finishes the calls that have been answered. */
void yb_process_collect(yb_process *process);
/* It has died. */
void yb_process_take_end(yb_process *process, const yb_process_end *end);

/* birth.c */

/* Orders a worker.  Returns 0, YIBU_EWORKER or a negative errno. */
int yb_process_start(yb_process_pool *pool);
/* It has been forked; and its initializer has been answered with status. */
void yb_process_started(yb_process *process, pid_t pid);
void yb_process_set_up(yb_process *process, intptr_t status);
/* Changes its state, and the pool's counts with it. */
void yb_process_become(yb_process *process, yb_process_state state);
void yb_process_free(yb_process *process);

/* news.c */

/* Takes in what the zygote has to say.  Returns 0, or -ECONNRESET: it has gone. */
int yb_process_hear(yb_process_pool *pool);

/* transfer.c */

enum { YB_TRANSFER_AT_ONCE = 1 << 20 };

/* Goes on with the input of process->loading, which has its place in the lane.
 * Returns 1 when all is there, 0, or a negative errno. */
int yb_process_load(yb_process *process);
/* Copies the output of process->answer, or the next slice of it.  Returns as above. */
int yb_process_copy_output(yb_process *process, yibu_buffer *output);
/* Makes it a payload.  Returns as above. */
int yb_process_hold_output(yb_process *process, yibu_payload **ret_output);

/* hear.c */

/* Whether somebody takes the call's messages; makes the pool ready for that: 0 or -ENOMEM. */
bool yb_call_listens(const yb_call *call);
int yb_call_prepare_to_listen(yb_call *call);
/* Hands over the messages of the oldest job; all of them where it has ended, and may be forgotten.
 * Returns 0, or -EPROTO: the worker wrote nonsense. */
int yb_process_hear_job(yb_process *process, bool ended);
/* The listener that did not take a message may take it now. */
void yb_call_listen_again(yb_call *call);

/* make_payload.c */

/* The pool's yb_job_executor.make_payload. */
int yb_process_pool_make_payload(yb_job_executor *executor, size_t size, yibu_payload **ret_payload,
                                 size_t *ret_populated);

/* feed.c */

/* Gives calls to workers, as many as can be. */
void yb_process_pool_feed(yb_process_pool *pool);
/* When the worker is expected to be done with what it has, from now. */
int64_t yb_process_wait(const yb_process *process);
/* The oldest call that waits in a lane behind another, and will for long; NULL: there is none. */
yb_call *yb_process_pool_find_late(yb_process_pool *pool);
/* The call that is next; NULL: none. */
yb_call *yb_process_pool_next(const yb_process_pool *pool);

/* staff.c */

/* Starts workers where calls wait, or will have to. */
void yb_process_pool_hire(yb_process_pool *pool);
/* A worker has come to an end that it was not asked for. */
void yb_process_pool_note_death(yb_process_pool *pool);
/* Whether another worker may be started for calls that wait. */
bool yb_process_pool_may_grow(const yb_process_pool *pool);
/* Workers that have nothing to do. */
unsigned yb_process_pool_idle_count(const yb_process_pool *pool);
/* Fails the calls that wait now; those that come from their callbacks have another try. */
void yb_process_pool_fail_waiting(yb_process_pool *pool, intptr_t code);
/* A worker could not be started: code says why, end how it ended (may be NULL). */
void yb_process_pool_start_failed(yb_process_pool *pool, intptr_t code, const yb_process_end *end);
/* For who asks from elsewhere. */
void yb_process_pool_publish_counts(yb_process_pool *pool);

#endif
