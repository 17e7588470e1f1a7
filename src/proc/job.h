/* The jobs that this process knows, by name. */
#ifndef YB_PROC_JOB_H
#define YB_PROC_JOB_H

#include <yibu/process_pool.h>

enum { YB_JOB_NAME_MAX = 255 };

/* The job of that name, or NULL. */
const yibu_job *yb_job_find(const char *name, size_t size);

/* Whether job may be called: it has a name, and that is not too long. */
bool yb_job_valid(const yibu_job *job);

#endif
