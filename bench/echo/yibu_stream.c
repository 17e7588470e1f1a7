/* Yibu's streams, a task a connection: what asyncio's start_server is. */
#include "bench.h"

#include <yibu.h>

#define BUFFER_BYTES 16384

static intptr_t serve(yibu_stream *stream, void *arg)
{
    char *buffer = malloc(BUFFER_BYTES);
    ssize_t received;

    (void)arg;
    while ((received = yibu_stream_read(stream, buffer, BUFFER_BYTES)) > 0)
        if (yibu_stream_write(stream, buffer, (size_t)received) < 0 ||
            yibu_stream_drain(stream) < 0)
            break;
    free(buffer);
    return 0;
}

static intptr_t run(void *arg)
{
    const yibu_server_options options = {.size = sizeof(options), .backlog = 4096};
    yibu_server *server;
    int r = yibu_start_server(serve, NULL, "127.0.0.1", 0, &options, &server);

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
