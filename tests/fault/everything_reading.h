/* Every way to read and to write a stream, pipes of the caller's, and standard input and output, as
 * a part of everything.h. */
#ifndef EVERYTHING_READING_H
#define EVERYTHING_READING_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "everything_pipes.h"

/* Piece by piece, so that each read has to wait. */
static intptr_t everything_say(void *arg)
{
    static const struct iovec pieces[] = {{"one;", 4}, {"two,", 4},   {"abc", 3},
                                          {"def", 3},  {"li", 2},     {"ne\nline\n", 8},
                                          {"la", 2},   {"st line", 7}};
    yibu_stream *stream = arg;
    intptr_t r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(pieces) / sizeof(pieces[0]); i += 2) {
        r = yibu_stream_writelines(stream, &pieces[i], 2);
        if (r == 0)
            r = yibu_stream_drain(stream);
        if (r == 0)
            r = yibu_sleep(YIBU_US(10));
    }
    return everything_finish(stream, r);
}

/* A stream that ends early was left by a writer without memory. */
static intptr_t everything_is(intptr_t n, intptr_t size)
{
    return n == size ? 0 : n < 0 && n != YIBU_EINCOMPLETE ? n : -ENOMEM;
}

static intptr_t everything_listen_to_lines(yibu_stream *stream)
{
    size_t total = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_line *, line, yibu_stream_lines(stream), &r)
        total += line->size;
    return r < 0 ? r : everything_is((intptr_t)total, 19);
}

static intptr_t everything_listen(yibu_stream *stream)
{
    static const yibu_separator ends[] = {{";", 1}, {",", 1}};
    char *data, bytes[3];
    size_t which = 9;
    intptr_t r = everything_is(yibu_stream_readuntil(stream, ";", 1, &data), 4);
    if (r == 0)
        r = everything_is(yibu_stream_readuntil_any(stream, ends, 2, &which, &data), 4);
    if (r == 0)
        r = which != 1 ? -EPROTO : yibu_stream_peek(stream, 3, &data);
    if (r > 0)
        r = r < 3 ? -ENOMEM : yibu_stream_consume(stream, 3);
    if (r == 0)
        r = everything_is(yibu_stream_readexactly(stream, bytes, 3), 0);
    return r < 0 ? r : everything_listen_to_lines(stream);
}

static intptr_t everything_converse(yibu_stream *reader, yibu_stream *writer)
{
    yibu_task *task = yibu_create_task(everything_say, writer, NULL);
    if (!task)
        yibu_stream_free(writer);
    intptr_t result = everything_finish(reader, task ? everything_listen(reader) : -ENOMEM);
    intptr_t said = task ? yibu_await(task) : 0;
    yibu_task_unref(task);
    return result < 0 ? result : said; /* who reads no more breaks the pipe */
}

static intptr_t everything_reading(void)
{
    yibu_stream *reader, *writer;
    int r = yibu_pipe(NULL, &reader, &writer);
    return r < 0 ? r : everything_converse(reader, writer);
}

/* A pipe that the caller has made, and closes, so that it ends with the streams. */
static intptr_t everything_own_pipe(void)
{
    int ends[2];
    yibu_stream *reader = NULL, *writer = NULL;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int r = yibu_connect_read_pipe(ends[0], NULL, &reader);
    if (r == 0)
        r = yibu_connect_write_pipe(ends[1], NULL, &writer);
    close(ends[0]);
    close(ends[1]);
    if (r == 0)
        return everything_converse(reader, writer);
    yibu_stream_free(reader);
    return r;
}

/* Standard input and output are a pipe for a while. */
static intptr_t everything_open_standard(void)
{
    yibu_stream *reader, *writer;
    int r = yibu_open_stdin(NULL, &reader);
    if (r < 0)
        return r;
    r = yibu_open_stdout(NULL, &writer);
    if (r < 0) {
        yibu_stream_free(reader);
        return r;
    }
    (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* so that the pipe ends with the stream */
    return everything_converse(reader, writer);
}

static intptr_t everything_standard(void)
{
    int ends[2], in = dup(STDIN_FILENO), out = dup(STDOUT_FILENO);
    intptr_t r = in < 0 || out < 0 || pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
    if (r == 0) {
        (void)dup2(ends[0], STDIN_FILENO);
        (void)dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        r = everything_open_standard();
        (void)dup2(in, STDIN_FILENO);
        (void)dup2(out, STDOUT_FILENO);
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return r;
}

#endif
