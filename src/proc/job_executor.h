/* The executor interface for jobs: who runs a registered job somewhere else.  The process pool
 * implements it; a simulator that runs jobs inline takes its place by filling the loop's part
 * first. */
#ifndef YB_PROC_JOB_EXECUTOR_H
#define YB_PROC_JOB_EXECUTOR_H

#include <yibu/payload.h>
#include <yibu/process_pool.h>

#include "exec/listener.h"
#include "loop/loop.h"

/* One call, checked; what it points to stays until the operation is complete. */
typedef struct yb_job_request {
    const yibu_job *job;
    yibu_bytes input;
    yibu_buffer *ret_output;
    yibu_payload *payload;      /* that input lies in; the executor's from begin on; or NULL */
    yibu_payload **ret_payload; /* where the output goes, instead of ret_output; or NULL */
    yb_listener listener;       /* its take may be NULL */
    yibu_job_options options;
} yb_job_request;

/* All calls: the loop's thread.  Freed through its part. */
typedef struct yb_job_executor yb_job_executor;
struct yb_job_executor {
    yb_loop_part part;
    /* Begins op, of kind YB_OP_CUSTOM and with its callback set: yb_op_complete follows once, with
     * the job's status.  Returns 0 or a negative errno. */
    int (*begin)(yb_job_executor *executor, yb_op *op, const yb_job_request *request);
    /* Makes a payload whose pages are yet to be populated from *ret_populated on.  NULL: they are
     * the heap's.  Returns as yibu_payload_new. */
    int (*make_payload)(yb_job_executor *executor, size_t size, yibu_payload **ret_payload,
                        size_t *ret_populated);
};

/* What every call does first: checks, and copies options into the request.  Returns 0 or
 * -EINVAL. */
int yb_job_request_prepare(yb_job_request *request, const yibu_job_options *options);
/* The two forms of a call that is prepared; whatever becomes of it, its payload is taken over. */
intptr_t yb_job_await(const yb_job_request *request);
int yb_job_start(yibu_loop *loop, yibu_op *op, const yb_job_request *request);

/* How long a job whose worker died waits for its next attempt, having had so many: twice as long
 * each time, from what was asked for (0: 0.1 s) up to a minute, or to what was asked for. */
int64_t yb_job_retry_delay(int64_t asked_ns, unsigned attempts);

/* The loop's executor for jobs: a process pool, made when first asked for.  Returns 0,
 * YIBU_ESHUTDOWN at the loop's end, or a negative errno. */
int yb_job_executor_of(yibu_loop *loop, yb_job_executor **ret_executor);

#endif
