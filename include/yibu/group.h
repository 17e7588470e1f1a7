/* Groups: tasks that belong together (asyncio.TaskGroup, trio's nursery).
 *
 *     intptr_t r;
 *     YIBU_GROUP (group, NULL, &r)
 *         for (size_t i = 0; i < count; i++)
 *             yibu_group_spawn(&group, fetch, &pages[i]);
 *     return r;       // every child has ended; the first failure, the others were cancelled
 *
 * A group ends only when all its children have.  The first failure, a child's or the body's,
 * cancels whatever is left of both; a cancel from outside does so too, and is never lost. */
#ifndef YIBU_GROUP_H
#define YIBU_GROUP_H

#include <errno.h>

#include <yibu/base.h>
#include <yibu/task.h>

/* A failure, as it is told when the group has ended. */
typedef struct yibu_group_failure {
    intptr_t code;
    uint64_t task_id;  /* 0: the body, or a child that there was no memory for */
    const char *place; /* where the child was created, or the group began */
    char task[40];     /* the task's name, cut off where it is longer */
} yibu_group_failure;

/* Options of a group.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_group_options {
    size_t size;
    size_t max_running; /* children that run at once, the others stand in line; default: no limit */
    /* Called with the argument of a child that ended without ever having run: cancelled while it
     * stood in line, or there was no memory for its stack.  May free it, must not suspend. */
    void (*discard)(void *arg);
    yibu_group_failure *failures; /* the caller's: what failed, in this order */
    size_t max_failures;          /* room there; further ones go to the exception handler */
} yibu_group_options;

/* In the caller's storage; begin with YIBU_GROUP_INIT. */
typedef struct yibu_group {
    void *state; /* the runtime's, while it is open */
    size_t failures;
    int closed; /* what adding a child answers while state is NULL */
    int stage;  /* of YIBU_GROUP */
    intptr_t *ret_result;
    bool cancelled;
    uintptr_t reserved;
} yibu_group;

#define YIBU_GROUP_INIT               \
    {                                 \
        NULL, 0, 0, 0, NULL, false, 0 \
    }

YIBU_BEGIN_DECLS

/* Opens a group, which is a scope of the running task up to yibu_group_end.  options may be NULL.
 * Never suspends.  Context: a task.
 * Returns 0, -ENOMEM, -EINVAL, -EBUSY where it is open already, or YIBU_ENOTASK.  After a failure
 * adding children fails with the same, and so does yibu_group_end: it is enough to look there. */
YIBU_API int yibu_group_begin_at(yibu_group *group, const yibu_group_options *options,
                                 const char *place);
#define yibu_group_begin(group, options) yibu_group_begin_at((group), (options), YIBU_HERE)

/* Waits until every child has ended, closes the group, and judges the result of its body.
 * A failure in result, -ECANCELED too, cancels the children first.
 * Context: the task that opened it.  Must finish.  Cancel: cancels the children, waits for them.
 * Returns the first failure of a child or the body; -ECANCELED where a cancel from outside ended
 * it, or came while it waited; 0 where the body was only cancelled by yibu_group_cancel; else
 * result. */
YIBU_API intptr_t yibu_group_end(yibu_group *group, intptr_t result);

/* Starts fn(arg) as a child, from the body, a child, or any task or callback of the loop, as long
 * as the group has not ended.  A child that there is no memory for counts as one that failed.
 * Never suspends.  Context: the loop's thread.
 * Returns 0, -ENOMEM, -EINVAL without fn or before yibu_group_begin, or YIBU_ESHUTDOWN once the
 * group is cancelled or has ended. */
YIBU_API int yibu_group_spawn_at(yibu_group *group, yibu_coroutine *fn, void *arg,
                                 const char *place);
#define yibu_group_spawn(group, fn, arg) yibu_group_spawn_at((group), (fn), (arg), YIBU_HERE)

/* The same with options of the task and a reference for the caller, dropped with yibu_task_unref.
 * ret_task may be NULL, as may options. */
YIBU_API int yibu_group_create_task_at(yibu_group *group, yibu_coroutine *fn, void *arg,
                                       const yibu_task_options *options, yibu_task **ret_task,
                                       const char *place);
#define yibu_group_create_task(group, fn, arg, options, ret_task) \
    yibu_group_create_task_at((group), (fn), (arg), (options), (ret_task), YIBU_HERE)

/* Starts a child and waits until it says that it is ready: trio's nursery.start.  ret_value may be
 * NULL.  Until then the child's failure is this call's, and does not cancel the group.
 * Context: any task of the loop.  Checkpoint.  Cancel: cancels the child and waits for its end.
 * Returns 0 with *ret_value; the child's failure; -ECHILD where it ended, cancelled or not, without
 * being ready; -ECANCELED; or what yibu_group_spawn answers. */
YIBU_API int yibu_group_start_at(yibu_group *group, yibu_coroutine *fn, void *arg,
                                 intptr_t *ret_value, const char *place);
#define yibu_group_start(group, fn, arg, ret_value) \
    yibu_group_start_at((group), (fn), (arg), (ret_value), YIBU_HERE)

/* The running child is ready, and tells whoever started it.  No effect in a task that nobody waits
 * for in yibu_group_start.  Never suspends.  Context: a task.
 * Returns 0; -ECANCELED where it was cancelled before, and is not ready; -EALREADY the second
 * time; or YIBU_ENOTASK. */
YIBU_API int yibu_group_started(intptr_t value);

/* Cancels the children and the rest of the body, as a way to leave early: no failure.  Before the
 * group begins: it will begin cancelled.  After its end: no effect.
 * Never suspends.  Context: the loop's thread.  Returns true, or false where it has ended. */
YIBU_API bool yibu_group_cancel(yibu_group *group);

/* Whether it was cancelled, by anyone or by a failure; also after its end, until it begins anew. */
YIBU_API bool yibu_group_cancelled(const yibu_group *group);

/* How many children have not ended, those in line included. */
YIBU_API size_t yibu_group_children(const yibu_group *group);

/* How many failures there were, the body's included; also after the end.  The first of them are in
 * options.failures. */
YIBU_API size_t yibu_group_failures(const yibu_group *group);

/* YIBU_GROUP's: whether to run the block, and what happens on leaving it. */
static inline bool yibu_group_block_(yibu_group *group, const yibu_group_options *options,
                                     intptr_t *ret_result, const char *place)
{
    if (group->stage++ > 0)
        return false;
    *ret_result = yibu_group_begin_at(group, options, place);
    group->stage = 1;
    group->ret_result = ret_result;
    return *ret_result == 0;
}

static inline void yibu_group_leave_(yibu_group *group)
{
    if (group->stage == 1)
        (void)yibu_group_cancel(group);
    *group->ret_result = yibu_group_end(group, *group->ret_result);
}

#if defined(__GNUC__)
/* `async with TaskGroup()`: the statement that follows is the body of a group named NAME, which is
 * ended on every way out of it.  *ret_result, an intptr_t that the body may set, is its result and
 * then the group's.  At the end of the body (also by `continue`) its children are waited for; where
 * it is left early (break, return, goto), they are cancelled first.  Without memory for the group
 * the body does not run. */
#define YIBU_GROUP(NAME, options, ret_result)                                           \
    for (__attribute__((cleanup(yibu_group_leave_))) yibu_group NAME = YIBU_GROUP_INIT; \
         yibu_group_block_(&(NAME), (options), (ret_result), YIBU_HERE);)
#endif

YIBU_END_DECLS

#endif
