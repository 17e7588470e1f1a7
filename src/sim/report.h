/* Why a run ended, and the report of it. */
#ifndef YB_SIM_REPORT_H
#define YB_SIM_REPORT_H

#include "sim/sim.h"

/* Ends the run at a limit, naming who waits for what meanwhile.  printf-style. */
__attribute__((format(printf, 3, 4))) void yb_sim_fail_at_limit(yb_sim *sim, intptr_t code,
                                                                const char *format, ...);

/* Ends the run because nothing can happen any more, naming who waits for what. */
void yb_sim_fail_deadlocked(yb_sim *sim);

/* Adds the tasks that are left to the report: they did not end when they were cancelled. */
void yb_sim_report_stranded(yb_sim *sim);

/* Tells the exception handler of a failure, and fills the caller's report. */
void yb_sim_report(yb_sim *sim);

#endif
