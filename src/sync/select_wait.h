/* A task's wait for one of several objects, or for a moment. */
#ifndef YB_SYNC_SELECT_WAIT_H
#define YB_SYNC_SELECT_WAIT_H

#include "task/wait.h"

/* One object of a selection. */
typedef struct yb_select_arm {
    yb_waiter waiter;
    struct yb_selection *selection;
    const yb_waitable_class *class; /* NULL: waits for nothing */
} yb_select_arm;

typedef struct yb_selection {
    struct yb_selection *next; /* in the cache */
    yb_task *task;             /* that waits */
    size_t capacity, count;    /* of arms */
    size_t winner;             /* index; count: none yet, or a cancel */
    size_t timed;              /* index of the arm that the timer stands for; count: none */
    yb_timer timer;
    yb_select_arm arms[];
} yb_selection;

/* Memory for that many arms, which wait for nothing; NULL: there is none. */
yb_selection *yb_selection_new(yb_task *task, size_t count);
void yb_selection_free(yb_selection *selection);

/* Makes an arm wait for an object, with a value to bring along. */
void yb_selection_enlist(yb_selection *selection, size_t index, const yb_waitable_class *class,
                         void *object, intptr_t value);

/* Makes an arm wait for a moment, unless an earlier one is waited for. */
void yb_selection_set_time(yb_selection *selection, size_t index, int64_t when_ns);

/* Suspends the task until one of the arms has won; all others have left their lines then.
 * Returns that arm's index, or -ECANCELED. */
ssize_t yb_selection_wait(yb_selection *selection);

#endif
