/* Where a worker's jobs write their outputs: shared memory, from the first byte on.  One a process;
 * its only thread. */
#ifndef YB_PROC_OUTPUT_H
#define YB_PROC_OUTPUT_H

#include "proc/lane.h"

/* base is where the whole lane is mapped. */
void yb_output_open(yb_lane_shared *shared, unsigned char *base, const yb_lane_layout *layout);

/* Makes *output ready for job n; flags are its slot's. */
void yb_output_begin(uint32_t n, uint32_t flags, yibu_buffer *output);

/* Hands over what job n has written: into its slot go place and size.  Returns 0 or -ENOMEM. */
int yb_output_end(uint32_t n, yb_slot *slot, yibu_buffer *output);

/* Job n writes nothing. */
void yb_output_none(uint32_t n, yb_slot *slot);

#endif
