/* A server, a client, and a Unix socket, as a part of everything.h. */
#ifndef EVERYTHING_STREAMS_H
#define EVERYTHING_STREAMS_H

#include <stdlib.h>

#include "end_server.h"

enum { EVERYTHING_STREAM_BYTES = 300000 };

static intptr_t everything_echo_lines(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    ssize_t n;
    while ((n = yibu_stream_readline(stream, &line)) > 0) {
        int r = yibu_stream_write(stream, line, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(stream);
        if (r < 0)
            return r;
    }
    return n;
}

/* Lines. */
static intptr_t everything_talk(yibu_stream *stream)
{
    static char text[EVERYTHING_STREAM_BYTES];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 100 == 99 ? '\n' : 'x';
    char *data;
    int r = yibu_stream_write(stream, text, sizeof(text));
    if (r == 0)
        r = yibu_stream_write_eof(stream);
    ssize_t n = r == 0 ? yibu_stream_read_all(stream, SIZE_MAX, &data) : r;
    if (n < 0) /* nobody may take what was written */
        yibu_stream_abort(stream);
    yibu_stream_close(stream);
    r = yibu_stream_wait_closed(stream);
    yibu_stream_free(stream);
    if (n < 0 || r < 0)
        return n < 0 ? n : r;
    return n == sizeof(text) ? 0 : -ECONNRESET;
}

static intptr_t everything_visit(yibu_server *server)
{
    yibu_stream *stream;
    int r = yibu_open_connection("127.0.0.1", yibu_server_port(server), NULL, &stream);
    if (r < 0)
        return r;
    /* A server without memory hangs up late: nobody waits for that here. */
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_SECONDS(5));
    intptr_t result = yibu_timeout_end(&limit, everything_talk(stream));
    /* What a client sees of a server that had no memory for it. */
    bool left = result == -ECONNRESET || result == -ENOTCONN || result == -EPIPE;
    return left ? -ENOMEM : result;
}

static inline intptr_t everything_serve_forever(void *arg)
{
    return yibu_server_serve_forever(arg);
}

/* The server is served, and closed, by a task that is cancelled. */
static inline intptr_t everything_served(void)
{
    yibu_server *server;
    int r = yibu_start_server(everything_echo_lines, NULL, "127.0.0.1", 0, NULL, &server);
    if (r < 0)
        return r;
    yibu_task *task = yibu_create_task(everything_serve_forever, server, NULL);
    intptr_t result = task ? everything_visit(server) : -ENOMEM;
    yibu_task_cancel(task);
    intptr_t served = task ? yibu_await(task) : -ECANCELED;
    yibu_task_unref(task);
    if (result >= 0 && served != -ECANCELED)
        result = served < 0 ? served : -EPROTO;
    return end_server(server, result);
}

static intptr_t everything_streams(void)
{
    yibu_server *server;
    int r = yibu_start_server(everything_echo_lines, NULL, "127.0.0.1", 0, NULL, &server);
    if (r < 0)
        return r;
    return end_server(server, everything_visit(server));
}

#endif
