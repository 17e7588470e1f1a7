/* Exploring.  Seeds are begun in order and end in any: a failure is the first once everything
 * before it has ended well. */
#include "explore.h"

#include <poll.h>
#include <stdlib.h>

typedef struct exploration {
    const sim_options *options;
    program *programs; /* options->jobs of them */
    uint64_t next;     /* seeds begun */
    unsigned running;
    bool found;
    uint64_t seed; /* the first known to fail */
    outcome outcome;
} exploration;

/* Whether the index-th seed is worth running. */
static bool wanted(const exploration *e, uint64_t index)
{
    return index < e->options->count && (!e->found || e->options->start + index < e->seed);
}

static void begin_more(exploration *e)
{
    for (unsigned i = 0; i < e->options->jobs && wanted(e, e->next); i++) {
        if (e->programs[i].pid > 0)
            continue;
        program_start(&e->programs[i], &(run){.seed = e->options->start + e->next++,
                                              .show_output = e->options->show_output});
        e->running++;
    }
}

static void check_that_it_simulates(const program *p, const outcome *o)
{
    if (o->ran)
        return;
    fprintf(stderr, "yibu sim: %s began no simulation: %s\n", p->options->command[0],
            outcome_text(o));
    fputs("it has to call yibu_sim_run\n", stderr);
    exit(2);
}

static void take_ended(exploration *e)
{
    for (unsigned i = 0; i < e->options->jobs; i++) {
        program *p = &e->programs[i];
        outcome o;
        if (p->pid == 0 || !program_poll(p, &o))
            continue;
        e->running--;
        check_that_it_simulates(p, &o);
        if (!outcome_failed(&o) || (e->found && p->seed > e->seed))
            continue;
        e->found = true;
        e->seed = p->seed;
        e->outcome = o;
    }
}

/* Until one has ended, or is late. */
static void wait_for_one(exploration *e, struct pollfd *queries)
{
    int64_t first_ns = INT64_MAX;
    for (unsigned i = 0; i < e->options->jobs; i++) {
        const program *p = &e->programs[i];
        queries[i] = (struct pollfd){.fd = p->pid > 0 ? p->pidfd : -1, .events = POLLIN};
        if (p->pid > 0 && p->deadline_ns < first_ns)
            first_ns = p->deadline_ns;
    }
    int64_t left_ms = (first_ns - now_ns()) / 1000000 + 1;
    (void)poll(queries, e->options->jobs, left_ms > 0 ? (int)left_ms : 0);
}

bool explore(const sim_options *options, uint64_t *ret_seed, outcome *ret_outcome)
{
    exploration e = {.options = options};
    struct pollfd *queries = calloc(options->jobs, sizeof(*queries));
    e.programs = calloc(options->jobs, sizeof(*e.programs));
    if (!queries || !e.programs) {
        perror("yibu sim");
        exit(2);
    }
    for (unsigned i = 0; i < options->jobs; i++)
        program_open(&e.programs[i], options);
    begin_more(&e);
    while (e.running > 0) {
        wait_for_one(&e, queries);
        take_ended(&e);
        begin_more(&e);
    }
    for (unsigned i = 0; i < options->jobs; i++)
        program_close(&e.programs[i]);
    free(e.programs);
    free(queries);
    *ret_seed = e.seed;
    *ret_outcome = e.outcome;
    return e.found;
}
