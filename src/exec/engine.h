/* What executors are made of: the common part of every executor, which is all that its users see,
 * and the class that an engine, threads or processes, fills in.
 *
 * An engine embeds struct yibu_executor in its own, calls yb_engine_init, and runs what it is
 * given.  The common part refuses what comes after a shutdown, bounds the line, makes futures,
 * cancels, counts, and says when to stop.  So an engine is given work only while it is open, need
 * not remember what it was given beyond running it, and is stopped only when nothing is under way.
 *
 * Calls of the class come from any thread, several at once, without a lock of the common part held;
 * never two for the same work at once, but for a cancel beside its start and end.
 *
 * States: OPEN, then REFUSING (shut down, broken, or its home loop has ended), then STOPPING once
 * nothing is under way, then STOPPED once the engine has said so. */
#ifndef YB_EXEC_ENGINE_H
#define YB_EXEC_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "exec/executor.h"
#include "exec/listener.h"
#include <yibu/executor.h>
#include <yibu/job.h>

/* A job on its way through an engine: its submitter's memory, from submit_job until done. */
typedef struct yb_job_work yb_job_work;
struct yb_job_work {
    yb_list links;      /* the engine's, as are the next three */
    yb_runnable posted; /* on its way to the engine's loop */
    yb_runnable cancel; /* the same of a cancel */
    yb_runnable listen; /* the same of listen_again */
    void *call;
    const yibu_job *job;
    yibu_bytes input;             /* stays until done */
    yibu_buffer *ret_output;      /* NULL: dropped */
    struct yibu_payload *payload; /* that input lies in; the engine's from submit_job on; or NULL */
    struct yibu_payload **ret_payload; /* where the output goes, instead of ret_output; or NULL */
    yb_listener listener;              /* to the job's messages; its take may be NULL; any thread */
    yibu_job_options options; /* what they point to stays until done; report is never NULL */
    intptr_t status;          /* set before done */
    /* It has left the line.  Before done, and not twice without returns; any thread; never
     * blocks. */
    void (*started)(yb_job_work *work);
    /* It waits again to be started: its worker died.  False: the executor has dropped its line, so
     * the work counts as running on, and should end.  Any thread; never blocks. */
    bool (*returns)(yb_job_work *work);
    void (*done)(yb_job_work *work); /* once; any thread; never blocks; frees the work */
    /* The engine has dealt with a cancel_job, in it or later, before or after done: the work stays
     * until then.  Once; any thread. */
    void (*cancel_over)(yb_job_work *work);
    void (*heard)(yb_job_work *work); /* the same of a listen_again */
};

typedef struct yb_engine_class {
    const char *kind; /* "threads", "processes": in the line of statistics */
    /* Takes work whose fn, arg, class and loop are set; where loop is NULL, done is called on the
     * thread that ran fn.  Returns 0 or a negative errno.  NULL: no functions here. */
    int (*submit)(yibu_executor *executor, yb_work *work);
    /* Takes work back that has not started, or gives up running work that has a release (then, and
     * where it was taken back, release is called).  Returns whether done will not be called.  False
     * also makes yibu_check_cancelled in the running function answer -ECANCELED. */
    bool (*cancel)(yibu_executor *executor, yb_work *work);
    /* Takes work back that has not started: then neither done nor release is called.  False: it has
     * started, or is about to, and nothing has changed. */
    bool (*withdraw)(yibu_executor *executor, yb_work *work);
    /* Takes a job.  Returns 0 or a negative errno.  NULL: the common part runs it as a function. */
    int (*submit_job)(yibu_executor *executor, yb_job_work *work);
    /* Asks for an early end; done follows all the same, once, with -ECANCELED or what became of it.
     * Once for a work, and perhaps after its done, which is no mistake.  cancel_over follows. */
    void (*cancel_job)(yibu_executor *executor, yb_job_work *work);
    /* The work's listener, which did not take a message, would now.  One at a time; perhaps after
     * done.  The work's heard follows.  May be NULL. */
    void (*listen_again)(yibu_executor *executor, yb_job_work *work);
    /* Makes a payload for a job, of which the first bytes are populated; suspends in a task, blocks
     * other threads.  Returns 0 or a failure.  NULL: no payloads here. */
    int (*make_payload)(yibu_executor *executor, size_t size, struct yibu_payload **ret_payload,
                        size_t *ret_populated);
    /* Nothing is under way and nothing more comes: tells the workers to end.  Once.  Any thread,
     * one of the workers' too; never blocks.  yb_engine_stopped follows, once, from here or
     * elsewhere. */
    void (*stop)(yibu_executor *executor);
    /* Adds what only the engine knows: workers, idle, crashed, restarted, and work that its own
     * room gave it past the common part. */
    void (*count)(yibu_executor *executor, yibu_executor_stats *statistics);
    /* In the thread of the home loop while that does not run, before free: ends at once what is
     * under way, calling done, so that stop and yb_engine_stopped have been called when this
     * returns.  NULL: the engine needs no loop. */
    void (*end)(yibu_executor *executor);
    /* Frees it, after yb_engine_stopped.  May wait for threads that are about to end.  Ends with
     * yb_engine_destroy and the memory. */
    void (*free)(yibu_executor *executor);
} yb_engine_class;

typedef enum yb_engine_state {
    YB_ENGINE_OPEN,
    YB_ENGINE_REFUSING,
    YB_ENGINE_STOPPING,
    YB_ENGINE_STOPPED
} yb_engine_state;

struct yibu_executor {
    const yb_engine_class *class;
    char name[16];             /* as threads' names are */
    unsigned max_workers;      /* at most so many calls run at once */
    unsigned max_queue;        /* so many beyond those wait in line, 0: as many as memory holds */
    _Atomic(yibu_loop *) home; /* runs the engine: its thread must not block on calls; or NULL */
    uint32_t forks;            /* of the process that made it; threads are not inherited */

    pthread_mutex_t lock;   /* for all that follows */
    pthread_cond_t changed; /* for threads that wait in shutdown */
    yb_engine_state state;
    int refusal;      /* why it refuses: YIBU_ESHUTDOWN, YIBU_EBROKENPOOL */
    bool dropped;     /* what waited in line was ended, and so is what comes back to it */
    yb_list calls;    /* submissions that have not ended */
    yb_list entrants; /* who waits for room in the line, first come, first served */
    yb_list watchers; /* tasks that wait in shutdown */
    size_t holds;     /* calls, and whatever else keeps the executor from being stopped */
    size_t queued;    /* calls in line */
    size_t running;   /* calls that have started and not returned */
    size_t nested;    /* calls in line that loops within its own functions wait for */
    uint64_t done, failed, cancelled;
    int64_t waited_ns, ran_ns;
};

/* Makes the common part of an engine's executor: name is cut off after 15 bytes.  The engine may
 * set home afterwards. */
void yb_engine_init(yibu_executor *executor, const yb_engine_class *class, const char *name,
                    unsigned max_workers, unsigned max_queue);
void yb_engine_destroy(yibu_executor *executor);

/* Refuses from now on what is submitted, with code, and ends what waits in line with it, too; what
 * runs goes on.  For workers that cannot be made (YIBU_EBROKENPOOL) and for a home loop that ends
 * (YIBU_ESHUTDOWN).  Any thread, without locks that the class's functions take. */
void yb_engine_refuse(yibu_executor *executor, int code);

/* Whether this thread's loop is a simulation, in which real threads and processes have no place. */
bool yb_engine_is_out_of_place(void);

/* Keeps the executor from being stopped: 0, or why it refuses what is new.  Any thread. */
int yb_engine_hold(yibu_executor *executor);
/* Drops a hold: the executor may be gone when this returns. */
void yb_engine_release(yibu_executor *executor);

/* The workers have ended, after stop.  The executor may be freed before this returns. */
void yb_engine_stopped(yibu_executor *executor);

/* Whether this process is a forked child of the one that made the executor. */
bool yb_engine_forked(const yibu_executor *executor);

#endif
