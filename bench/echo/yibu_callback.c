/* Yibu's transports and protocols: no task a connection, a callback a piece of data. */
#include "bench.h"

#include <yibu.h>
#include <yibu/protocol.h>

static void data_received(yibu_protocol *protocol, yibu_transport *transport, void *data,
                          size_t size)
{
    (void)protocol;
    yibu_transport_write(transport, data, size);
}

static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                              .data_received = data_received};
static yibu_protocol echo = {&methods};

static yibu_protocol *make_echo(void *arg)
{
    (void)arg;
    return &echo;
}

static intptr_t run(void *arg)
{
    const yibu_server_options options = {.size = sizeof(options), .backlog = 4096};
    yibu_server *server;
    int r = yibu_create_server(make_echo, NULL, "127.0.0.1", 0, &options, &server);

    (void)arg;
    if (r < 0)
        return r;
    bench_report_port(yibu_server_port(server), yibu_loop_backend(yibu_get_running_loop()));
    return yibu_server_serve_forever(server);
}

int main(void)
{
    intptr_t result = yibu_run(run, NULL, NULL);

    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    return 0;
}
