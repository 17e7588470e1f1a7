/* What yibu_to_thread and yibu_to_process of a loop use in the place of the loop's own pools, and the
 * end of both. */
#ifndef YB_EXEC_DEFAULTS_H
#define YB_EXEC_DEFAULTS_H

#include <yibu/executor.h>

#include "exec/engine.h"
#include "loop/loop.h"

/* Who runs a call of the loop's: 0 with *ret_executor, NULL: the loop's own pool, and the call counts
 * until yb_default_end; or why there is nobody.  Context: the loop's thread, as for all of these. */
int yb_default_begin(yibu_loop *loop, yibu_executor_kind kind, yibu_executor **ret_executor);
void yb_default_end(yibu_loop *loop, yibu_executor_kind kind);

/* A call in the callback form, on an executor. */
int yb_default_start(yibu_executor *executor, yibu_loop *loop, yb_op *op, yibu_coroutine *fn,
                     void *arg);
int yb_default_start_job(yibu_executor *executor, yibu_loop *loop, yb_op *op, const yibu_job *job,
                         yibu_bytes input, yibu_buffer *ret_output,
                         const yibu_job_options *options);

/* Makes an executor of processes as the loop's own pool is; of the room that has processes. */
int yb_default_processes_new(yibu_loop *loop, yibu_executor **ret_executor);

/* Has a job run by an executor, and waits: yibu_run_job_in_executor. */
intptr_t yb_run_job(yibu_executor *executor, const yibu_job *job, yibu_bytes input,
                    yibu_buffer *ret_output, const yibu_job_options *options);

#endif
