/* What the command line of `yibu sim` says. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_options {
    uint64_t start, count; /* seeds to explore */
    bool replay;           /* only the seed `start`, as it is */
    const char *choices;   /* its choices, "INDEX:VALUE,…" or "@FILE"; NULL: the seed's */
    unsigned jobs;         /* programs at once */
    unsigned timeout_s;    /* of real time, for one run */
    unsigned shrink_runs;  /* at most; 0: does not shrink */
    bool show_output;      /* of the runs that explore and shrink */
    char *const *command;  /* the program and its arguments; ends with NULL */
} sim_options;

/* Reads the arguments behind `yibu`, argv[0] being "sim".  Returns false where they are wrong,
 * which it has said on standard error; on --help it prints that and exits. */
bool sim_options_read(int argc, char **argv, sim_options *ret_options);

#endif
