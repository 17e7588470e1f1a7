/* An executor whose workers are processes: what it is made of, and what its two halves share.
 *
 * Its pool belongs to the home loop's thread.  Others reach it through the intake, which is theirs
 * under the lock until it is closed.
 *
 *   process_executor.c         made and freed; what the common part asks of it, on any thread
 *   process_executor_home.c    the home loop's side */
#ifndef YB_PROC_PROCESS_EXECUTOR_H
#define YB_PROC_PROCESS_EXECUTOR_H

#include "proc/home.h"
#include "proc/pool.h"

typedef struct yb_process_executor yb_process_executor;

/* What is on its way to the home loop.  It outlives the executor while it is in that loop's
 * inbox. */
typedef struct yb_intake {
    yb_runnable arrive;
    yb_process_executor *executor; /* NULL: it has gone.  The home loop's thread */
} yb_intake;

struct yb_process_executor {
    yibu_executor base;
    yb_pool_owner owner;
    yb_list links; /* among those at home on the same loop */
    yibu_loop *loop;
    yb_process_pool *pool; /* NULL: ended.  The loop's thread */
    bool own_thread;
    bool takes_over; /* its pool is what was the loop's own, where that has one */
    yb_home home;    /* where it has a thread of its own */
    yb_runnable stop;
    yibu_process_pool_options options; /* what they point to is here, too */
    yibu_job initializer, preload;
    void *input;
    char name[16];

    pthread_mutex_t lock; /* for what follows */
    bool closed;          /* the home takes nothing any more */
    bool ended;           /* it has nothing left, either */
    bool stop_asked;
    bool told;       /* the common part knows that it has stopped */
    bool posted;     /* the intake is in the loop's inbox */
    yb_fifo waiting; /* for the home loop: works, cancels, the stop */
    yb_intake *intake;
};

/* process_executor.c */

/* As yibu_process_pool_executor_new. */
int yb_process_executor_new(const yibu_process_pool_options *options, bool takes_over,
                            yibu_executor **ret_executor);

/* payload_executor.c */

int yb_process_executor_make_payload(yibu_executor *executor, size_t size,
                                     yibu_payload **ret_payload, size_t *ret_populated);

/* process_executor_home.c */

/* Makes or takes over the pool on the loop, which becomes the executor's home, in its thread.
 * Returns 0 or a negative errno. */
int yb_process_executor_settle(yb_process_executor *executor, yibu_loop *loop);
/* Makes the home loop run item, which is of the next three.  False: it is closed.  Any thread. */
bool yb_process_executor_post(yb_process_executor *executor, yb_runnable *item);
/* The home loop's thread: begins the call of a work, asks for its end, tells the workers to end. */
void yb_process_executor_begin(yb_runnable *posted);
void yb_process_executor_cancel(yb_runnable *cancel);
void yb_process_executor_listen(yb_runnable *listen);
void yb_process_executor_stop(yb_runnable *stop);
/* Ends at once what there is.  The home loop's thread, while it does not run. */
void yb_process_executor_end(yb_process_executor *executor);
/* Tells the common part that the executor has stopped, once that is so.  It may be gone then. */
void yb_process_executor_tell(yb_process_executor *executor);
/* It has left its home, which has gone, too, where it is a thread of its own. */
void yb_process_executor_gone(yb_process_executor *executor);

#endif
