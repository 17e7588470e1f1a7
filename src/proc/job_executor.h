/* The executor interface for jobs: who runs a registered job somewhere else.  The process pool
 * implements it; a simulator that runs jobs inline takes its place by filling the loop's part
 * first. */
#ifndef YB_PROC_JOB_EXECUTOR_H
#define YB_PROC_JOB_EXECUTOR_H

#include <yibu/process_pool.h>

#include "loop/loop.h"

/* One call, checked; what it points to stays until the operation is complete. */
typedef struct yb_job_request {
    const yibu_job *job;
    yibu_bytes input;
    yibu_buffer *ret_output;
    yibu_job_options options;
} yb_job_request;

/* All calls: the loop's thread.  Freed through its part. */
typedef struct yb_job_executor yb_job_executor;
struct yb_job_executor {
    yb_loop_part part;
    /* Begins op, of kind YB_OP_CUSTOM and with its callback set: yb_op_complete follows once, with
     * the job's status.  Returns 0 or a negative errno. */
    int (*begin)(yb_job_executor *executor, yb_op *op, const yb_job_request *request);
};

/* The loop's executor for jobs: a process pool, made when first asked for.  Returns 0,
 * YIBU_ESHUTDOWN at the loop's end, or a negative errno. */
int yb_job_executor_of(yibu_loop *loop, yb_job_executor **ret_executor);

#endif
