/* The trace of a run: a line an event, with the virtual time and who it was. */
#ifndef YB_SIM_TRACE_H
#define YB_SIM_TRACE_H

#include "sim/sim.h"

/* Whether anybody reads the trace: what makes its lines is left out otherwise. */
static inline bool yb_sim_traces(const yb_sim *sim)
{
    return YB_UNLIKELY(sim->options.trace != NULL || sim->trace_file != NULL) && !sim->quiet;
}

/* Adds a line.  who is a task's name, "net", …  printf-style. */
__attribute__((format(printf, 3, 4))) void yb_sim_trace(yb_sim *sim, const char *who,
                                                        const char *format, ...);

/* The name of a task, in memory that lasts until the next call. */
enum { YB_SIM_NAME = 64 };
const char *yb_sim_name(const yb_task *task, char ret_name[YB_SIM_NAME]);

#endif
