/* Groups from the inside: what their files, the scheduler and typed coroutines share. */
#ifndef YB_TASK_GROUP_H
#define YB_TASK_GROUP_H

#include "task/scope.h"
#include "task/task.h"
#include <yibu/group.h>

/* An open group: see group.c. */
typedef struct yb_group {
    yb_scope scope;
    yb_task *first, *last; /* children; undefined while there are none */
    size_t children;       /* that have not ended */
    size_t running;        /* of them, those that do not stand in line */
    yb_list line;          /* yb_task.wait.in_line.links */
    yibu_group_options options;
    intptr_t failure; /* the first */
    size_t failures;
    bool ending;      /* the owner waits for the children */
    bool interrupted; /* by a cancel from outside */
    bool dismissed;   /* by yibu_group_cancel: the owner's own cancel is not a failure */
    bool waited;      /* its end had to wait for children */
} yb_group;

static inline yb_group *yb_group_of_scope(yb_scope *scope)
{
    return YB_CONTAINER_OF(scope, yb_group, scope);
}

/* Cancels the children and the rest of the body; once. */
void yb_group_cancel(yb_group *g);

/* Adds a child that was made.  An eager one may have ended, and be gone, when this returns. */
void yb_group_add(yb_group *g, yb_task *child, const yibu_task_options *options);

/* A child of a group has ended: it was taken out of the loop's tasks, its links are as they
 * were. */
void yb_group_child_ended(yb_task *child);

/* Note a failure of the body, and of a child that there is no memory for.  The latter returns
 * -ENOMEM. */
void yb_group_note_body(yb_group *g, intptr_t code);
int yb_group_note_lack(yb_group *g, const char *place);

/* The same for typed coroutines.  Returns -ENOMEM, or why no child can be added. */
int yb_group_lacks_memory(yibu_group *handle, const char *place);

/* Whether somebody waits in yibu_group_start until the child is ready. */
bool yb_group_awaited_by_starter(const yb_task *child);

#endif
