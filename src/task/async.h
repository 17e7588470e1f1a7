/* Frames of typed coroutines. */
#ifndef YB_TASK_ASYNC_H
#define YB_TASK_ASYNC_H

/* Frees the frame of a call that was never started, or whose task is gone. */
void yb_async_free(void *frame);

#endif
