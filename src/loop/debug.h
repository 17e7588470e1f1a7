/* Debug mode: an overseer that times what runs, and calls from a wrong thread made fatal. */
#ifndef YB_LOOP_DEBUG_H
#define YB_LOOP_DEBUG_H

#include "loop/loop.h"

/* Turns the mode on or off; a loop that has another overseer keeps that. */
void yb_debug_set(yibu_loop *loop, bool enabled);

/* Aborts, naming the loop, which is another thread's, where that is in debug mode. */
void yb_debug_check_thread(const yibu_loop *loop);

#endif
