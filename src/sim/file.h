/* Descriptors of the kernel's in a simulation. */
#ifndef YB_SIM_FILE_H
#define YB_SIM_FILE_H

#include "sim/sim.h"

/* Does op at once, or says why not: 1 with op->result set, or a negative errno. */
int yb_sim_file_submit(yb_sim *sim, yb_op *op);

#endif
