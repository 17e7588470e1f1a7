/* The processes that jobs leave behind when their worker dies. */
#ifndef YB_PROC_DESCENDANTS_H
#define YB_PROC_DESCENDANTS_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on, those whose parents die become children of this process. */
void yb_descendants_adopt(void);

/* Kills the children of this process's only thread but for those to be spared.  Returns how
 * many. */
unsigned yb_descendants_kill(bool (*spared)(pid_t pid));

#endif
