/* Functions that run beside the loop.  The thread pool runs them; a simulator that runs them inline
 * takes its place by filling the loop's part first.
 *
 * A piece of work is its submitter's memory, and with the executor from submit until done, release,
 * or a cancel that answered true for work without release.  When the loop ends, work that has not
 * started is done with the result -ECANCELED. */
#ifndef YB_EXEC_EXECUTOR_H
#define YB_EXEC_EXECUTOR_H

#include <stdatomic.h>

#include "base/list.h"
#include "loop/loop.h"
#include <yibu/task.h>

/* How long the ends of the loop and of the program wait for functions, where no options say so. */
#define YB_EXIT_WAIT_NS (INT64_C(10) * 1000000000)

typedef struct yb_work yb_work;
typedef struct yb_returns yb_returns;

/* A kind of work.  Static. */
typedef struct yb_work_class {
    /* Once fn has returned: in the loop, or on fn's thread where the work has no loop. */
    void (*done)(yb_work *work);
    /* NULL: running work is waited for.  Else a cancel gives it up: release is called in done's
     * stead, from the cancel if fn has not started, else by fn's thread once it has returned. */
    void (*release)(yb_work *work);
    /* While fn runs, on its thread; both may be NULL.  The task-locals that fn sees: */
    struct yb_locals *(*locals)(const yb_work *work);
    /* The way to the loop that asked, where the work itself has none; NULL: there is no loop. */
    yb_returns *(*asker)(const yb_work *work);
    /* The function that fn runs for somebody, for reports; NULL: fn itself. */
    yibu_coroutine *(*behalf)(const yb_work *work);
    bool dispensable; /* nobody waits for its start */
} yb_work_class;

struct yb_work {
    union {
        yb_list links;      /* waiting in line, outside the pool's ring */
        yb_runnable posted; /* on its way back to the loop, where the short way is full */
    };
    yibu_coroutine *fn;
    union {
        void *arg;       /* until fn has run */
        intptr_t result; /* from then on */
    };
    const yb_work_class *class;
    union {
        yibu_loop *loop;     /* until submit: the caller's, where done is called; may be NULL */
        yb_returns *returns; /* the executor's, from then on */
    };
    _Atomic(uint32_t) slot; /* the executor's, as are the next two */
    _Atomic(uint8_t) fate;  /* where it has a release */
    _Atomic(bool) unwanted; /* a cancel came too late; for yibu_check_cancelled */
};

typedef struct yb_executor yb_executor;

typedef struct yb_executor_class {
    /* Takes work whose fn, arg and class are set; its loop is the executor's.
     * Returns 0 or a negative errno. */
    int (*submit)(yb_executor *executor, yb_work *work);
    /* Takes back work that has not started, or gives up running work that has a release.
     * Returns whether done will not be called. */
    bool (*cancel)(yb_executor *executor, yb_work *work);
} yb_executor_class;

/* What a loop submits to.  All calls: the loop's thread.  Freed through its part. */
struct yb_executor {
    yb_loop_part part;
    const yb_executor_class *class;
};

/* How long the ends of the loop and of the program wait for its functions before they name them. */
static inline int64_t yb_exit_wait_of(const yibu_loop *loop)
{
    int64_t asked_ns = loop->options.exit_wait_ns;
    return asked_ns ? asked_ns : YB_EXIT_WAIT_NS;
}

/* A pool of its own for one kind of work, as one of the loop's parts, with at most max_threads
 * threads (0: as many as the loop's options say), made when first asked for. */
int yb_executor_make(yibu_loop *loop, yb_loop_part_kind kind, unsigned max_threads,
                     yb_executor **ret_executor);
static inline int yb_executor_of_part(yibu_loop *loop, yb_loop_part_kind kind, unsigned max_threads,
                                      yb_executor **ret_executor)
{
    yb_loop_part *part = loop->parts[kind];
    if (YB_UNLIKELY(!part || loop->closing))
        return yb_executor_make(loop, kind, max_threads, ret_executor);
    *ret_executor = YB_CONTAINER_OF(part, yb_executor, part);
    return 0;
}

/* The loop's executor for functions that block: a thread pool, made when first asked for. */
static inline int yb_executor_of(yibu_loop *loop, yb_executor **ret_executor)
{
    return yb_executor_of_part(loop, YB_PART_THREADS, 0, ret_executor);
}

#endif
