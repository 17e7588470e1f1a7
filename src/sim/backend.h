/* The backend of a simulated loop. */
#ifndef YB_SIM_BACKEND_H
#define YB_SIM_BACKEND_H

#include "sim/sim.h"

extern const yb_backend_class yb_sim_backend_class;

/* Drops the tasks that are left, and all that the loop has under way for them: nobody is called
 * back any more. */
void yb_sim_abandon_loop(yb_sim *sim);

#endif
