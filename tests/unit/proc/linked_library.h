/* A library with jobs. */
#ifndef LINKED_LIBRARY_H
#define LINKED_LIBRARY_H

#include <yibu.h>

YIBU_BEGIN_DECLS
YIBU_DECLARE_JOB(job_in_library);
YIBU_DECLARE_JOB(another_job_in_library);

/* Runs a loop and a job in it, for programs that know Yibu only through this library. */
__attribute__((visibility("default"))) intptr_t run_a_job_in_library(void);
YIBU_END_DECLS

#endif
