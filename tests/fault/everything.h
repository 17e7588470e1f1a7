/* A program that uses every part of the core once; 0, or its first failure.  It ends whatever
 * fails: nobody in it waits for what will not come. */
#ifndef EVERYTHING_H
#define EVERYTHING_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/backend/echo.h"
#include "test.h"

static void everything_note(void *arg)
{
    ++*(int *)arg;
}

/* Callbacks of every kind. */
static intptr_t everything_calls(void)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_handle *handles[2] = {NULL, NULL};
    int count = 0;
    int r = yibu_call_soon(loop, everything_note, &count, &handles[0]);
    int expected = r == 0;
    if (r == 0)
        r = yibu_call_later(loop, YIBU_SECONDS(100), everything_note, &count, &handles[1]);
    if (r == 0 && (r = yibu_call_soon_threadsafe(loop, everything_note, &count)) == 0)
        expected++;
    yibu_handle_cancel(handles[1]);
    int slept = yibu_sleep(YIBU_US(100));
    if (slept == 0)
        slept = yibu_sleep(0);
    yibu_handle_unref(handles[0]);
    yibu_handle_unref(handles[1]);
    return r < 0 ? r : slept < 0 ? slept : count == expected ? 0 : -EPROTO;
}

static void everything_watched(void *arg)
{
    yibu_remove_reader(yibu_get_running_loop(), *(int *)arg);
}

/* A watch of a descriptor with a high number, so that tables grow. */
static intptr_t everything_watch(void)
{
    yibu_loop *loop = yibu_get_running_loop();
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    int fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 700);
    intptr_t r = fd < 0 ? -errno : yibu_add_reader(loop, fd, everything_watched, &fd);
    if (r == 0) {
        (void)!write(ends[1], "x", 1);
        r = yibu_sleep(YIBU_MS(1));
        yibu_remove_reader(loop, fd);
    }
    if (r == 0)
        r = yibu_wait_readable(fd);
    if (fd >= 0)
        yibu_close(fd);
    yibu_close(ends[0]);
    yibu_close(ends[1]);
    return r;
}

static intptr_t everything_wait_for_event(void *arg)
{
    yibu_timeout timeout;
    int r = yibu_timeout_begin(&timeout, YIBU_SECONDS(5));
    return r < 0 ? r : yibu_timeout_end(&timeout, yibu_event_wait(arg));
}

static intptr_t everything_sleep(void *arg)
{
    return yibu_sleep((intptr_t)arg);
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

static intptr_t everything_resolve(void)
{
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    int r = yibu_getaddrinfo("127.0.0.1", "80", &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

static void everything_op_done(yibu_op *op, ssize_t result)
{
    ssize_t *to = op->arg;
    *to = result;
}

static intptr_t everything_ops(void)
{
    yibu_loop *loop = yibu_get_running_loop();
    int pair[2];
    char byte;
    ssize_t results[2] = {1, 1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    yibu_op ops[2] = {{.callback = everything_op_done, .arg = &results[0]},
                      {.callback = everything_op_done, .arg = &results[1]}};
    int r = yibu_op_recv(loop, &ops[0], pair[0], &byte, 1);
    if (r == 0) {
        r = yibu_op_poll(loop, &ops[1], pair[1], YIBU_READABLE);
        if (r == 0)
            yibu_op_cancel(&ops[1]);
        yibu_op_cancel(&ops[0]);
    }
    int slept = yibu_sleep(YIBU_MS(1));
    yibu_close(pair[0]);
    yibu_close(pair[1]);
    yibu_sleep(0);
    for (int i = 0; r == 0 && i < 2; i++)
        r = results[i] == -ECANCELED ? 0 : (int)results[i];
    return r == 0 ? slept : r;
}

static intptr_t everything(void *arg)
{
    static intptr_t (*const parts[])(
        void) = {everything_calls,   everything_watch, everything_tasks,   everything_locals,
                 everything_futures, everything_typed, everything_resolve, everything_ops};
    intptr_t r = echo_program(arg);
    for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
        r = parts[i]();
    return r;
}

static inline void everything_hush(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)code;
    (void)arg;
}

/* Runs it on a loop that is asked for its descriptor, too. */
static inline intptr_t everything_run(void)
{
    yibu_loop_options options = {.size = sizeof(options), .exception_handler = everything_hush};
    intptr_t r = yibu_run(everything, NULL, &options);
    if (r < 0)
        return r;
    yibu_loop *loop;
    r = yibu_loop_new(&options, &loop);
    if (r < 0)
        return r;
    r = yibu_loop_fd(loop);
    if (r >= 0)
        r = yibu_run_until_complete(loop, everything_sleep, (void *)(intptr_t)YIBU_US(10));
    int freed = yibu_loop_free(loop);
    return r < 0 ? r : freed;
}

#endif
