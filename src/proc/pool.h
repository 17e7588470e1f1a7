/* The process pool of a loop, from the inside.
 *
 * A call is in line, or given to a worker: then it sits in that worker's lane, where it is queued
 * or taken.  Everything here belongs to the loop's thread.
 *
 *   call.c     a call's life: made, cancelled, timed out, finished
 *   process.c  a worker process as its parent sees it
 *   transfer.c the bytes of inputs and outputs
 *   feed.c     which call goes to which worker
 *   pool.c     the pool's life, and what wakes it */
#ifndef YB_PROC_POOL_H
#define YB_PROC_POOL_H

#include "loop/loop.h"
#include "proc/cost.h"
#include "proc/job_executor.h"
#include "proc/lane.h"
#include "proc/spawner.h"
#include "proc/spin.h"

typedef struct yb_process_pool yb_process_pool;
typedef struct yb_process yb_process;

typedef struct yb_call {
    yb_list links; /* in line, or among the pool's spare ones */
    yb_process_pool *pool;
    yb_op *op;
    const yibu_job *job;
    yibu_bytes input;
    yibu_buffer *ret_output;
    yibu_job_report *report;
    int64_t timeout_ns; /* 0: none */
    uint64_t turn;      /* the smaller, the earlier it came */
    yb_process *worker; /* NULL: in line */
    uint32_t number;    /* in the worker's lane */
    int verdict;        /* why its worker is being killed, 0: it is not */
    int64_t expected_ns;
    bool timed; /* timer is armed */
    yb_timer timer;
} yb_call;

typedef enum yb_process_state {
    YB_PROCESS_STARTING, /* ordered */
    YB_PROCESS_READY,
    YB_PROCESS_DYING /* its death was ordered, or is certain: nothing more is given to it */
} yb_process_state;

struct yb_process {
    yb_list links;
    yb_process_pool *pool;
    uint64_t number; /* the zygote's name for it */
    pid_t pid;
    yb_process_state state;
    bool proven;  /* has answered */
    bool spins;   /* is one of those that may */
    bool changed; /* its lane has something to publish */
    yb_lane lane;
    yb_call *loading; /* the call whose input is on its way into the lane, a slice a turn */
    size_t loaded;
    bool copying; /* the output of `answer` is on its way out, likewise */
    size_t copied;
    yb_answer answer;
    yb_call *calls[YB_LANE_SLOTS]; /* by number; NULL: withdrawn */
    unsigned load;                 /* calls among them */
    int64_t backlog_ns;            /* that they are expected to take */
    int64_t head_since_ns;         /* when the oldest became the oldest */
};

/* How a process ended. */
typedef struct yb_process_end {
    int status; /* of wait(2) */
    uint64_t peak_memory_bytes;
} yb_process_end;

/* A descriptor watched without keeping the loop alive. */
typedef struct yb_process_watch {
    yb_op op;
    bool active;
} yb_process_watch;

struct yb_process_pool {
    yb_job_executor executor;
    yibu_loop *loop;
    yb_spawner spawner;
    int doorbell;
    yb_process_watch doorbell_watch, news_watch;
    yb_runnable flush; /* collects, gives and publishes, once a turn at most */
    bool flushing;     /* it is in the ready queue */
    bool ending;
    yb_timer later; /* flushes again: a pause after failures, or work that may be better placed */
    bool later_armed;
    yb_list line;     /* calls by turn */
    unsigned waiting; /* how many */
    yb_list spare;
    unsigned spare_count;
    yb_list processes;
    unsigned process_count, starting_count, max_processes;
    unsigned processors, spinning_count;
    yb_spin spin;   /* for an answer */
    unsigned calls; /* under way */
    uint64_t next_turn, next_process;
    unsigned failures;       /* to start, in a row */
    int64_t retry_ns;        /* no new start before */
    yb_process_end last_end; /* of what failed to start */
    yb_costs costs;
};

/* pool.c */

/* Flushes after what is ready now, or after a time; asked for again meanwhile, once. */
void yb_process_pool_flush_soon(yb_process_pool *pool);
void yb_process_pool_flush_later(yb_process_pool *pool, int64_t delay_ns);
/* Returns 0 or a negative errno. */
int yb_process_pool_watch_news(yb_process_pool *pool);

/* call.c */

/* Puts the call in line, by its turn. */
/* The pool's yb_job_executor.begin. */
int yb_call_begin(yb_job_executor *executor, yb_op *op, const yb_job_request *request);
void yb_call_enqueue(yb_call *call);
/* Completes the call, which is neither in line nor in a lane, and forgets it. */
void yb_call_finish(yb_call *call, intptr_t result);
/* The same at the loop's end: in its last turns, with -ECANCELED. */
void yb_call_drop(yb_call *call);
/* Starts the time limit, the call having been given to a worker; and takes that back. */
void yb_call_arm(yb_call *call);
void yb_call_withdrawn(yb_call *call);
/* Fills the caller's report: process is NULL where none ran the call, end where it lives. */
void yb_call_report(yb_call *call, const yb_process *process, const yb_process_end *end,
                    int64_t run_ns);

/* process.c */

/* Orders a worker.  Returns 0, YIBU_EWORKER or a negative errno. */
int yb_process_start(yb_process_pool *pool);
/* Returns 0, -EAGAIN where its lane is full, or another negative errno. */
int yb_process_give(yb_process *process, yb_call *call);
/* Goes on giving it a call with a large input, process->loading.  Returns 0 or a negative errno. */
int yb_process_go_on(yb_process *process);
/* Takes the call back; false: the worker has taken it. */
bool yb_process_withdraw(yb_process *process, yb_call *call);
/* The call that comes after the one that runs, or NULL. */
yb_call *yb_process_second(const yb_process *process);
/* Orders its death, because of what it does, or because of the call that it runs: then verdict is
 * the call's result, unless it has been answered. */
void yb_process_kill(yb_process *process);
void yb_process_kill_for(yb_process *process, yb_call *call, int verdict);
/* Finishes the calls that have been answered. */
void yb_process_collect(yb_process *process);
void yb_process_free(yb_process *process);
/* Takes in what the zygote has to say.  Returns 0, or -ECONNRESET: it has gone. */
int yb_process_hear(yb_process_pool *pool);

/* transfer.c */

enum { YB_TRANSFER_AT_ONCE = 1 << 20 };

/* Goes on with the input of process->loading, which has its place in the lane.
 * Returns 1 when all is there, 0, or a negative errno. */
int yb_process_load(yb_process *process);
/* Copies the output of process->answer, or the next slice of it.  Returns as above. */
int yb_process_copy_output(yb_process *process, yibu_buffer *output);

/* feed.c */

/* Gives calls to workers, as many as can be, and starts workers where calls wait. */
void yb_process_pool_feed(yb_process_pool *pool);
/* A worker could not be started: code says why, end how it ended (may be NULL). */
void yb_process_pool_start_failed(yb_process_pool *pool, intptr_t code, const yb_process_end *end);

#endif
