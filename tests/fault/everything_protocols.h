/* A server and a client in the callback form, as a part of everything.h. */
#ifndef EVERYTHING_PROTOCOLS_H
#define EVERYTHING_PROTOCOLS_H

#include <stdlib.h>

#include "end_server.h"

enum { EVERYTHING_PROTOCOL_BYTES = 200000 };

typedef struct everything_client {
    yibu_protocol protocol;
    size_t received;
    int result;
    yibu_event ended;
} everything_client;

static void everything_echo_back(yibu_protocol *protocol, yibu_transport *transport, void *data,
                                 size_t size)
{
    (void)protocol;
    if (yibu_transport_write(transport, data, size) == -ENOMEM)
        yibu_transport_abort(transport);
}

static yibu_protocol *everything_make_echo(void *arg)
{
    static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                                  .data_received = everything_echo_back};
    static yibu_protocol echo = {&methods};
    (void)arg;
    return &echo;
}

static void everything_client_received(yibu_protocol *protocol, yibu_transport *transport,
                                       void *data, size_t size)
{
    everything_client *c = (everything_client *)protocol;
    (void)data;
    c->received += size;
    if (c->received == EVERYTHING_PROTOCOL_BYTES)
        yibu_transport_close(transport);
}

static void everything_client_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    everything_client *c = (everything_client *)protocol;
    (void)transport;
    c->result = error;
    yibu_event_set(&c->ended);
}

static intptr_t everything_ask(everything_client *c, uint16_t port)
{
    static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                                  .data_received = everything_client_received,
                                                  .connection_lost = everything_client_lost};
    static char text[EVERYTHING_PROTOCOL_BYTES];
    yibu_transport *transport;
    c->protocol.methods = &methods;
    int r = yibu_create_connection(&c->protocol, "127.0.0.1", port, NULL, &transport);
    if (r < 0)
        return r;
    /* What fails here ends the connection; a server without memory hangs up late. */
    if (yibu_transport_write(transport, text, sizeof(text)) == -ENOMEM)
        yibu_transport_abort(transport);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_SECONDS(5));
    intptr_t result = yibu_timeout_end(&limit, yibu_event_wait(&c->ended));
    if (result < 0 && c->result == -EINPROGRESS)
        yibu_transport_free(transport);
    if (result < 0)
        return result;
    return c->received == EVERYTHING_PROTOCOL_BYTES ? c->result : -ENOMEM;
}

static intptr_t everything_protocols(void)
{
    yibu_server *server;
    int r = yibu_create_server(everything_make_echo, NULL, "127.0.0.1", 0, NULL, &server);
    if (r < 0)
        return r;
    everything_client c = {.ended = YIBU_EVENT_INIT, .result = -EINPROGRESS};
    return end_server(server, everything_ask(&c, yibu_server_port(server)));
}

#endif
