/* The messages of jobs, to whoever listens: as many as have come each time answers are collected,
 * and the rest before the job's own answer, or its worker's death, is told.
 *
 * A listener may refuse a message, being full: it stays in the lane, and the job goes on until the
 * lane is full as well, and then waits.  Once the job has ended, what is left must be taken; that
 * is no more than a lane holds. */
#include <errno.h>

#include "base/memory.h"
#include "proc/messages.h"
#include "proc/pool.h"

bool yb_call_listens(const yb_call *call)
{
    return call->listener.take || call->on_message;
}

int yb_call_prepare_to_listen(yb_call *call)
{
    yb_process_pool *pool = call->pool;
    if (!pool->message_copy && yb_call_listens(call))
        pool->message_copy = yb_malloc(YB_MESSAGE_MOST);
    return pool->message_copy || !yb_call_listens(call) ? 0 : -ENOMEM;
}

/* One that is to be ended hears no more; nor does one that never wanted to. */
static bool offer(const yb_call *call, yibu_bytes message, bool must)
{
    if (!call || call->verdict == -ECANCELED)
        return true;
    if (call->listener.take)
        return call->listener.take(call->listener.arg, message, must);
    if (call->on_message)
        call->on_message(message, call->message_arg);
    return true;
}

int yb_process_hear_job(yb_process *process, bool ended)
{
    yb_lane *lane = &process->lane;
    uint32_t n = lane->retired;
    size_t size;
    int r = 0;
    if (lane->listeners == 0 || n == lane->submitted || (lane->deaf && !ended))
        return 0;
    lane->deaf = false;
    void *copy = process->pool->message_copy;
    while ((r = yb_messages_next(lane, n, copy, &size)) > 0) {
        if (!offer(process->calls[n % YB_LANE_SLOTS], (yibu_bytes){copy, size}, ended)) {
            lane->deaf = true;
            return 0;
        }
        yb_messages_pass(lane);
        process->changed = true;
    }
    return r;
}

void yb_call_listen_again(yb_call *call)
{
    if (!call->worker || yb_process_first(call->worker) != call)
        return;
    call->worker->lane.deaf = false;
    yb_process_pool_flush_soon(call->pool);
}
