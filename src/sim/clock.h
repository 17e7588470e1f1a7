/* The virtual clock, and waiting on it. */
#ifndef YB_SIM_CLOCK_H
#define YB_SIM_CLOCK_H

#include "sim/sim.h"

/* As in yb_backend_class. */
int yb_sim_wait(yb_backend *backend, int64_t deadline_ns);
void yb_sim_wake(yb_backend *backend);
int64_t yb_sim_now(yb_backend *backend);
int yb_sim_random_bytes(yb_backend *backend, void *ret_bytes, size_t size);

#endif
