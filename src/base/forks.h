/* Whether something is this process's own, or was copied by fork from a parent whose threads, and
 * with them who held its locks, are not here. */
#ifndef YB_BASE_FORKS_H
#define YB_BASE_FORKS_H

#include <stdint.h>

/* A number that a forked child does not share with its parent, to compare with a later answer.  The
 * first call begins to watch. */
uint32_t yb_forks(void);

#endif
