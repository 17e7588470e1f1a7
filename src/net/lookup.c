/* What the look-ups by libc have in common.
 *
 * libc's functions block for as long as a server does not answer, and nobody can interrupt them.  So
 * they have threads of their own: a server that is dead delays no other blocking function, and
 * whoever fills the loop's pool delays no look-up.  A cancel gives the look-up up and its thread
 * stays busy until libc returns. */
#include "net/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <yibu/error.h>

int yb_lookup_code(int error)
{
    switch (error) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno ? -errno : YIBU_EAI_OTHER;
    case EAI_AGAIN:
        return YIBU_EAI_AGAIN;
    case EAI_BADFLAGS:
        return YIBU_EAI_BADFLAGS;
    case EAI_FAIL:
        return YIBU_EAI_FAIL;
    case EAI_FAMILY:
        return YIBU_EAI_FAMILY;
    case EAI_NONAME:
    case EAI_NODATA: /* RFC 3493 has dropped these two in favour of EAI_NONAME */
    case EAI_ADDRFAMILY:
        return YIBU_EAI_NONAME;
    case EAI_SERVICE:
        return YIBU_EAI_SERVICE;
    case EAI_SOCKTYPE:
        return YIBU_EAI_SOCKTYPE;
    case EAI_OVERFLOW:
        return -ENOSPC;
    default:
        return YIBU_EAI_OTHER;
    }
}

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
