/* Shrinking: looking for the simplest run that fails in the same way. */
#ifndef SHRINK_H
#define SHRINK_H

#include "program.h"

typedef struct shrunk {
    choices list; /* must be freed */
    outcome outcome;
    size_t first_count; /* choices other than 0, before */
    unsigned runs;      /* that were tried */
} shrunk;

/* Shrinks the run of the seed, which fails with the outcome. */
shrunk shrink(program *p, uint64_t seed, const outcome *failing);

#endif
