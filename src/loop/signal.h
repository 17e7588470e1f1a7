/* Signals delivered to a loop: the handler of each signal notes it and wakes the loop. */
#ifndef YB_LOOP_SIGNAL_H
#define YB_LOOP_SIGNAL_H

#include "loop/loop.h"

/* Calls back what came in since the last turn. */
void yb_signal_deliver(yibu_loop *loop);

/* Removes the loop's handlers. */
void yb_signal_forget_loop(yibu_loop *loop);

/* In a forked child: gives every signal back the action it had before. */
void yb_signal_after_fork(void);

/* As yibu_add_signal_handler, but a second delivery of the signal before it is removed restores
 * the action from before and raises it again, from the signal handler itself. */
int yb_signal_handle_once(yibu_loop *loop, int signal, yibu_callback *callback, void *arg);

/* Takes that back, unless a handler was added in its place.  A signal that came in and was not
 * called back meanwhile is raised again. */
void yb_signal_unhandle_once(yibu_loop *loop, int signal);

#endif
