/* The ways beside each other: for people, for programs, and whether they found the same. */
#ifndef DEMO_COMPARISON_H
#define DEMO_COMPARISON_H

#include <stdbool.h>
#include <stdio.h>

#include "run.h"

void comparison_print(const struct run *runs, size_t count, const struct run_settings *settings,
                      FILE *file);

/* Whether all found the same pages, and the same in them; says so. */
bool comparison_agrees(const struct run *runs, size_t count, FILE *file);

/* name may be NULL: nobody asks; "-" is standard output.  Says what went wrong.
 * Returns 0 or a negative errno. */
int comparison_write_json(const struct run *runs, size_t count, const struct run_settings *settings,
                          const char *name);

#endif
