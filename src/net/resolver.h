/* Who looks names up for a loop: libc, or what yibu_loop_set_resolver put in its place. */
#ifndef YB_NET_RESOLVER_H
#define YB_NET_RESOLVER_H

#include "loop/loop.h"
#include <yibu/address.h>

/* The loop's resolver where it has the function called MEMBER; else NULL, which means libc. */
#define YB_RESOLVER_WITH(LOOP, MEMBER) \
    ((LOOP)->resolver && (LOOP)->resolver->MEMBER ? (LOOP)->resolver : NULL)

#endif
