/* The line of an executor: who may enter, and who waits for room.
 *
 * With a bound, at most max_workers + max_queue calls have entered and not left.  Who finds it full
 * joins the entrants, first come, first served; who leaves hands its room to the first of them, so
 * nobody who comes later overtakes. */
#ifndef YB_EXEC_LINE_H
#define YB_EXEC_LINE_H

#include "exec/engine.h"

/* Enters, with a hold, and counts as queued: 0; -EAGAIN where the line is full; or why the executor
 * refuses. */
int yb_line_try_enter(yibu_executor *executor);

/* The same; waits for room where the line is full, suspending in a task, blocking a thread.
 * Returns 0, a refusal, -ECANCELED (having not entered), YIBU_ENOTASK, or -EDEADLK where this
 * thread would wait for itself. */
int yb_line_enter(yibu_executor *executor);

/* Under the lock: */

/* Enters without regard to the bound. */
void yb_line_push_in(yibu_executor *executor);
/* One that was counted has left: lets the first entrant in, where there is room. */
void yb_line_left(yibu_executor *executor);
/* Lets those in that are functions, beyond the bound.  Not under the lock. */
void yb_line_let_functions_in(yibu_executor *executor);
/* Sends all entrants away with a failure. */
void yb_line_dismiss(yibu_executor *executor, int code);

#endif
