/* What yibu_to_thread and yibu_to_process of a loop use in the place of the loop's own pools, and
 * the end of both. */
#ifndef YB_EXEC_DEFAULTS_H
#define YB_EXEC_DEFAULTS_H

#include <yibu/error.h>
#include <yibu/executor.h>

#include "exec/engine.h"
#include "exec/job_call.h"
#include "loop/loop.h"

enum { YB_EXECUTOR_KINDS = 2 };

/* Of one kind; defaults.c. */
typedef struct yb_default_slot {
    yibu_executor *executor; /* NULL: the loop's own pool */
    bool owned;
    bool shut_down;
    size_t under_way;     /* calls */
    yibu_future *drained; /* NULL: nobody waits for their end */
} yb_default_slot;

typedef struct yb_defaults {
    yb_loop_part part;
    yibu_loop *loop;
    yb_default_slot slots[YB_EXECUTOR_KINDS];
} yb_defaults;

/* The rare halves of the next two. */
int yb_default_begin_first(yibu_loop *loop, yibu_executor_kind kind, yibu_executor **ret_executor);
void yb_default_end_last(yb_default_slot *slot);

static inline yb_default_slot *yb_default_slot_of(yb_loop_part *part, yibu_executor_kind kind)
{
    return &YB_CONTAINER_OF(part, yb_defaults, part)->slots[kind];
}

/* Who runs a call of the loop's: 0 with *ret_executor, NULL: the loop's own pool, and the call
 * counts until yb_default_end; or why there is nobody.  Context: the loop's thread, as for all of
 * these. */
static inline int yb_default_begin(yibu_loop *loop, yibu_executor_kind kind,
                                   yibu_executor **ret_executor)
{
    yb_loop_part *part = loop->parts[YB_PART_DEFAULTS];
    if (YB_UNLIKELY(!part || loop->closing))
        return yb_default_begin_first(loop, kind, ret_executor);
    yb_default_slot *slot = yb_default_slot_of(part, kind);
    if (YB_UNLIKELY(slot->shut_down))
        return YIBU_ESHUTDOWN;
    *ret_executor = slot->executor;
    slot->under_way += !slot->executor;
    return 0;
}

static inline void yb_default_end(yibu_loop *loop, yibu_executor_kind kind)
{
    yb_loop_part *part = loop->parts[YB_PART_DEFAULTS];
    if (YB_UNLIKELY(!part)) /* the loop has ended it */
        return;
    yb_default_slot *slot = yb_default_slot_of(part, kind);
    if (--slot->under_way == 0 && slot->drained)
        yb_default_end_last(slot);
}

/* A call in the callback form, on an executor. */
int yb_default_start(yibu_executor *executor, yibu_loop *loop, yb_op *op, yibu_coroutine *fn,
                     void *arg);
int yb_default_start_job(yibu_executor *executor, yibu_loop *loop, yb_op *op, const yibu_job *job,
                         yibu_bytes input, yibu_buffer *ret_output,
                         const yibu_job_options *options);
/* The same with payloads, of which the one that goes in is taken over whatever this returns. */
int yb_default_start_payload(yibu_executor *executor, yibu_loop *loop, yb_op *op,
                             const yibu_job *job, const yb_job_payloads *payloads,
                             struct yibu_payload **ret_output, const yibu_job_options *options);

/* What was set or made for a kind of work in this thread's loop; NULL: the loop's own pool. */
yibu_executor *yb_default_of(const yibu_loop *loop, yibu_executor_kind kind);

/* Makes the loop's own pool of processes an executor, which is its only way in from then on; of the
 * room that has processes. */
int yb_default_processes_new(yibu_loop *loop, yibu_executor **ret_executor);

/* Has a job run by an executor, and waits: yibu_run_job_in_executor. */
intptr_t yb_run_job(yibu_executor *executor, const yibu_job *job, yibu_bytes input,
                    yibu_buffer *ret_output, const yibu_job_options *options);
/* The same with payloads, of which the one that goes in is taken over. */
intptr_t yb_run_payload(yibu_executor *executor, const yibu_job *job,
                        const yb_job_payloads *payloads, struct yibu_payload **ret_output,
                        const yibu_job_options *options);

#endif
