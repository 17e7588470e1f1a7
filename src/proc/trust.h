/* Which jobs are known to leave their worker's process as they found it (state.h).
 *
 * What has just come, or was ever found to change something, is looked after each time it has run;
 * one after which all was as before often enough may be looked after together with others,
 * later. */
#ifndef YB_PROC_TRUST_H
#define YB_PROC_TRUST_H

#include <stdbool.h>
#include <yibu/job.h>

/* How many looks in a row must find nothing: at first, and once something was found. */
enum { YB_TRUST_AFTER = 16, YB_TRUST_AGAIN_AFTER = 256 };

/* The job has run.  Returns whether a look can wait. */
bool yb_trust_ran(const yibu_job *job);

/* A look has shown whether those that ran since the last one have changed something. */
void yb_trust_looked(bool changed);

#endif
