/* Steps: which ready item runs next, and what happens around it. */
#ifndef YB_SIM_STEPS_H
#define YB_SIM_STEPS_H

#include "sim/sim.h"

extern const yb_overseer yb_sim_steps;

/* Maybe cancels a task; returns whether it did. */
bool yb_sim_maybe_cancel(yb_sim *sim);

#endif
