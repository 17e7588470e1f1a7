/* Everything of tasks: events and limits, futures, groups, generators, locals, typed coroutines. */
#ifndef EVERYTHING_TASKS_H
#define EVERYTHING_TASKS_H

#include <errno.h>

#include "test.h"

static intptr_t everything_sleep(void *arg)
{
    return yibu_sleep((intptr_t)arg);
}

static intptr_t everything_wait_for_event(void *arg)
{
    yibu_timeout timeout;
    int r = yibu_timeout_begin(&timeout, YIBU_SECONDS(5));
    return r < 0 ? r : yibu_timeout_end(&timeout, yibu_event_wait(arg));
}

/* Tasks with names and stacks of their own, events, time limits. */
static intptr_t everything_tasks(void)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_task_options options = {.size = sizeof(options), .name = "waiter", .stack_bytes = 200000};
    yibu_task *waiter = yibu_create_task(everything_wait_for_event, &event, &options);
    yibu_task *sleeper =
        yibu_create_task(everything_sleep, (void *)(intptr_t)YIBU_SECONDS(9), NULL);
    if (sleeper)
        (void)yibu_task_get_name(sleeper);
    yibu_sleep(0);
    yibu_event_set(&event);
    intptr_t r = yibu_await(waiter);
    intptr_t late = yibu_wait_for(sleeper, YIBU_US(50));
    yibu_task_cancel(sleeper);
    if (sleeper)
        (void)yibu_await(sleeper);
    yibu_task_unref(waiter);
    yibu_task_unref(sleeper);
    if (r == 0 && late != -ETIMEDOUT)
        r = late;
    int spawned = yibu_spawn(everything_sleep, (void *)1);
    return r == 0 ? spawned : r;
}

static yibu_local everything_word = YIBU_LOCAL_INIT(NULL);

static intptr_t everything_set_word(void *arg)
{
    int r = yibu_local_set(&everything_word, arg);
    if (r == 0 && yibu_local_get(&everything_word) != arg)
        return -EPROTO;
    return r < 0 ? r : yibu_sleep(0);
}

/* Task-locals that a child, begun eagerly, inherits and sets anew; a cancel that says why. */
static intptr_t everything_locals(void)
{
    const yibu_task_options eager = {.size = sizeof(eager), .name = "eager", .eager = true};
    intptr_t r = everything_set_word("one");
    yibu_task *child = yibu_create_task(everything_set_word, "two", &eager);
    intptr_t own = child ? yibu_await(child) : -ENOMEM;
    yibu_task_unref(child);
    yibu_task *sleeper =
        yibu_create_task(everything_sleep, (void *)(intptr_t)YIBU_SECONDS(9), NULL);
    if (sleeper) {
        yibu_task_cancel_with(sleeper, "enough");
        (void)yibu_await(sleeper);
    }
    yibu_task_unref(sleeper);
    return r < 0 ? r : own < 0 ? own : sleeper ? 0 : -ENOMEM;
}

static void everything_noted(yibu_future *future, void *arg)
{
    (void)future;
    ++*(int *)arg;
}

/* Waits for them all in every way. */
static intptr_t everything_wait(yibu_future **futures, size_t n)
{
    intptr_t results[3];
    int count = 0, r = yibu_future_add_done_callback(futures[0], everything_noted, &count);
    if (r == 0)
        r = yibu_future_set_result(futures[0], 7);
    if (r == 0)
        r = yibu_gather(futures, n, results, 0);
    if (r == 0 && results[0] != 7)
        r = -EPROTO;
    ssize_t done = r == 0 ? yibu_wait(futures, n, YIBU_SECONDS(5), YIBU_ALL_COMPLETED) : 0;
    size_t completed = 0;
    if (done > 0)
        YIBU_ASYNC_FOR (yibu_future *, future, yibu_as_completed(futures, n, YIBU_FOREVER), &r)
            completed += yibu_shield(future) >= 0;
    (void)yibu_future_remove_done_callback(futures[0], everything_noted, &count);
    if (r == 0 && done >= 0 && ((size_t)done != n || completed != n || count != 1))
        r = -EPROTO;
    return done < 0 ? done : r;
}

static intptr_t everything_futures(void)
{
    yibu_future *futures[] = {yibu_create_future(NULL),
                              yibu_create_task(everything_sleep, (void *)1, NULL),
                              yibu_create_task(everything_sleep, (void *)2, NULL)};
    intptr_t r = futures[0] ? everything_wait(futures, 3) : -ENOMEM;
    for (size_t i = 0; i < 3; i++) {
        yibu_future_cancel(futures[i]);
        (void)yibu_await(futures[i]);
        yibu_future_unref(futures[i]);
    }
    return r;
}

static YIBU_ASYNC(int64_t, everything_nap, int64_t, delay_ns)
{
    *ret = delay_ns;
    return yibu_sleep(delay_ns);
}

/* Typed coroutines, alone and in a group. */
static intptr_t everything_typed(void)
{
    int64_t slept = 0;
    yibu_task *task = yibu_start(everything_nap, 3);
    int r = everything_nap_await(task, &slept);
    yibu_task_unref(task);
    if (r == 0)
        r = slept == 3 ? yibu_go(everything_nap, 1) : -EPROTO;
    yibu_group group = YIBU_GROUP_INIT;
    int begun = yibu_group_begin(&group, NULL);
    yibu_task *child = yibu_start_in(&group, everything_nap, 4);
    int added = yibu_go_in(&group, everything_nap, 1);
    intptr_t ended = yibu_group_end(&group, 0);
    if (r == 0 && ended == 0)
        r = begun < 0 || added < 0 ? -EPROTO : everything_nap_result(child, &slept);
    yibu_task_unref(child);
    return r < 0 ? r : ended < 0 ? ended : slept == 4 ? 0 : -EPROTO;
}

/* Groups: children in line, and one that says that it is ready. */

static intptr_t everything_start(void *arg)
{
    (void)arg;
    int r = yibu_group_started(9);
    return r < 0 ? r : yibu_sleep(0);
}

static intptr_t everything_group(void)
{
    yibu_group group = YIBU_GROUP_INIT;
    const yibu_group_options options = {.size = sizeof(options), .max_running = 2};
    intptr_t value = 0, r = yibu_group_begin(&group, &options);
    for (intptr_t i = 1; r == 0 && i < 5; i++)
        r = yibu_group_spawn(&group, everything_sleep, (void *)i);
    if (r == 0)
        r = yibu_group_start(&group, everything_start, NULL, &value);
    if (r == 0 && value != 9)
        r = -EPROTO;
    return yibu_group_end(&group, r);
}

static intptr_t everything_yield(void *arg)
{
    int r = 0;
    for (int i = 0; r == 0 && i < 3; i++)
        r = yibu_generator_yield(arg);
    return r;
}

static intptr_t everything_generate(void)
{
    int one = 1, sum = 0, r;
    YIBU_ASYNC_FOR (int *, item, yibu_generator_new(everything_yield, &one), &r)
        sum += *item;
    return r < 0 ? r : sum == 3 ? 0 : -EPROTO;
}

/* Leaves a task behind. */
static intptr_t everything_spawn(void *arg)
{
    (void)arg;
    return yibu_spawn(everything_sleep, (void *)(intptr_t)YIBU_SECONDS(9));
}

/* A coroutine that is submitted as another thread would, waited for in both ways. */
static intptr_t everything_submit(void)
{
    yibu_concurrent_future *future;
    int r = yibu_run_coroutine_threadsafe(yibu_get_running_loop(), everything_sleep, (void *)1,
                                          &future);
    if (r < 0)
        return r;
    yibu_future *wrapped = yibu_wrap_future(future);
    intptr_t result = yibu_await(wrapped);
    intptr_t same = yibu_concurrent_future_result(future, YIBU_SECONDS(5));
    yibu_future_unref(wrapped);
    yibu_concurrent_future_unref(future);
    return result < 0 ? result : same;
}

#endif
