#include "proc/cost.h"

/* Of a job never seen: long enough that it gets a worker of its own. */
static const int64_t UNKNOWN_NS = 1000000;

static unsigned place_of(const char *name)
{
    uintptr_t bits = (uintptr_t)name;
    return (unsigned)((bits >> 3 ^ bits >> 9) % YB_COSTS);
}

int64_t yb_cost_expected(const yb_costs *costs, const char *name)
{
    const yb_cost *cost = &costs->entries[place_of(name)];
    return cost->name == name ? cost->run_ns : UNKNOWN_NS;
}

void yb_cost_learn(yb_costs *costs, const char *name, int64_t run_ns)
{
    yb_cost *cost = &costs->entries[place_of(name)];
    if (run_ns < 0)
        return;
    if (cost->name != name)
        *cost = (yb_cost){name, run_ns};
    else
        cost->run_ns += (run_ns - cost->run_ns) / 4;
}
