/* How long a job is expected to run, from how long it ran before. */
#ifndef YB_PROC_COST_H
#define YB_PROC_COST_H

#include <stdint.h>

enum { YB_COSTS = 64 };

typedef struct yb_cost {
    const char *name; /* of the job, compared by address */
    int64_t run_ns;   /* moving average */
} yb_cost;

/* Remembers the jobs last used; one that shares another's place takes it over. */
typedef struct yb_costs {
    yb_cost entries[YB_COSTS];
} yb_costs;

int64_t yb_cost_expected(const yb_costs *costs, const char *name);
void yb_cost_learn(yb_costs *costs, const char *name, int64_t run_ns);

#endif
