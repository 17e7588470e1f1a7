/* Operations in their callback form, as a part of everything.h. */
#ifndef EVERYTHING_OPERATIONS_H
#define EVERYTHING_OPERATIONS_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "awaited_op.h"
#include "everything_protocols.h"

static intptr_t everything_op_pipe(void)
{
    awaited_op o;
    yibu_loop *loop = yibu_get_running_loop();
    char byte = 'x';
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    ssize_t r = awaited_op_end(&o, yibu_op_write(loop, awaited_op_new(&o), ends[1], &byte, 1, -1));
    if (r == 1)
        r = awaited_op_end(&o, yibu_op_read(loop, awaited_op_new(&o), ends[0], &byte, 1, -1));
    if (r == 1)
        r = awaited_op_end(&o, yibu_op_poll(loop, awaited_op_new(&o), ends[1], YIBU_WRITABLE));
    if (r == YIBU_WRITABLE)
        r = awaited_op_end(&o, yibu_op_sleep(loop, awaited_op_new(&o), YIBU_US(100)));
    yibu_close(ends[0]);
    yibu_close(ends[1]);
    return r;
}

enum { EVERYTHING_OP_BYTES = 500000 };

/* More than a socket holds, so that both have to wait. */
static ssize_t everything_op_send_much(int from, int to)
{
    static char text[EVERYTHING_OP_BYTES], back[65536];
    awaited_op sending, receiving;
    yibu_loop *loop = yibu_get_running_loop();
    size_t sent = 0, received = 0;
    ssize_t r = 1;
    int started = yibu_op_send_all(loop, awaited_op_new(&sending), from, text, sizeof(text), &sent);
    while (started == 0 && r > 0 && received < sizeof(text)) {
        r = awaited_op_end(&receiving,
                           yibu_op_recv(loop, awaited_op_new(&receiving), to, back, sizeof(back)));
        received += r > 0 ? (size_t)r : 0;
    }
    if (started == 0 && r <= 0)
        (void)yibu_op_cancel(&sending.op);
    ssize_t all = awaited_op_end(&sending, started);
    return r < 0                                             ? r
           : all < 0                                         ? all
           : all == sizeof(text) && received == sizeof(text) ? 0
                                                             : -EPROTO;
}

static ssize_t everything_op_talk(int listener, int client)
{
    awaited_op o;
    yibu_loop *loop = yibu_get_running_loop();
    char byte = 'x';
    ssize_t r = awaited_op_end(&o, yibu_op_send(loop, awaited_op_new(&o), client, &byte, 1));
    if (r < 0)
        return r;
    int server = (int)awaited_op_end(&o, yibu_op_accept(loop, awaited_op_new(&o), listener, NULL));
    if (server < 0)
        return server;
    r = awaited_op_end(&o, yibu_op_recv(loop, awaited_op_new(&o), server, &byte, 1));
    if (r == 1)
        r = everything_op_send_much(client, server);
    yibu_close(server);
    return r;
}

static intptr_t everything_op_sockets(void)
{
    awaited_op o;
    yibu_loop *loop = yibu_get_running_loop();
    yibu_address address;
    int listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    if (listener < 0)
        return listener;
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ssize_t r = client < 0 ? -errno : yibu_getsockname(listener, &address);
    if (r == 0)
        r = awaited_op_end(&o, yibu_op_connect(loop, awaited_op_new(&o), client, &address));
    if (r == 0)
        r = everything_op_talk(listener, client);
    if (client >= 0)
        yibu_close(client);
    yibu_close(listener);
    return r;
}

static intptr_t everything_op_names(void)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    awaited_op o;
    yibu_loop *loop = yibu_get_running_loop();
    yibu_address address;
    char host[NI_MAXHOST], service[NI_MAXSERV];
    ssize_t r = awaited_op_end(&o, yibu_op_getaddrinfo(loop, awaited_op_new(&o), "127.0.0.1", "80",
                                                       &hints, &list));
    if (r == 0)
        freeaddrinfo(list);
    if (r == 0)
        r = yibu_address_parse("127.0.0.1", 80, &address);
    if (r == 0)
        r = awaited_op_end(&o, yibu_op_getnameinfo(loop, awaited_op_new(&o), &address,
                                                   NI_NUMERICHOST | NI_NUMERICSERV, host,
                                                   sizeof(host), service, sizeof(service)));
    if (r == 0)
        r = yibu_getnameinfo(&address, NI_NUMERICHOST | NI_NUMERICSERV, host, sizeof(host), service,
                             sizeof(service));
    return r < 0 ? r : strcmp(host, "127.0.0.1") == 0 && strcmp(service, "80") == 0 ? 0 : -EPROTO;
}

static intptr_t everything_called_back(void)
{
    intptr_t r = everything_op_pipe();
    if (r == 0)
        r = everything_op_sockets();
    return r < 0 ? r : everything_op_names();
}

/* Connections of the callback form, which call back as well. */

typedef struct everything_guest {
    yibu_protocol protocol;
    bool lost;
} everything_guest;

static void everything_guest_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    (void)transport;
    (void)error;
    ((everything_guest *)(void *)protocol)->lost = true;
}

static intptr_t everything_op_connect_to(yibu_server *server, const char *path)
{
    static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                                  .data_received = everything_echo_back,
                                                  .connection_lost = everything_guest_lost};
    everything_guest guest = {{&methods}, false};
    yibu_transport *transport;
    awaited_op o;
    yibu_op *op = awaited_op_new(&o);
    yibu_loop *loop = yibu_get_running_loop();
    ssize_t r = awaited_op_end(
        &o, path ? yibu_op_create_unix_connection(loop, op, &guest.protocol, path, NULL, &transport)
                 : yibu_op_create_connection(loop, op, &guest.protocol, "127.0.0.1",
                                             yibu_server_port(server), NULL, &transport));
    if (r == 0 && !guest.lost)
        yibu_transport_free(transport);
    return r;
}

static intptr_t everything_connections(void)
{
    yibu_server *server;
    int r = yibu_create_server(everything_make_echo, NULL, "127.0.0.1", 0, NULL, &server);
    if (r < 0)
        return r;
    intptr_t result = end_server(server, everything_op_connect_to(server, NULL));
    if (result < 0)
        return result;
    r = yibu_create_unix_server(everything_make_echo, NULL, "socket", NULL, &server);
    return r < 0 ? r : end_server(server, everything_op_connect_to(server, "socket"));
}

#endif
