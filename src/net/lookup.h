/* Look-ups of names and addresses by libc, each on a thread of a pool that nothing else uses. */
#ifndef YB_NET_LOOKUP_H
#define YB_NET_LOOKUP_H

#include <yibu/address.h>

#include "exec/executor.h"

/* Puts work, whose fn, arg, done and release are set, on a thread; op is cancelled by giving it up.
 * Returns 0, or a negative errno: nothing was started. */
int yb_lookup_start(yibu_loop *loop, yb_op *op, yb_work *work);

/* Where the loop has a network of its own (a simulation), its backend; else NULL. */
static inline yb_backend *yb_lookup_backend(const yibu_loop *loop)
{
    return loop->backend->class->network ? loop->backend : NULL;
}

#endif
