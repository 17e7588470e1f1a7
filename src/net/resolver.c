/* Who looks names up for a loop.  The loop keeps the pointer; operations that are under way stay
 * with the resolver that began them. */
#include "net/resolver.h"

#include <errno.h>

int yibu_loop_set_resolver(yibu_loop *loop, const yibu_resolver *resolver)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (resolver && resolver->size < sizeof(*resolver))
        return -EINVAL;
    loop->resolver = resolver;
    return 0;
}

const yibu_resolver *yibu_loop_get_resolver(const yibu_loop *loop)
{
    return yb_loop_check(loop) == 0 ? loop->resolver : NULL;
}
