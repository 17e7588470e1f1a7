/* madvise for many ranges in one system call. */
#ifndef YB_PLATFORM_ADVICE_H
#define YB_PLATFORM_ADVICE_H

#include <stddef.h>

enum { YB_ADVICE_MAX = 64 }; /* ranges a call */

/* Advises the first length bytes of count stretches that lie stride bytes apart.  Returns how many
 * of them, from the first on, took the advice: 0 where the kernel has no such call. */
unsigned yb_advise_many(char *first, size_t length, size_t stride, unsigned count, int advice);

#endif
