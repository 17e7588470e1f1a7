/* How hard to compress, so that a page costs what the demonstration wants it to. */
#ifndef DEMO_CALIBRATE_H
#define DEMO_CALIBRATE_H

#include "site.h"

/* The level of compression at which examining a page costs nearest to wanted_ms of CPU time on this
 * machine. */
unsigned calibrate(const struct site *site, double wanted_ms);

#endif
