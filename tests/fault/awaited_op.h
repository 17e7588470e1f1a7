/* Operations in their callback form that a task waits for: it cancels what it may not wait for any
 * longer. */
#ifndef AWAITED_OP_H
#define AWAITED_OP_H

#include "test.h"

typedef struct awaited_op {
    yibu_op op;
    yibu_event ended;
    ssize_t result;
} awaited_op;

static inline void awaited_op_ended(yibu_op *op, ssize_t result)
{
    awaited_op *o = op->arg;
    o->result = result;
    yibu_event_set(&o->ended);
}

static inline yibu_op *awaited_op_new(awaited_op *o)
{
    *o = (awaited_op){.op = {.callback = awaited_op_ended, .arg = o}, .ended = YIBU_EVENT_INIT};
    return &o->op;
}

/* What became of it.  A cancel of the task stays until its next checkpoint. */
static inline ssize_t awaited_op_end(awaited_op *o, int started)
{
    if (started < 0)
        return started;
    if (yibu_event_wait(&o->ended) < 0) {
        yibu_timeout shield;
        (void)yibu_op_cancel(&o->op);
        yibu_shield_begin(&shield, YIBU_FOREVER);
        (void)yibu_event_wait(&o->ended);
        yibu_shield_end(&shield);
    }
    return o->result;
}

#endif
