/* A worker becomes what a job's settings ask for. */
#ifndef YB_PROC_APPLY_H
#define YB_PROC_APPLY_H

#include "proc/settings.h"

/* Returns 0 or a negative errno; yb_settings_lift follows either way, after the job. */
int yb_settings_apply(const yb_settings *settings);

/* Returns whether the worker is as it was. */
bool yb_settings_lift(void);

#endif
