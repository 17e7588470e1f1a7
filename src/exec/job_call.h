/* Submitted jobs: on a process engine as such, on an engine of functions as a function. */
#ifndef YB_EXEC_JOB_CALL_H
#define YB_EXEC_JOB_CALL_H

#include "exec/function.h"
#include "exec/message_box.h"
#include "exec/submission.h"

/* What a job's future keeps of it. */
typedef struct yb_job_outcome {
    yibu_buffer output;
    yibu_job_report report;
    yibu_job_report *ret_report;  /* the caller's, or NULL */
    struct yibu_payload *payload; /* the output of a job that was submitted with one, NULL: none */
    bool keeps_messages;
    yb_message_box box; /* where it does */
} yb_job_outcome;

/* What a call says, in memory of its own. */
typedef struct yb_job_request_copy {
    yibu_job job;
    yibu_bytes input;
    yibu_job_options options;
} yb_job_request_copy;

typedef struct yb_job_call {
    yb_submission submission; /* first */
    yb_job_outcome outcome;
    yb_job_request_copy request;
    yb_job_work work;
} yb_job_call;

typedef struct yb_job_function {
    yb_function_call call; /* first */
    yb_job_outcome outcome;
    yb_job_request_copy request;
} yb_job_function;

/* Whether a job can be called so: 0, -EINVAL; on threads also -ENOTSUP, YIBU_ENOJOB. */
int yb_job_call_check(const yibu_job *job, yibu_bytes input, const yibu_job_options *options);
int yb_job_function_check(const yibu_job *job, const yibu_job_options *options);

/* How many bytes a copy of what the call says takes, beyond the struct; and the copy, into memory
 * behind it.  What the caller is to receive (report, ret_out, ret_err) is not copied. */
size_t yb_job_copy_bytes(const yibu_job *job, yibu_bytes input, const yibu_job_options *options);
void yb_job_copy(yb_job_request_copy *ret_copy, char *memory, const yibu_job *job, yibu_bytes input,
                 const yibu_job_options *options);

/* Memory for a call, with what it says; NULL: there is none.  Then, once the executor's line has
 * been entered, the rest. */
yb_job_call *yb_job_call_new(const yibu_job *job, yibu_bytes input,
                             const yibu_job_options *options);
void yb_job_call_init(yb_job_call *self, yibu_executor *executor);
yb_job_function *yb_job_function_new(const yibu_job *job, yibu_bytes input,
                                     const yibu_job_options *options);
void yb_job_function_init(yb_job_function *self, yibu_executor *executor);

/* What goes in and comes out by payloads. */
typedef struct yb_job_payloads {
    yibu_bytes input;
    struct yibu_payload *payload; /* that input lies in; NULL: there is no input */
} yb_job_payloads;

/* The input, which is not copied, and the output are payloads; before it is handed over. */
void yb_job_call_set_payloads(yb_job_call *call, const yb_job_payloads *payloads);

/* Hands it to the engine; 0, or why that refused it: then it is gone. */
int yb_job_call_hand(yb_job_call *call);

/* The box of the job's future has room again.  Any thread. */
void yb_job_call_listen_again(yibu_concurrent_future *future);

/* yibu_executor_submit_job, or its try form, with payloads: the one that goes in is the executor's
 * once this returns 0 (executor.c). */
int yb_executor_submit_payload(yibu_executor *e, const yibu_job *job,
                               const yb_job_payloads *payloads, const yibu_job_options *given,
                               bool waits, yibu_concurrent_future **ret_future);

/* The job of a future on its way through a process engine, NULL: it is another one. */
yb_job_work *yb_job_work_of(yibu_concurrent_future *future);
/* What a job's future keeps, NULL: it is another one. */
yb_job_outcome *yb_job_outcome_of(yibu_concurrent_future *future);

#endif
