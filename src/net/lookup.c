/* What the look-ups by libc have in common.
 *
 * libc's functions block for as long as a server does not answer, and nobody can interrupt them.
 * So they have threads of their own: a server that is dead delays no other blocking function, and
 * whoever fills the loop's pool delays no look-up.  A cancel gives the look-up up and its thread
 * stays busy until libc returns. */
#include "net/lookup.h"

/* In a simulation there is one executor, which runs everything inline. */
static int executor_of(yibu_loop *loop, yb_executor **ret_executor)
{
    if (yb_lookup_backend(loop))
        return yb_executor_of(loop, ret_executor);
    return yb_executor_of_part(loop, YB_PART_LOOKUPS, 0, ret_executor);
}

static bool cancel(yb_op *op)
{
    yb_work *work = op->custom_data;
    yb_executor *executor;
    return executor_of(op->loop, &executor) == 0 && executor->class->cancel(executor, work);
}

int yb_lookup_start(yibu_loop *loop, yb_op *op, yb_work *work)
{
    yb_executor *executor;
    int r = executor_of(loop, &executor);
    if (r == 0)
        r = executor->class->submit(executor, work);
    if (r == 0)
        yb_op_begin_custom(loop, op, cancel, work);
    return r;
}
