/* An echo server in the callback form: a protocol in the place of a task for each connection.
 *
 * It needs no state of a connection's, so all share one protocol.  A client that does not read what
 * comes back is not read from either.
 *
 * usage: echo_protocol [PORT]      (0, the default: whichever the kernel chooses) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yibu.h>

static void data_received(yibu_protocol *protocol, yibu_transport *transport, void *data,
                          size_t size)
{
    (void)protocol;
    if (yibu_transport_write(transport, data, size) < 0)
        yibu_transport_abort(transport);
}

static void pause_writing(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    yibu_transport_pause_reading(transport);
}

static void resume_writing(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    yibu_transport_resume_reading(transport);
}

static yibu_protocol *make_echo(void *arg)
{
    static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                                  .data_received = data_received,
                                                  .pause_writing = pause_writing,
                                                  .resume_writing = resume_writing};
    static yibu_protocol echo = {&methods};
    (void)arg;
    return &echo;
}

static YIBU_ASYNC(void, serve, uint16_t, port)
{
    yibu_server *server;
    int r = yibu_create_server(make_echo, NULL, NULL, port, NULL, &server);
    if (r < 0)
        return r;
    printf("port %u\n", yibu_server_port(server));
    fflush(stdout);
    r = yibu_server_serve_forever(server);
    yibu_server_abort_clients(server);
    yibu_server_free(server);
    return r;
}

int main(int argc, char **argv)
{
    int r = serve_run(NULL, argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
    if (r == -EINTR) /* Ctrl-C */
        return 0;
    fprintf(stderr, "echo_protocol: %s\n", yibu_strerror(r));
    return 1;
}
