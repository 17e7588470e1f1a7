/* Servers of every kind for foreign clients: an echo over TCP and Unix sockets, as tasks with
 * streams and as protocols, and a tiny HTTP/1.0 server over streams.  Prints where they are; ends
 * with its standard input.
 *
 * usage: serve FOLDER */
#include <stdio.h>
#include <string.h>
#include <yibu.h>

enum { SERVERS = 7 };

static intptr_t echo_stream(yibu_stream *stream, void *arg)
{
    (void)arg;
    char bytes[8192];
    ssize_t n;
    while ((n = yibu_stream_read(stream, bytes, sizeof(bytes))) > 0) {
        int r = yibu_stream_write(stream, bytes, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(stream);
        if (r < 0)
            return 0; /* a client that has left */
    }
    return 0;
}

/* Reads no faster than the peer does. */

static void echo_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    (void)protocol;
    (void)yibu_transport_write(transport, data, size);
}

static void echo_pause(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    (void)yibu_transport_pause_reading(transport);
}

static void echo_resume(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    (void)yibu_transport_resume_reading(transport);
}

static const yibu_protocol_methods echo_methods = {.size = sizeof(echo_methods),
                                                   .data_received = echo_data,
                                                   .pause_writing = echo_pause,
                                                   .resume_writing = echo_resume};

static yibu_protocol *make_echo(void *arg)
{
    static yibu_protocol echo = {&echo_methods};
    (void)arg;
    return &echo;
}

/* HTTP/1.0: answers with the request's head, or with what was posted. */

/* The line is n bytes of a buffer, and ends with "\r\n". */
static size_t posted_bytes(const char *line, ssize_t n)
{
    char text[64] = "";
    size_t size = 0;
    if (n < (ssize_t)sizeof(text))
        memcpy(text, line, (size_t)n);
    (void)sscanf(text, "Content-Length: %zu", &size);
    return size;
}

static int answer(yibu_stream *stream, const char *body, size_t size)
{
    char head[128];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                     size);
    const struct iovec pieces[] = {{head, (size_t)n}, {(void *)(uintptr_t)body, size}};
    return yibu_stream_writelines(stream, pieces, 2);
}

static intptr_t serve_http(yibu_stream *stream, void *arg)
{
    (void)arg;
    char head[8192], *line;
    size_t length = 0, posted = 0;
    ssize_t n;
    while ((n = yibu_stream_readline(stream, &line)) > 2) {
        if (length + (size_t)n > sizeof(head))
            return 0;
        posted = posted ? posted : posted_bytes(line, n);
        memcpy(head + length, line, (size_t)n);
        length += (size_t)n;
    }
    if (n <= 0)
        return n;
    if (posted == 0)
        return answer(stream, head, length);
    n = yibu_stream_peek(stream, posted, &line);
    return n < 0 ? n : answer(stream, line, (size_t)n);
}

/* Starting and ending. */

static int start_unix(const char *folder, yibu_server **servers)
{
    static char paths[2][108];
    int r = 0;
    snprintf(paths[0], sizeof(paths[0]), "%s/stream", folder);
    snprintf(paths[1], sizeof(paths[1]), "%s/protocol", folder);
    r = yibu_start_unix_server(echo_stream, NULL, paths[0], NULL, &servers[0]);
    if (r == 0)
        r = yibu_create_unix_server(make_echo, NULL, paths[1], NULL, &servers[1]);
    paths[0][0] = paths[1][0] = '@';
    if (r == 0)
        r = yibu_start_unix_server(echo_stream, NULL, paths[0], NULL, &servers[2]);
    if (r == 0)
        r = yibu_create_unix_server(make_echo, NULL, paths[1], NULL, &servers[3]);
    return r;
}

static int start(const char *folder, yibu_server **servers)
{
    int r = yibu_start_server(echo_stream, NULL, NULL, 0, NULL, &servers[0]);
    if (r == 0)
        r = yibu_create_server(make_echo, NULL, NULL, 0, NULL, &servers[1]);
    if (r == 0)
        r = yibu_start_server(serve_http, NULL, NULL, 0, NULL, &servers[2]);
    return r < 0 ? r : start_unix(folder, servers + 3);
}

static int end(yibu_server *server)
{
    yibu_server_close(server);
    yibu_server_close_clients(server);
    int r = yibu_server_wait_closed(server);
    yibu_server_free(server);
    return r;
}

static intptr_t run(void *arg)
{
    yibu_server *servers[SERVERS] = {NULL};
    int r = start(arg, servers);
    if (r == 0)
        printf("%u %u %u\n", yibu_server_port(servers[0]), yibu_server_port(servers[1]),
               yibu_server_port(servers[2]));
    fflush(stdout);
    char byte;
    if (r == 0)
        r = (int)yibu_read(0, &byte, 1);
    for (int i = 0; i < SERVERS; i++)
        if (servers[i] && r == 0)
            r = end(servers[i]);
    return r;
}

int main(int argc, char **argv)
{
    intptr_t r = argc == 2 ? yibu_run(run, argv[1], NULL) : 2;
    if (yibu_failed(r))
        fprintf(stderr, "serve: %s\n", yibu_strerror(r));
    return r != 0;
}
