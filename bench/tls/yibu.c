/* A task a connection: a request for /SIZE is answered with so many bytes, from memory.
 * bench-libraries: yibu-tls
 * bench-packages: openssl
 */
#include "bench.h"
#include "certificate.h"

#include <yibu.h>
#include <yibu/tls.h>

#define PIECE 65536

static int answer(yibu_stream *stream, long size)
{
    static const char bytes[PIECE];
    char header[128];
    int length =
        snprintf(header, sizeof(header), "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", size);
    int r = yibu_stream_write(stream, header, (size_t)length);

    while (r == 0 && size > 0) {
        size_t piece = size < PIECE ? (size_t)size : PIECE;

        r = yibu_stream_write(stream, bytes, piece);
        size -= (long)piece;
        if (r == 0)
            r = yibu_stream_drain(stream);
    }
    return r;
}

static intptr_t serve(yibu_stream *stream, void *arg)
{
    char *request;
    int r = 0;

    (void)arg;
    while (r == 0 && yibu_stream_readuntil(stream, "\r\n\r\n", 4, &request) > 0)
        r = answer(stream, strtol(request + 5, NULL, 10));
    return 0;
}

static intptr_t run(void *arg)
{
    yibu_tls_context *context;
    yibu_server *server;
    int r = yibu_tls_context_new(YIBU_TLS_SERVER, &context);

    (void)arg;
    if (r == 0)
        r = yibu_tls_context_load_cert_chain(context, bench_certificate(), NULL);
    if (r == 0)
        r = yibu_tls_start_server(serve, NULL, "127.0.0.1", 0, context, NULL, &server);
    if (r < 0)
        return r;
    bench_report_port(yibu_server_port(server), yibu_loop_backend(yibu_get_running_loop()));
    return yibu_server_serve_forever(server);
}

int main(void)
{
    intptr_t result = yibu_run(run, NULL, NULL);

    if (yibu_failed(result)) {
        fprintf(stderr, "%s\n", yibu_tls_strerror(result));
        return 1;
    }
    return 0;
}
