/* The loop's executor for jobs, in a simulation. */
#ifndef YB_SIM_PROCESSES_H
#define YB_SIM_PROCESSES_H

#include "sim/sim.h"

/* Takes the place of the process pool.  Ended with the loop. */
void yb_sim_processes_install(yb_sim *sim);

/* Forgets what is under way: nobody is left who waits for it. */
void yb_sim_processes_abandon(yb_sim *sim);

#endif
