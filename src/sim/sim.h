/* A simulated run from the inside.
 *
 * One run a thread at a time.  What is expensive to make, the scheduler with its stacks, stays with
 * the thread for its next run. */
#ifndef YB_SIM_SIM_H
#define YB_SIM_SIM_H

#include <stdatomic.h>
#include <stdio.h>

#include "exec/executor.h"
#include "loop/loop.h"
#include "loop/overseer.h"
#include "platform/backend.h"
#include "proc/job_executor.h"
#include "sim/choices.h"
#include "task/scheduler.h"
#include <yibu/sim.h>

/* Where virtual time begins: not at 0, which programs take for "never". */
enum { YB_SIM_START_NS = 1000000000 };

/* Probabilities, of 2^32. */
typedef struct yb_sim_chances {
    uint64_t cancel, allocation, accept, connect, read, write, interrupt, job, lookup;
    uint64_t short_transfer, reset, partition;
} yb_sim_chances;

typedef struct yb_sim_socket yb_sim_socket;

typedef struct yb_sim_network {
    yb_sim_socket **sockets; /* by descriptor */
    size_t capacity;
    size_t first_free; /* no free place before it */
    yb_list listeners;
    yb_list connections;
    yb_list partitions;
    yb_list hosts; /* that tasks were put on */
    uint16_t next_port;
} yb_sim_network;

typedef struct yb_sim yb_sim;

/* Functions on threads, done inline: threads.c. */
typedef struct yb_sim_threads {
    yb_executor executor;
    yb_sim *sim;
    yb_list line, busy;
    unsigned running, max;
} yb_sim_threads;

/* Jobs in processes, done inline: processes.c. */
typedef struct yb_sim_processes {
    yb_job_executor executor;
    yb_sim *sim;
    yb_list busy;
} yb_sim_processes;

struct yb_sim {
    yb_overseer overseer;
    yb_backend backend;
    yibu_loop *loop;
    yb_task *main;
    yibu_sim_options options;
    yb_sim_chances chances;
    yb_choices choices;
    uint64_t random_state; /* of the bytes that the backend's random gives */
    uint64_t seed;
    unsigned keep; /* of 256: how often this run leaves the ready queue in its order */

    int64_t now_ns;
    uint64_t steps;
    uint64_t faults;
    unsigned busy_steps; /* since the last wait */
    atomic_bool woken;   /* by another thread or a signal */
    bool quiet;          /* the run is over: no more choices, faults, trace */
    bool stuck;          /* the last wait found nothing to wait for */
    bool disarmed;       /* no timer of the loop's is armed any more */
    intptr_t failure;    /* why the simulator ends the run */
    unsigned stranded;
    yb_task *running; /* a reference to it, while its item runs */

    yb_sim_threads threads;
    yb_sim_processes processes;
    yb_sim_network network;
    bool stepping; /* a task or a callback runs */
    bool spared;   /* but what is allocated now is the simulator's own */

    FILE *trace_file;
    yibu_sim_record *record; /* mapped */
    size_t record_bytes;
    yibu_sim_report report;
};

/* The run of this thread; NULL: none. */
extern YB_THREAD_LOCAL yb_sim *yb_sim_current;

static inline yb_sim *yb_sim_of(yb_backend *backend)
{
    return YB_CONTAINER_OF(backend, yb_sim, backend);
}

/* Ends the run for the given reason, the first that comes; says it in the report.  printf-style. */
__attribute__((format(printf, 3, 4))) void yb_sim_fail(yb_sim *sim, intptr_t code,
                                                       const char *format, ...);

/* Disarms a timer of the simulator's own; at the loop's end they are disarmed all at once. */
static inline void yb_sim_timer_remove(yb_sim *sim, yb_timer *timer)
{
    if (!sim->disarmed)
        yb_loop_timer_remove(sim->loop, timer);
}

/* A choice, 0 once the run is over. */
static inline uint64_t yb_sim_below(yb_sim *sim, uint64_t bound)
{
    return sim->quiet ? 0 : yb_choices_below(&sim->choices, bound);
}

/* Whether a fault is to happen here; counts it. */
static inline bool yb_sim_faulty(yb_sim *sim, uint64_t chance)
{
    if (YB_LIKELY(chance == 0) || sim->quiet || !yb_choices_happens(&sim->choices, chance))
        return false;
    sim->faults++;
    return true;
}

#endif
