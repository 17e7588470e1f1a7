/* Groups from the inside: what the scheduler tells them. */
#ifndef YB_TASK_GROUP_H
#define YB_TASK_GROUP_H

#include "task/task.h"
#include <yibu/group.h>

/* A child of a group has ended: it was taken out of the loop's tasks, its links are as they were. */
void yb_group_child_ended(yb_task *child);

/* Counts a child that there is no memory for as one that failed.
 * Returns -ENOMEM, or why no child can be added. */
int yb_group_lacks_memory(yibu_group *handle, const char *place);

#endif
