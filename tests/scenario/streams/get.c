/* Fetches a page of a foreign HTTP server, by a stream and by a protocol, and writes it out.
 *
 * usage: get stream|protocol HOST PORT PATH */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct fetch {
    yibu_protocol protocol;
    char **arguments;
    char head[4]; /* the last bytes of the head, until it has ended */
    bool in_body;
    yibu_event ended;
    int result;
} fetch;

static int ask(char *request, size_t size, const fetch *f)
{
    return snprintf(request, size, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", f->arguments[4],
                    f->arguments[2]);
}

/* By a stream. */

static int copy_body(yibu_stream *stream)
{
    char *data;
    ssize_t n = yibu_stream_readuntil(stream, "\r\n\r\n", 4, &data);
    if (n < 0)
        return (int)n;
    n = yibu_stream_read_all(stream, SIZE_MAX, &data);
    if (n > 0)
        fwrite(data, 1, (size_t)n, stdout);
    return n < 0 ? (int)n : 0;
}

static int get_by_stream(const fetch *f)
{
    yibu_stream *stream;
    char request[512];
    int r = yibu_open_connection(f->arguments[2], (uint16_t)atoi(f->arguments[3]), NULL, &stream);
    if (r < 0)
        return r;
    r = yibu_stream_write(stream, request, (size_t)ask(request, sizeof(request), f));
    if (r == 0)
        r = copy_body(stream);
    yibu_stream_free(stream);
    return r;
}

/* By a protocol. */

static void made(yibu_protocol *protocol, yibu_transport *transport)
{
    fetch *f = (fetch *)protocol;
    char request[512];
    (void)yibu_transport_write(transport, request, (size_t)ask(request, sizeof(request), f));
}

static void received(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    fetch *f = (fetch *)protocol;
    const char *at = data, *end = at + size;
    (void)transport;
    for (; !f->in_body && at < end; at++) {
        memmove(f->head, f->head + 1, 3);
        f->head[3] = *at;
        f->in_body = memcmp(f->head, "\r\n\r\n", 4) == 0;
    }
    fwrite(at, 1, (size_t)(end - at), stdout);
}

static void lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    fetch *f = (fetch *)protocol;
    (void)transport;
    f->result = error;
    yibu_event_set(&f->ended);
}

static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                              .connection_made = made,
                                              .data_received = received,
                                              .connection_lost = lost};

static int get_by_protocol(fetch *f)
{
    f->protocol.methods = &methods;
    int r = yibu_create_connection(&f->protocol, f->arguments[2], (uint16_t)atoi(f->arguments[3]),
                                   NULL, NULL);
    if (r == 0)
        r = yibu_event_wait(&f->ended);
    return r < 0 ? r : f->result;
}

static intptr_t run(void *arg)
{
    fetch f = {.arguments = arg, .ended = YIBU_EVENT_INIT};
    return strcmp(f.arguments[1], "stream") == 0 ? get_by_stream(&f) : get_by_protocol(&f);
}

int main(int argc, char **argv)
{
    intptr_t r = argc == 5 ? yibu_run(run, argv, NULL) : 2;
    if (yibu_failed(r))
        fprintf(stderr, "get: %s\n", yibu_strerror(r));
    return r != 0;
}
