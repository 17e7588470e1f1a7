/* Work that would be done elsewhere, and in a simulation is done inline: it waits, then it runs at
 * one instant of virtual time, and after a while its answer is back. */
#ifndef YB_SIM_ERRAND_H
#define YB_SIM_ERRAND_H

#include "sim/sim.h"

typedef struct yb_sim_errand yb_sim_errand;
struct yb_sim_errand {
    yb_list links; /* its executor's */
    yb_sim *sim;
    yb_timer timer;
    bool armed;
    bool has_run;
    void (*run)(yb_sim_errand *errand);
    void (*finish)(yb_sim_errand *errand); /* its answer is back; frees it */
};

/* After delay_ns: runs the errand after a while that the seed says, and finishes it after
 * another. */
void yb_sim_errand_start(yb_sim_errand *errand, int64_t delay_ns);
/* After delay_ns: makes it finish after no more than that long, without running. */
void yb_sim_errand_fail_after(yb_sim_errand *errand, int64_t delay_ns, int64_t most_ns);
void yb_sim_errand_stop(yb_sim_errand *errand);

/* Takes the loop away from this thread while something runs that would run elsewhere, and brings it
 * back. */
yibu_loop *yb_sim_leave_loop(yb_sim *sim);
void yb_sim_enter_loop(yb_sim *sim, yibu_loop *loop);

#endif
