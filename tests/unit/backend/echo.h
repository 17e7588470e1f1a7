/* A small program that uses most of the runtime: what must work wherever a loop could be made. */
#ifndef ECHO_H
#define ECHO_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "test.h"

/* Why the server let a client down: then what the client saw is not the first failure. */
static intptr_t echo_trouble;

static intptr_t echo_connection(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[256];
    ssize_t n;
    while ((n = yibu_recv(fd, buffer, sizeof(buffer))) > 0) {
        int r = yibu_send_all(fd, buffer, (size_t)n, NULL);
        if (r < 0) {
            n = r;
            break;
        }
    }
    yibu_close(fd);
    if (n < 0)
        echo_trouble = n;
    return n;
}

/* Closes the listener when it ends, so that a client it failed to serve does not wait for ever. */
static intptr_t echo_serve(void *arg)
{
    int listener = (int)(intptr_t)arg;
    for (;;) {
        int fd = yibu_accept(listener, NULL);
        if (fd < 0) {
            yibu_close(listener);
            return fd;
        }
        yibu_task *task = yibu_create_task(echo_connection, (void *)(intptr_t)fd, NULL);
        if (!task) {
            yibu_close(fd);
            echo_trouble = -ENOMEM;
        }
        yibu_task_unref(task);
    }
}

static ssize_t echo_receive(int fd, char *buffer, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t n = yibu_recv(fd, buffer + length, size - length);
        if (n <= 0)
            return n < 0 ? n : -EPIPE;
        length += (size_t)n;
    }
    return (ssize_t)length;
}

static int echo_talk(int fd, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        char sent[200], received[sizeof(sent)];
        memset(sent, 'a' + i % 26, sizeof(sent));
        int r = yibu_send_all(fd, sent, sizeof(sent), NULL);
        if (r < 0)
            return r;
        ssize_t n = echo_receive(fd, received, sizeof(received));
        if (n < 0)
            return (int)n;
        if (memcmp(sent, received, sizeof(sent)) != 0)
            return -EBADMSG;
    }
    return 0;
}

static intptr_t echo_square(void *arg)
{
    return (intptr_t)arg * (intptr_t)arg;
}

/* A time limit that expires: a receive of nothing. */
static intptr_t echo_time_out(int fd)
{
    char byte;
    yibu_timeout timeout;
    intptr_t r = yibu_timeout_begin(&timeout, YIBU_MS(1));
    if (r < 0)
        return r;
    return yibu_timeout_end(&timeout, yibu_recv(fd, &byte, 1));
}

static intptr_t echo_client(uint16_t port)
{
    int fd = yibu_tcp_connect("127.0.0.1", port);
    if (fd < 0)
        return fd;
    intptr_t r = echo_talk(fd, 20);
    if (r == 0)
        r = echo_time_out(fd);
    if (r == -ETIMEDOUT)
        r = echo_talk(fd, 5);
    yibu_close(fd);
    return r;
}

/* 0, or the first failure. */
static intptr_t echo_program(void *arg)
{
    (void)arg;
    yibu_address address;
    echo_trouble = 0;
    int listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    if (listener < 0)
        return listener;
    intptr_t r = yibu_getsockname(listener, &address);
    yibu_task *server = yibu_create_task(echo_serve, (void *)(intptr_t)listener, NULL);
    if (!server) {
        yibu_close(listener);
        return -ENOMEM;
    }
    if (r == 0)
        r = echo_client(yibu_address_port(&address));
    if (r == 0) {
        r = yibu_to_thread(echo_square, (void *)12);
        r = r == 144 ? 0 : yibu_failed(r) ? r : -EDOM;
    }
    yibu_task_cancel(server);
    intptr_t ended = yibu_await(server);
    if (yibu_failed(ended) && ended != -ECANCELED)
        r = ended; /* the client only suffered from it */
    yibu_task_unref(server);
    return r < 0 && echo_trouble ? echo_trouble : r;
}

#endif
