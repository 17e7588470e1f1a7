/* Errands.  What runs meanwhile is on no loop's thread: calls that need one fail as they would. */
#include "sim/errand.h"

#include "base/deadline.h"

static void arm(yb_sim_errand *errand, int64_t delay_ns, void (*fire)(yb_timer *timer))
{
    errand->timer.deadline_ns = yb_deadline_after(errand->sim->now_ns, delay_ns);
    errand->timer.fire = fire;
    yb_loop_timer_add(errand->sim->loop, &errand->timer);
    errand->armed = true;
}

static yb_sim_errand *errand_of(yb_timer *timer)
{
    yb_sim_errand *errand = YB_CONTAINER_OF(timer, yb_sim_errand, timer);
    errand->armed = false;
    return errand;
}

static int64_t a_while(yb_sim *sim)
{
    return (int64_t)yb_sim_below(sim, (uint64_t)sim->options.work_ns + 1);
}

static void finish(yb_timer *timer)
{
    yb_sim_errand *errand = errand_of(timer);
    errand->finish(errand);
}

static void run(yb_timer *timer)
{
    yb_sim_errand *errand = errand_of(timer);
    errand->has_run = true;
    errand->run(errand);
    arm(errand, a_while(errand->sim), finish);
}

void yb_sim_errand_start(yb_sim_errand *errand, int64_t delay_ns)
{
    arm(errand, yb_deadline_after(a_while(errand->sim), delay_ns), run);
}

void yb_sim_errand_fail_after(yb_sim_errand *errand, int64_t delay_ns, int64_t most_ns)
{
    int64_t while_ns = a_while(errand->sim);
    arm(errand, yb_deadline_after(while_ns < most_ns ? while_ns : most_ns, delay_ns), finish);
}

void yb_sim_errand_stop(yb_sim_errand *errand)
{
    if (errand->armed)
        yb_sim_timer_remove(errand->sim, &errand->timer);
    errand->armed = false;
}

yibu_loop *yb_sim_leave_loop(yb_sim *sim)
{
    yibu_loop *loop = yb_loop_current;
    yb_loop_current = NULL;
    sim->spared = true;
    return loop;
}

void yb_sim_enter_loop(yb_sim *sim, yibu_loop *loop)
{
    yb_loop_current = loop;
    sim->spared = false;
}
