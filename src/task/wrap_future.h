/* Futures that follow one of no thread, as plain futures see them. */
#ifndef YB_TASK_WRAP_FUTURE_H
#define YB_TASK_WRAP_FUTURE_H

#include <yibu/future.h>

/* Cancels what a future with YB_FUTURE_OUTLASTS follows; it ends when that does. */
void yb_wrapped_cancel(yibu_future *future);

#endif
