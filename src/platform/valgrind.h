/* What Valgrind wants to know and cannot see; nothing at all in other builds.
 *
 * It guesses stack switches from the size of the step unless it knows the stacks.  It sees no write
 * of the kernel's that io_uring makes.  And it lets one thread run at a time, none while this one
 * waits in io_uring_enter, which it does not take for a call that blocks.  It does not know
 * epoll_pwait2. */
#ifndef YB_PLATFORM_VALGRIND_H
#define YB_PLATFORM_VALGRIND_H

#include <stdbool.h>
#include <stddef.h>

#if defined(YB_VALGRIND)
#include <valgrind/memcheck.h>
enum { YB_UNDER_VALGRIND = true };
#else
enum { YB_UNDER_VALGRIND = false };
#define VALGRIND_STACK_REGISTER(LOW, TOP) 0
#define VALGRIND_STACK_DEREGISTER(ID) ((void)(ID))
#define VALGRIND_MAKE_MEM_DEFINED(START, SIZE) ((void)(START), (void)(SIZE))
#endif

#endif
