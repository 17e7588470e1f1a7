/* The state of a worker's process that jobs may change and others would find: put back. */
#ifndef YB_PROC_STATE_H
#define YB_PROC_STATE_H

#include <stdbool.h>

/* Notes how the process is now: as every job is to find it. */
void yb_state_note(void);

/* Puts back what is different.  Returns whether that could be done. */
bool yb_state_restore(void);

#endif
