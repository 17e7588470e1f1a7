/* A call of a job: made, cancelled, finished.
 *
 * States: in LINE; RETRYING, waiting for its next attempt (retry.c); QUEUED or TAKEN in a worker's
 * lane (`worker` is set); then finished, which tells whom it is for and recycles it.  `verdict` is
 * set while TAKEN, when its worker's end was ordered: the answer may still arrive first, and then
 * counts.
 *
 * It is for an operation of the pool's loop, or for the work of an executor, which any thread may
 * have submitted; such a call is made by that thread, and belongs to the pool's from begin on. */
#include <errno.h>

#include "base/memory.h"
#include "proc/pool.h"

enum { MAX_SPARE = 1024 };

static yb_call *new_call(yb_process_pool *pool)
{
    yb_list *item = yb_list_pop_front(&pool->spare);
    if (!item)
        return yb_malloc(sizeof(yb_call));
    pool->spare_count--;
    return YB_CONTAINER_OF(item, yb_call, place.links);
}

static void recycle(yb_call *call)
{
    yb_process_pool *pool = call->pool;
    yb_call_disarm(call);
    yibu_payload_free(call->payload);
    yb_free(call->settings);
    if (call->op)
        pool->calls--;
    else
        yb_loop_unhold(pool->loop);
    if (pool->stop_asked && pool->calls == 0 && !pool->ending)
        yb_process_pool_flush_soon(pool);
    if (pool->spare_count == MAX_SPARE) {
        yb_free(call);
        return;
    }
    yb_list_push_back(&pool->spare, &call->place.links);
    pool->spare_count++;
}

void yb_call_enqueue(yb_call *call)
{
    yb_process_pool *pool = call->pool;
    call->worker = NULL;
    (void)yb_call_note_return(call);
    pool->ranked |= call->place.priority != 0;
    yb_turns_enter(&pool->line, &call->place);
    yb_process_pool_flush_soon(pool);
}

/* The end. */

static void tell(yb_job_work *work, intptr_t result)
{
    work->status = result;
    work->call = NULL;
    work->done(work);
}

void yb_call_finish(yb_call *call, intptr_t result)
{
    yb_op *op = call->op;
    yb_job_work *work = call->work;
    if (call->worker)
        yb_call_note_start(call);
    recycle(call);
    if (op)
        yb_op_complete(op, result);
    else
        tell(work, result);
}

void yb_call_drop(yb_call *call, int code)
{
    yb_op *op = call->op;
    if (!op) {
        yb_call_finish(call, code);
        return;
    }
    recycle(call);
    yb_op_complete_soon(op, code);
}

void yb_call_note_start(yb_call *call)
{
    if (!call->work || call->started)
        return;
    call->started = true;
    if (call->work->started)
        call->work->started(call->work);
}

bool yb_call_note_return(yb_call *call)
{
    if (!call->started)
        return true;
    call->started = false;
    return !call->work->returns || call->work->returns(call->work);
}

void yb_call_withdrawn(yb_call *call)
{
    yb_call_disarm(call);
}

/* Cancels. */

/* Takes it out of wherever it waits; false: it runs. */
static bool withdraw(yb_call *call)
{
    if (call->worker)
        return yb_process_withdraw(call->worker, call);
    if (call->retrying)
        yb_call_leave_retry(call);
    else
        yb_turns_leave(&call->pool->line, &call->place);
    return true;
}

static bool cancel(yb_op *op)
{
    yb_call *call = op->custom_data;
    if (!withdraw(call)) {
        yb_call_stop_worker(call, -ECANCELED);
        return false;
    }
    yb_process_pool_flush_soon(call->pool);
    recycle(call);
    return true;
}

void yb_call_cancel(yb_call *call)
{
    yb_process_pool_flush_soon(call->pool);
    if (withdraw(call))
        yb_call_finish(call, -ECANCELED);
    else
        yb_call_stop_worker(call, -ECANCELED);
}

/* The beginning. */

/* Returns 0 or -ENOMEM. */
static int set_up(yb_call *call, const yibu_job *job, yibu_bytes input, yibu_buffer *ret_output,
                  const yibu_job_options *options)
{
    *call = (yb_call){.job = job,
                      .input = input,
                      .ret_output = ret_output,
                      .on_message = options->on_message,
                      .message_arg = options->message_arg,
                      .report = options->report,
                      .limits = {.timeout_ns = options->timeout_ns,
                                 .grace_ns = options->grace_ns,
                                 .retry_delay_ns = options->retry_delay_ns,
                                 .max_attempts = options->max_attempts},
                      .place.priority = options->priority,
                      .ret_text = {options->ret_out, options->ret_err}};
    return yb_settings_new(options, &call->settings);
}

int yb_call_begin(yb_job_executor *executor, yb_op *op, const yb_job_request *request)
{
    yb_process_pool *pool = YB_CONTAINER_OF(executor, yb_process_pool, executor);
    if (pool->broken)
        return pool->broken;
    yb_call *call = new_call(pool);
    if (!call)
        return -ENOMEM;
    int r = set_up(call, request->job, request->input, request->ret_output, &request->options);
    call->pool = pool;
    call->op = op;
    call->listener = request->listener;
    call->ret_payload = request->ret_payload;
    if (r < 0 || yb_call_prepare_to_listen(call) < 0) {
        yb_free(call->settings);
        yb_free(call);
        return -ENOMEM;
    }
    call->payload = request->payload;
    call->place.turn = yb_turns_take_turn(&pool->line, pool->loop);
    pool->calls++;
    yb_op_begin_custom(pool->loop, op, cancel, call);
    yb_call_enqueue(call);
    return 0;
}

yb_call *yb_call_new_for(yb_job_work *work, yb_pool_owner *owner)
{
    yb_call *call = yb_malloc(sizeof(*call));
    if (!call)
        return NULL;
    if (set_up(call, work->job, work->input, work->ret_output, &work->options) < 0) {
        yb_free(call);
        return NULL;
    }
    call->work = work;
    call->listener = work->listener;
    call->payload = work->payload;
    call->ret_payload = work->ret_payload;
    call->owner = owner;
    call->source = yb_loop_current;
    return call;
}

void yb_call_begin_for(yb_process_pool *pool, yb_call *call)
{
    call->pool = pool;
    call->place.turn = yb_turns_take_turn(&pool->line, call->source);
    yb_loop_hold(pool->loop);
    int r = pool->broken ? pool->broken : yb_call_prepare_to_listen(call);
    if (r < 0)
        yb_call_finish(call, r);
    else
        yb_call_enqueue(call);
}

void yb_call_refuse(yb_call *call, int code)
{
    yb_job_work *work = call->work;
    yibu_payload_free(call->payload);
    yb_free(call->settings);
    yb_free(call);
    tell(work, code);
}
