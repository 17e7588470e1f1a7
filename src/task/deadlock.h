/* Loops that nothing can wake: who waits for what, and why for ever. */
#ifndef YB_TASK_DEADLOCK_H
#define YB_TASK_DEADLOCK_H

#include "task/scheduler.h"

/* Writes the report of a loop whose tasks wait in vain: one line a task, in the order of their
 * creation, with what it waits for and who owns that; then every cycle.  What does not fit is cut
 * off.  The same waits make the same text.  Returns how many tasks wait; with none, writes "". */
size_t yb_deadlock_describe(const yibu_loop *loop, char *ret_text, size_t size);

/* Enough for the whole report of a few dozen tasks. */
enum { YB_DEADLOCK_TEXT_BYTES = 8192 };

/* Before the loop waits: looks whether anything could ever wake it, and reports where nothing could
 * for options.deadlock_after_ns (YIBU_FOREVER: never looks).  Returns when to be called again. */
int64_t yb_deadlock_watch(yb_scheduler *s);

#endif
