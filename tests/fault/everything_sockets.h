/* Sockets in the caller's hands, as a part of everything.h. */
#ifndef EVERYTHING_SOCKETS_H
#define EVERYTHING_SOCKETS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static intptr_t everything_unix_talk(int listener, int client)
{
    char text[8];
    yibu_message message = {.data = text, .capacity = sizeof(text)};
    yibu_credentials who;
    int server = yibu_accept(listener, NULL);
    if (server < 0)
        return server;
    intptr_t r = yibu_peer_credentials(server, &who);
    if (r == 0)
        r = yibu_send(client, "record", 6);
    if (r == 6)
        r = yibu_recv_message(server, &message);
    if (r == 6)
        r = yibu_shutdown(client, SHUT_WR);
    if (r == 0)
        r = yibu_recv(server, text, sizeof(text));
    yibu_close(server);
    return r;
}

static intptr_t everything_unix_sockets(void)
{
    char name[40];
    snprintf(name, sizeof(name), "@yibu-drive-%d", (int)getpid());
    int listener = yibu_unix_listen(SOCK_SEQPACKET, name, NULL);
    if (listener < 0)
        return listener;
    int client = yibu_unix_connect(SOCK_SEQPACKET, name);
    intptr_t r = client < 0 ? client : everything_unix_talk(listener, client);
    if (client >= 0)
        yibu_close(client);
    yibu_close(listener);
    return r;
}

static intptr_t everything_send_to_self(int fd)
{
    char text[8];
    yibu_address address, from;
    intptr_t r = yibu_getsockname(fd, &address);
    if (r == 0)
        r = yibu_sendto(fd, "self", 4, &address);
    if (r == 4)
        r = yibu_recvfrom(fd, text, sizeof(text), &from);
    return r < 0 ? r : r == 4 ? 0 : -EPROTO;
}

static intptr_t everything_plain_udp(void)
{
    int fd = yibu_udp_bind("127.0.0.1", 0, NULL);
    if (fd < 0)
        return fd;
    intptr_t r = everything_send_to_self(fd);
    yibu_close(fd);
    return r;
}

/* A descriptor that nobody else knows of, connected. */
static intptr_t everything_own_socket(void)
{
    yibu_address address;
    int client = -1, listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    if (listener < 0)
        return listener;
    intptr_t r = yibu_getsockname(listener, &address);
    if (r == 0) {
        client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        r = client < 0 ? -errno : yibu_connect(client, &address);
    }
    if (r == 0)
        r = yibu_wait_writable(client);
    if (client >= 0)
        yibu_close(client);
    yibu_close(listener);
    return r;
}

static intptr_t everything_drain_pipe(void *arg)
{
    static char bytes[1 << 16];
    ssize_t n = yibu_read(*(int *)arg, bytes, sizeof(bytes));
    return n < 0 ? n : 0;
}

/* A pipe that is full until another task has read. */
static intptr_t everything_full_pipe(void)
{
    static const char bytes[1 << 16];
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    while (write(ends[1], bytes, sizeof(bytes)) > 0)
        ;
    yibu_task *task = yibu_create_task(everything_drain_pipe, &ends[0], NULL);
    intptr_t r = task ? yibu_write(ends[1], bytes, 100) : -ENOMEM;
    if (r == 100)
        r = yibu_wait_writable(ends[1]);
    intptr_t drained = task ? yibu_await(task) : 0;
    yibu_task_unref(task);
    yibu_close(ends[0]);
    yibu_close(ends[1]);
    return r < 0 ? r : drained;
}

static intptr_t everything_sockets(void)
{
    intptr_t r = everything_unix_sockets();
    if (r == 0)
        r = everything_plain_udp();
    if (r == 0)
        r = everything_own_socket();
    return r < 0 ? r : everything_full_pipe();
}

#endif
