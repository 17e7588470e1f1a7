/* What executors are made of: the common part of every executor (executor.c), and the class that an
 * engine, threads or processes, fills in.
 *
 * The common part refuses after shutdown, bounds the line and counts; the engine runs.  Calls of the
 * class come from any thread, and never two for the same work at once but cancel beside its end. */
#ifndef YB_EXEC_ENGINE_H
#define YB_EXEC_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "exec/executor.h"
#include <yibu/job.h>

typedef struct yibu_executor yibu_executor;
struct yibu_executor_statistics;

/* A job on its way through an engine: its submitter's memory, from submit_job until done. */
typedef struct yb_job_work yb_job_work;
struct yb_job_work {
    yb_list links;      /* the engine's, as is the next */
    yb_runnable posted; /* on its way to the engine's loop */
    void *call;         /* the engine's */
    const yibu_job *job;
    yibu_bytes input; /* stays until done */
    yibu_buffer *ret_output;
    yibu_job_options options; /* what they point to stays until done */
    intptr_t status;          /* from done on */
    void (*started)(yb_job_work *work); /* it has left the line; any thread, before done; may be NULL */
    void (*done)(yb_job_work *work);    /* once, on the engine's thread; must not block */
};

typedef struct yb_engine_class {
    const char *name; /* "threads", "processes": in the line of statistics */
    /* Takes work whose fn, arg, done and release are set; loop is NULL where done is to be called on
     * the thread that ran fn.  Returns 0 or a negative errno.  NULL: no functions here. */
    int (*submit)(yibu_executor *executor, yb_work *work);
    /* As yb_executor_class.cancel, from any thread. */
    bool (*cancel)(yibu_executor *executor, yb_work *work);
    /* Takes a job.  Returns 0 or a negative errno. */
    int (*submit_job)(yibu_executor *executor, yb_job_work *work);
    /* Asks for an early end; done follows all the same, once, with -ECANCELED or what became of it. */
    void (*cancel_job)(yibu_executor *executor, yb_job_work *work);
    /* Nothing more comes and nothing is under way: ends the workers.  May block where `wait`. */
    void (*stop)(yibu_executor *executor, bool wait);
    /* Fills what only the engine knows: workers, idle, and so on. */
    void (*count)(yibu_executor *executor, struct yibu_executor_statistics *statistics);
    /* Frees the memory, after stop. */
    void (*free)(yibu_executor *executor);
} yb_engine_class;

#endif
