/* Further attempts of a call whose worker died, whatever killed it but us, or for which none could
 * be kept alive: not for what the job itself says, not for a time limit, not for a cancel, and not
 * once its executor has dropped what waits.  In between it is nobody's: neither in the pool's line
 * nor in a lane.  It keeps its turn, so it does not go to the line's end. */
#include "proc/pool.h"

static const int64_t FIRST_DELAY_NS = 100000000, MOST_DELAY_NS = 60000000000;

int64_t yb_job_retry_delay(int64_t asked_ns, unsigned attempts)
{
    int64_t first = asked_ns ? asked_ns : FIRST_DELAY_NS;
    int64_t most = first > MOST_DELAY_NS ? first : MOST_DELAY_NS, delay = first;
    for (unsigned i = 1; i < attempts && delay < most; i++)
        delay = delay > most / 2 ? most : delay * 2;
    return delay;
}

void yb_call_leave_retry(yb_call *call)
{
    yb_list_remove(&call->place.links);
    yb_call_disarm(call);
    call->retrying = false;
}

static void try_again(yb_timer *timer)
{
    yb_call *call = YB_CONTAINER_OF(timer, yb_call, timer);
    call->timed = false;
    yb_call_leave_retry(call);
    yb_call_enqueue(call);
}

bool yb_call_retry(yb_call *call)
{
    yb_process_pool *pool = call->pool;
    if (call->attempts >= call->limits.max_attempts || pool->ending || pool->broken ||
        !yb_call_note_return(call))
        return false;
    yb_call_disarm(call);
    call->worker = NULL;
    call->retrying = true;
    yb_list_push_back(&pool->retrying, &call->place.links);
    call->timer.fire = try_again;
    int64_t delay_ns = yb_job_retry_delay(call->limits.retry_delay_ns, call->attempts);
    call->timer.deadline_ns = yb_loop_deadline(pool->loop, delay_ns);
    yb_loop_timer_add(pool->loop, &call->timer);
    call->timed = true;
    return true;
}
