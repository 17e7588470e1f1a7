/* How often the kernel has killed for want of memory. */
#ifndef YB_PROC_OOM_H
#define YB_PROC_OOM_H

#include <stdint.h>

/* In this process's control group where that counts, else on this machine; 0 where neither is
 * known. */
uint64_t yb_oom_kills(void);

#endif
