/* UDP, descriptors over a Unix socket, and a datagram transport, as a part of everything.h. */
#ifndef EVERYTHING_DATAGRAMS_H
#define EVERYTHING_DATAGRAMS_H

#include <unistd.h>

#include "test.h"

typedef struct everything_sender {
    int receiver, fd;
    intptr_t result;
} everything_sender;

/* Who cannot send ends the receiver's wait. */
static intptr_t everything_send_late(void *arg)
{
    everything_sender *s = arg;
    char text[] = "segments";
    yibu_message message = {.data = text, .size = sizeof(text), .segment_size = 5};
    yibu_message two[2] = {{.data = text, .size = 1}, {.data = text, .size = 2}};
    s->result = yibu_sleep(YIBU_US(100));
    if (s->result == 0)
        s->result = yibu_send_message(s->fd, &message);
    if (s->result >= 0)
        s->result = yibu_send_messages(s->fd, two, 2, NULL);
    if (s->result < 0)
        yibu_close(s->receiver);
    return 0;
}

static intptr_t everything_receive_four(int fd)
{
    char text[4][8];
    yibu_message messages[4];
    for (ssize_t total = 0, n; total < 4; total += n) {
        for (int i = 0; i < 4; i++)
            messages[i] = (yibu_message){.data = text[i], .capacity = sizeof(text[i])};
        n = yibu_recv_messages(fd, messages, (size_t)(4 - total));
        if (n < 0)
            return n;
    }
    return 0;
}

static intptr_t everything_udp(void)
{
    yibu_address address;
    int fd = yibu_udp_bind("127.0.0.1", 0, NULL);
    if (fd < 0)
        return fd;
    everything_sender s = {.receiver = fd};
    intptr_t r = yibu_getsockname(fd, &address);
    if (r == 0)
        r = s.fd = yibu_udp_connect("127.0.0.1", yibu_address_port(&address), NULL);
    if (r < 0) {
        yibu_close(fd);
        return r;
    }
    yibu_task *task = yibu_create_task(everything_send_late, &s, NULL);
    r = task ? everything_receive_four(fd) : -ENOMEM;
    if (task) {
        (void)yibu_await(task);
        yibu_task_unref(task);
    }
    yibu_close(s.fd);
    if (s.result < 0)
        return s.result; /* it has closed the other */
    yibu_close(fd);
    return r;
}

static intptr_t everything_fds(void)
{
    int ends[2], fds[2];
    size_t count;
    char byte;
    intptr_t r = yibu_socketpair(SOCK_SEQPACKET, ends);
    if (r < 0)
        return r;
    r = yibu_send_fds(ends[0], "x", 1, ends, 2);
    if (r >= 0)
        r = yibu_recv_fds(ends[1], &byte, 1, fds, 2, &count);
    if (r >= 0)
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
    yibu_close(ends[0]);
    yibu_close(ends[1]);
    return r < 0 ? r : 0;
}

typedef struct everything_notes {
    yibu_datagram_protocol protocol;
    yibu_event changed;
    int received, error, lost;
} everything_notes;

static void everything_received(yibu_datagram_protocol *protocol,
                                yibu_datagram_transport *transport, void *data, size_t size,
                                const yibu_address *from)
{
    everything_notes *n = (everything_notes *)(void *)protocol;
    if (n->received++ == 0) {
        int r = yibu_datagram_transport_sendto(transport, data, size, from);
        if (r == 0)
            return;
        n->error = r;
    }
    yibu_event_set(&n->changed);
}

static void everything_failed(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                              int error, const yibu_udp_error *what)
{
    (void)transport;
    (void)what;
    everything_notes *n = (everything_notes *)(void *)protocol;
    n->error = error;
    yibu_event_set(&n->changed);
}

static void everything_lost(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                            int error)
{
    everything_notes *n = (everything_notes *)(void *)protocol;
    n->lost = 1;
    everything_failed(protocol, transport, n->error ? n->error : error, NULL);
}

/* A datagram to itself, and back. */
static intptr_t everything_endpoint(void)
{
    static const yibu_datagram_methods methods = {.size = sizeof(methods),
                                                  .datagram_received = everything_received,
                                                  .error_received = everything_failed,
                                                  .connection_lost = everything_lost};
    everything_notes n = {.protocol = {&methods}, .changed = YIBU_EVENT_INIT};
    yibu_datagram_transport *transport;
    yibu_stream_info info = {.size = sizeof(info)};
    intptr_t r = yibu_create_datagram_endpoint(&n.protocol, "127.0.0.1", 0, NULL, &transport);
    if (r < 0)
        return r;
    (void)yibu_datagram_transport_get_extra_info(transport, &info);
    r = yibu_datagram_transport_sendto(transport, "itself", 6, &info.local);
    if (r == 0)
        r = yibu_event_wait(&n.changed);
    if (!n.lost)
        yibu_datagram_transport_free(transport);
    return n.error < 0 ? n.error : r;
}

static intptr_t everything_datagrams(void)
{
    intptr_t r = everything_udp();
    if (r == 0)
        r = everything_fds();
    return r < 0 ? r : everything_endpoint();
}

#endif
