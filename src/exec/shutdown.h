/* The end of an executor, as its files share it. */
#ifndef YB_EXEC_SHUTDOWN_H
#define YB_EXEC_SHUTDOWN_H

#include "exec/engine.h"

/* From OPEN to REFUSING, with code, if it is not beyond; what waits in line is ended with code
 * where cancel_queued.  Any thread. */
void yb_engine_close(yibu_executor *executor, int code, bool cancel_queued);

/* Blocks for timeout_ns at most; whether the executor has stopped. */
bool yb_shutdown_look(yibu_executor *executor, int64_t timeout_ns);

/* Tells the exception handler what has not ended in time, so that somebody can look for it. */
void yb_shutdown_report_rest(yibu_executor *executor);

/* Under the lock: the executor has STOPPED, tells whoever waits for that. */
void yb_shutdown_wake(yibu_executor *executor);

#endif
