/* Operations in the callback form, for tests. */
#ifndef OP_H
#define OP_H

#include "loop.h"

typedef struct test_op {
    yibu_op op;
    yibu_loop *loop;
    ssize_t result;
    int calls;
    bool done;
} test_op;

static inline void test_op_done(yibu_op *op, ssize_t result)
{
    test_op *t = op->arg;
    t->result = result;
    t->calls++;
    t->done = true;
}

static inline void test_op_init(test_op *t, yibu_loop *loop)
{
    *t = (test_op){.op = {.callback = test_op_done, .arg = t}, .loop = loop};
}

/* Waits for the result of a started operation. */
static inline ssize_t test_op_wait(test_op *t)
{
    test_loop_until(t->loop, &t->done);
    assert_int_equal(t->calls, 1);
    return t->result;
}

#endif
