/* Who takes the messages of a running job. */
#ifndef YB_EXEC_LISTENER_H
#define YB_EXEC_LISTENER_H

#include <yibu/job.h>

typedef struct yb_listener {
    /* Takes a message, or answers false: not now, but when the engine is asked to go on.  Where
     * `must` is true the job is about to end, and it is taken. */
    bool (*take)(void *arg, yibu_bytes message, bool must);
    void *arg;
} yb_listener;

/* The listener of the job that this thread is calling, where no process lies in between; else NULL.
 * It is set around the call. */
extern _Thread_local const yb_listener *yb_listener_here;

#endif
