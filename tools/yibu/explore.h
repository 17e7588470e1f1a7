/* Exploring: a run a seed, several at once. */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "program.h"

/* Finds the first seed that fails, whatever ends first.  Returns false where none does. */
bool explore(const sim_options *options, uint64_t *ret_seed, outcome *ret_outcome);

#endif
