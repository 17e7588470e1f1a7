/* The loop's executor for functions that block, in a simulation. */
#ifndef YB_SIM_THREADS_H
#define YB_SIM_THREADS_H

#include "sim/sim.h"

/* Takes the place of the thread pool.  Ended with the loop. */
void yb_sim_threads_install(yb_sim *sim);

/* Forgets what is under way: nobody is left who waits for it. */
void yb_sim_threads_abandon(yb_sim *sim);

#endif
