/* Watched descriptors: yibu_add_reader and its kin. */
#ifndef YB_LOOP_WATCH_H
#define YB_LOOP_WATCH_H

#include "loop/loop.h"

/* Removes every watch of the loop. */
void yb_watch_free_all(yibu_loop *loop);

#endif
