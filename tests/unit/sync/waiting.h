/* What the tests of primitives share: tasks that wait, and looking at them meanwhile. */
#ifndef WAITING_H
#define WAITING_H

#include <errno.h>

#include "task/task.h"
#include "test.h"

static inline yibu_task *start(yibu_coroutine *fn, void *arg)
{
    yibu_task *task = yibu_create_task(fn, arg, NULL);
    assert_non_null(task);
    return task;
}

static inline void await_result(yibu_task *task, intptr_t expected)
{
    assert_int_equal(yibu_await(task), expected);
    yibu_task_unref(task);
}

/* Lets every task go on until it waits for something, or has ended. */
static inline void settle(void)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(yibu_sleep(0), 0);
}

/* What a report says that the task waits for. */
static inline const char *wait_of(yibu_task *task)
{
    static char text[256];
    const yb_task *waiting = yb_task_of(task);
    assert_int_equal(task->state, YB_TASK_SUSPENDED);
    snprintf(text, sizeof(text), "%s", waiting->waits_for->name);
    if (waiting->waits_for->describe)
        waiting->waits_for->describe(waiting, text, sizeof(text));
    return text;
}

/* Who a report says can end the task's wait. */
static inline yibu_task *owner_of_wait(yibu_task *task)
{
    const yb_task *waiting = yb_task_of(task);
    assert_int_equal(task->state, YB_TASK_SUSPENDED);
    yb_task *owner = waiting->waits_for->owner ? waiting->waits_for->owner(waiting) : NULL;
    return owner ? &owner->future : NULL;
}

#endif
