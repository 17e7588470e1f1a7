/* Plain clients of servers on many cores, in threads or one by one. */
#ifndef CORES_H
#define CORES_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/un.h>

#include "streams.h"

static inline yibu_cores *start_cores(yibu_connection_handler *handler, void *arg,
                                      const yibu_cores_options *options)
{
    yibu_cores *cores;
    int r = yibu_start_cores(handler, arg, "127.0.0.1", 0, options, &cores);
    if (r < 0)
        fail_msg("the loops do not start: %s", yibu_error_name(r));
    assert_int_not_equal(yibu_cores_port(cores), 0);
    return cores;
}

/* A blocking client, or -errno. */
static inline int try_to_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static inline int connect_client(uint16_t port)
{
    int fd = try_to_connect(port);
    assert_true(fd >= 0);
    return fd;
}

static inline void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads exactly that text. */
static inline void expect(int fd, const char *text)
{
    char said[256];
    size_t length = strlen(text), got = 0;
    assert_true(length < sizeof(said));
    while (got < length) {
        ssize_t n = recv(fd, said + got, length - got, 0);
        if (n <= 0)
            fail_msg("instead of \"%s\", %s after %zu bytes", text,
                     n == 0 ? "the end" : strerror(errno), got);
        got += (size_t)n;
    }
    said[got] = '\0';
    assert_string_equal(said, text);
}

static inline void expect_end(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

/* Sends lines back. */
static inline intptr_t echo_lines(yibu_stream *stream, void *arg)
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
    return n == -ECONNRESET ? 0 : n;
}

#endif
