/* Running the program: one process, one simulated run. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <yibu/sim.h>

#include "choices.h"
#include "options.h"

/* How a run ended. */
typedef struct outcome {
    int status;       /* as waitpid(2) has it */
    bool hung;        /* it was killed after the time limit */
    bool ran;         /* it began a simulation */
    intptr_t failure; /* why the simulator ended it, 0: it did not */
    uint64_t steps;
    uint64_t made; /* choices, of which the record may not hold all */
} outcome;

/* A place where one program at a time runs, with the files it is given.  Failures to make or use
 * one end this program, with a message. */
typedef struct program {
    const sim_options *options;
    int record_fd, trace_fd, choices_fd; /* files without a name, which the process opens anew */
    yibu_sim_record *record;             /* shared with the process */
    pid_t pid;                           /* 0: none runs */
    int pidfd;
    uint64_t seed;
    int64_t deadline_ns;
} program;

typedef struct run {
    uint64_t seed;
    const choices *list; /* replayed; NULL: what the command line or the seed says */
    bool trace;          /* writes the trace's file */
    bool show_output;
} run;

void program_open(program *p, const sim_options *options);
void program_close(program *p);

void program_start(program *p, const run *r);
/* Whether it has ended; kills it where it is late. */
bool program_poll(program *p, outcome *ret_outcome);
/* Starts it and waits for its end. */
outcome program_run(program *p, const run *r);

/* Copies the trace of the last run to standard output. */
void program_print_trace(const program *p);

/* The choices that the last run made, trimmed; must be freed. */
choices program_choices(const program *p);

bool outcome_failed(const outcome *o);
/* Whether two failures are of one kind. */
bool outcome_same(const outcome *a, const outcome *b);
/* "exit status 1", in memory that lasts until the next call. */
const char *outcome_text(const outcome *o);

int64_t now_ns(void);

#endif
