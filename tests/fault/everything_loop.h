/* Everything of the loop: callbacks, watches, names, operations. */
#ifndef EVERYTHING_LOOP_H
#define EVERYTHING_LOOP_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "awaited_op.h"

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

static intptr_t everything_resolve(void)
{
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    int r = yibu_getaddrinfo("127.0.0.1", "80", &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

/* Operations on a stack, which are cancelled. */
static intptr_t everything_ops(void)
{
    yibu_loop *loop = yibu_get_running_loop();
    awaited_op receiving, polling;
    int pair[2];
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    int received = yibu_op_recv(loop, awaited_op_new(&receiving), pair[0], &byte, 1);
    int polled = yibu_op_poll(loop, awaited_op_new(&polling), pair[1], YIBU_READABLE);
    yibu_op_cancel(&polling.op);
    yibu_op_cancel(&receiving.op);
    int slept = yibu_sleep(YIBU_US(100));
    const ssize_t results[2] = {awaited_op_end(&receiving, received),
                                awaited_op_end(&polling, polled)};
    yibu_close(pair[0]);
    yibu_close(pair[1]);
    for (int i = 0; i < 2; i++)
        if (results[i] != -ECANCELED)
            return results[i];
    return slept;
}

#endif
