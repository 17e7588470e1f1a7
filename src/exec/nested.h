/* Loops within an executor's own functions.
 *
 * A function may run a loop, and a task of that may wait for another function of the same executor,
 * which keeps a worker from it.  Once all workers are busy, such a call that has not begun is taken
 * back and run by the loop that waits for it, in its turn. */
#ifndef YB_EXEC_NESTED_H
#define YB_EXEC_NESTED_H

#include "exec/submission.h"

/* A task of the loop, which this thread runs within a function of the executor, waits for the call;
 * and does not wait any more. */
void yb_nested_wait(yb_submission *submission, yibu_loop *loop);
void yb_nested_leave(yb_submission *submission, yibu_loop *loop);

/* Under the executor's lock: */

/* Sends the calls to their loops, where all workers are busy. */
void yb_nested_look(yibu_executor *executor);
/* The call is not in line any more. */
static inline void yb_nested_forget(yb_submission *submission)
{
    if (submission->nested)
        submission->executor->nested--;
    submission->nested = NULL;
}

#endif
