/* Semaphores from the inside, for select. */
#ifndef YB_SYNC_SEMAPHORE_H
#define YB_SYNC_SEMAPHORE_H

#include "task/wait.h"

extern const yb_waitable_class yb_semaphore_class;

#endif
