/* The timeline: who worked when, as an SVG picture. */
#ifndef DEMO_TIMELINE_H
#define DEMO_TIMELINE_H

#include <stddef.h>

#include "run.h"

/* Draws the runs below each other on one scale.  Returns 0 or a negative errno. */
int timeline_write(const char *name, const struct run *runs, size_t count);

#endif
