/* The options of a run, and the environment that overrides them. */
#ifndef YB_SIM_OPTIONS_H
#define YB_SIM_OPTIONS_H

#include "sim/sim.h"

/* Takes the caller's options, with defaults.  Returns 0 or -EINVAL. */
int yb_sim_take_options(yb_sim *sim, const yibu_sim_options *options);

/* Takes seed and choices, from the environment where it has them, and opens the files that it
 * names.  Returns 0 or a negative errno. */
int yb_sim_open_files(yb_sim *sim, uint64_t seed);
void yb_sim_close_files(yb_sim *sim);

/* Brings the record, if there is one, up to date: before each step, which may be the last. */
void yb_sim_update_record(yb_sim *sim);

#endif
