/* Pipes, a Unix server, and a file through a stream. */
#ifndef EVERYTHING_PIPES_H
#define EVERYTHING_PIPES_H

#include <fcntl.h>
#include <unistd.h>

#include "everything_streams.h"

static const char everything_bytes[200000];

/* Closes a stream, and waits until it is; after a failure nobody may take what was written. */
static intptr_t everything_finish(yibu_stream *stream, intptr_t r)
{
    if (r < 0)
        yibu_stream_abort(stream);
    yibu_stream_close(stream);
    int closed = yibu_stream_wait_closed(stream);
    yibu_stream_free(stream);
    return r < 0 ? r : closed;
}

static intptr_t everything_fill(void *arg)
{
    yibu_stream *stream = arg;
    int r = yibu_stream_write(stream, everything_bytes, sizeof(everything_bytes));
    if (r == 0)
        r = yibu_stream_drain(stream);
    return everything_finish(stream, r);
}

static intptr_t everything_empty(yibu_stream *stream)
{
    char *data;
    ssize_t n = yibu_stream_read_all(stream, SIZE_MAX, &data);
    return n < 0 ? n : n == sizeof(everything_bytes) ? 0 : -ENOMEM; /* who writes had none */
}

static intptr_t everything_pipes(void)
{
    yibu_stream *reader, *writer;
    int r = yibu_pipe(NULL, &reader, &writer);
    if (r < 0)
        return r;
    yibu_task *task = yibu_create_task(everything_fill, writer, NULL);
    if (!task)
        yibu_stream_free(writer);
    intptr_t result = task ? everything_empty(reader) : -ENOMEM;
    result = everything_finish(reader, result);
    intptr_t filled = task ? yibu_await(task) : 0;
    yibu_task_unref(task);
    return result < 0 ? result : filled;
}

static intptr_t everything_unix(void)
{
    yibu_server *server;
    yibu_stream *stream;
    int r = yibu_start_unix_server(everything_echo_lines, NULL, "socket", NULL, &server);
    if (r < 0)
        return r;
    r = yibu_open_unix_connection("socket", NULL, &stream);
    intptr_t result = r < 0 ? r : everything_talk(stream);
    if (result == -ECONNRESET || result == -EPIPE) /* a server without memory */
        result = -ENOMEM;
    return end_server(server, result);
}

static intptr_t everything_receive_all(void *arg)
{
    return everything_empty(arg);
}

static intptr_t everything_send_the_file(yibu_stream *ends[2])
{
    int file = yibu_file_open("/proc/self/exe", O_RDONLY, 0);
    if (file < 0)
        return file;
    yibu_task *task = yibu_create_task(everything_receive_all, ends[1], NULL);
    ssize_t n = yibu_stream_sendfile(ends[0], file, 0, sizeof(everything_bytes), NULL);
    yibu_file_close(file);
    yibu_stream_close(ends[0]);
    intptr_t received = yibu_await(task);
    yibu_task_unref(task);
    return n < 0 ? n : received;
}

static intptr_t everything_stream_sendfile(void)
{
    int fds[2];
    yibu_stream *ends[2] = {NULL, NULL};
    int r = yibu_socketpair(SOCK_STREAM, fds);
    for (int i = 0; r == 0 && i < 2; i++) {
        r = yibu_stream_new(fds[i], NULL, &ends[i]);
        for (int j = i; r < 0 && j < 2; j++)
            yibu_close(fds[j]);
    }
    intptr_t result = r == 0 ? everything_send_the_file(ends) : r;
    yibu_stream_free(ends[0]);
    yibu_stream_free(ends[1]);
    return result;
}

#endif
