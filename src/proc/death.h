/* What a worker notes of its own death: a handler for the signals of faults looks whether the stack
 * or the memory had run out, writes that into the lane, and lets the signal take its course. */
#ifndef YB_PROC_DEATH_H
#define YB_PROC_DEATH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { YB_DEATH_PLAIN, YB_DEATH_STACK, YB_DEATH_MEMORY };

/* From now on, in the worker: notes go there. */
void yb_death_watch(_Atomic(uint32_t) *ret_note);

/* A job begins. */
void yb_death_begin(void);
/* Its memory is limited, or no longer is. */
void yb_death_memory_limited(bool limited);

#endif
