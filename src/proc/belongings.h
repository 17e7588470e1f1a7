/* What a worker has beside the state that is put back after jobs (state.h): descriptors, which a
 * job may close, and children, which a job may leave. */
#ifndef YB_PROC_BELONGINGS_H
#define YB_PROC_BELONGINGS_H

#include <stdbool.h>

void yb_belongings_open(int doorbell);
/* Whether there is what no worker can be without: the doorbell, and the files of captured text. */
bool yb_belongings_suffice(void);

/* Notes what is there, with standard output and error. */
void yb_belongings_note(void);
/* Whether that is there still. */
bool yb_belongings_are_there(void);
/* Whether there are children, where there were none. */
bool yb_belongings_have_grown(void);

#endif
