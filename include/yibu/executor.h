/* Executors: functions and jobs that run beside the loop, on threads (<yibu/thread_pool.h>) or in
 * processes (<yibu/process_pool.h>), with one interface for both (concurrent.futures.Executor).
 *
 * An executor belongs to no thread and no loop: every call here that does not say otherwise may be
 * made from any thread, by tasks of any loop and by threads without one.  What is submitted is
 * followed by a future of no thread (<yibu/concurrent_future.h>). */
#ifndef YIBU_EXECUTOR_H
#define YIBU_EXECUTOR_H

#include <yibu/base.h>
#include <yibu/buffer.h>
#include <yibu/concurrent_future.h>
#include <yibu/iterator.h>
#include <yibu/job.h>
#include <yibu/loop.h>
#include <yibu/task.h>

typedef struct yibu_executor yibu_executor;

/* What an executor does and has done.  Set size to sizeof before asking. */
typedef struct yibu_executor_statistics {
    size_t size;
    unsigned workers;     /* threads or processes that are there */
    unsigned idle;        /* of them, without work */
    unsigned max_workers; /* as many as it may have */
    size_t queued;        /* calls in line */
    size_t running;       /* calls being run */
    uint64_t done;        /* that have ended with a value */
    uint64_t failed;      /* with a failure */
    uint64_t cancelled;   /* with -ECANCELED, before they ran or while they did */
    int64_t waited_ns;    /* in line, all calls together */
    int64_t ran_ns;       /* being run, all calls together */
    uint64_t crashed;     /* workers that died */
    uint64_t restarted;   /* of them, replaced */
} yibu_executor_statistics;

YIBU_BEGIN_DECLS

YIBU_END_DECLS

#endif
