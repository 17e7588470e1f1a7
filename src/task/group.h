/* Groups from the inside: what the scheduler tells them. */
#ifndef YB_TASK_GROUP_H
#define YB_TASK_GROUP_H

#include "task/task.h"

/* A child of a group has ended; it is still among the loop's tasks. */
void yb_group_child_ended(yb_task *child);

#endif
