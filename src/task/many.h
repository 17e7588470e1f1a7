/* Waiting for many futures at once: a waiter each, all in one block of memory.
 *
 * Whoever waits makes the block with yb_many_allocate, enlists with yb_many_join, hears of each end
 * through `ended`, and takes out what is left with yb_many_leave.  The futures may be gone by then:
 * a member that has ended is all that may be looked at. */
#ifndef YB_TASK_MANY_H
#define YB_TASK_MANY_H

#include "task/task.h"

typedef struct yb_many yb_many;

typedef struct yb_member {
    yb_waiter waiter; /* status -EINPROGRESS until its object, the future, has ended */
    yb_many *many;
} yb_member;

struct yb_many {
    yb_member *members;
    size_t count;
    size_t left;                                     /* that have not ended */
    void (*ended)(yb_many *many, yb_member *member); /* after `left` was counted down */
};

static inline bool yb_member_pending(const yb_member *member)
{
    return member->waiter.status == -EINPROGRESS;
}

static inline bool yb_member_failed(const yb_member *member)
{
    return !yb_member_pending(member) && yibu_failed(member->waiter.value);
}

/* Memory for an owner of owner_bytes and count members behind it; NULL: there is none. */
void *yb_many_allocate(size_t owner_bytes, size_t count);

/* Whether the task can wait for them all: 0, -EINVAL or -EDEADLK.  What has ended, as NULL has, is
 * no obstacle. */
int yb_many_check(yibu_future *const *futures, size_t count, const yb_task *task);

/* Enlists with every future that has not ended.  The others' members have ended already, in order,
 * and `ended` does not hear of them; a NULL future has failed with -ENOMEM. */
void yb_many_join(yb_many *many, yb_member *members, yibu_future *const *futures, size_t count,
                  void (*ended)(yb_many *, yb_member *));

/* Takes the members that have not ended out of their futures. */
void yb_many_leave(yb_many *many);

/* Passes the cancel of a task on to the futures that have not ended, each once.  Returns whether
 * one of them, which was cancelled before, waits for that task in turn. */
bool yb_many_cancel(yb_many *many, const yb_task *canceller);

/* The first future that has not ended and is a task; NULL: there is none. */
yb_task *yb_many_task(const yb_many *many);

/* "3 of 10 futures, the end of task "x" first". */
void yb_many_describe(const yb_many *many, char *ret_text, size_t size);

#endif
