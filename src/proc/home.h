/* A loop on a thread of its own, for what must be at home on one where the program has none. */
#ifndef YB_PROC_HOME_H
#define YB_PROC_HOME_H

#include <pthread.h>
#include <stdbool.h>

#include "loop/loop.h"

typedef struct yb_home {
    /* On the thread: first, and last when the loop has gone.  begin returns 0 or a negative
     * errno. */
    int (*begin)(struct yb_home *home, yibu_loop *loop);
    void (*ended)(struct yb_home *home);
    const char *name; /* of the thread, at most 15 bytes */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool begun;
    int status; /* once begun */
} yb_home;

/* Waits until begin has returned, and returns what it did; where that failed, ended is not called.
 * The loop then runs until yibu_loop_stop. */
int yb_home_start(yb_home *home);

/* After ended was called; waits for the thread, unless it is the caller's. */
void yb_home_join(yb_home *home);

#endif
