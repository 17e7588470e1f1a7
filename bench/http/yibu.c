/* Static files over HTTP/1.1: a task a connection, http_parser, and a loop for each core asked for.
 * Every request opens and reads its file, as nginx does by default.
 * bench-flags: -lhttp_parser
 */
#include "bench.h"

#include <fcntl.h>
#include <http_parser.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yibu.h>

enum { SMALL_BYTES = 16384 };

typedef struct request {
    http_parser parser;
    const char *path;
    size_t path_size;
} request;

static int on_url(http_parser *parser, const char *text, size_t size)
{
    request *r = parser->data;
    r->path = text;
    r->path_size = size;
    return 0;
}

/* The head of the next request; its path lies in the stream's buffer. */
static int read_request(yibu_stream *stream, request *r)
{
    static const http_parser_settings settings = {.on_url = on_url};
    char *head;
    ssize_t n = yibu_stream_readuntil(stream, "\r\n\r\n", 4, &head);
    if (n < 0)
        return 0;
    *r = (request){.parser.data = r};
    http_parser_init(&r->parser, HTTP_REQUEST);
    return http_parser_execute(&r->parser, &settings, head, (size_t)n) == (size_t)n;
}

static int head_of(char *text, size_t room, int status, unsigned long long length)
{
    return snprintf(text, room, "HTTP/1.1 %d %s\r\nContent-Length: %llu\r\n\r\n", status,
                    http_status_str((enum http_status)status), length);
}

static int send_small(yibu_stream *stream, int fd, char *head, size_t head_size, size_t size)
{
    char body[SMALL_BYTES];
    ssize_t n = yibu_file_read_at(fd, body, size, 0);
    if (n < (ssize_t)size)
        return -EIO;
    struct iovec pieces[] = {{head, head_size}, {body, size}};
    return yibu_stream_writelines(stream, pieces, 2);
}

static int send_file(yibu_stream *stream, int fd, size_t size)
{
    char head[128];
    int n = head_of(head, sizeof(head), 200, size);
    if (size <= SMALL_BYTES)
        return send_small(stream, fd, head, (size_t)n, size);
    int error = yibu_stream_write(stream, head, (size_t)n);
    return error < 0 ? error : (int)yibu_stream_sendfile(stream, fd, 0, size, NULL);
}

static int answer(yibu_stream *stream, const request *r)
{
    char path[256], head[128];
    struct statx about;
    snprintf(path, sizeof(path), ".%.*s", (int)r->path_size, r->path);
    int fd = strstr(path, "..") ? -1 : yibu_file_open(path, O_RDONLY, 0), error;
    if (yibu_file_stat(fd, &about) == 0 && S_ISREG(about.stx_mode))
        error = send_file(stream, fd, about.stx_size);
    else
        error = yibu_stream_write(stream, head, (size_t)head_of(head, sizeof(head), 404, 0));
    if (fd >= 0)
        close(fd);
    return error;
}

static intptr_t serve(yibu_stream *stream, void *arg)
{
    request r;
    int error = 0;
    bool more = true;
    (void)arg;
    while (more && error >= 0 && read_request(stream, &r)) {
        more = http_should_keep_alive(&r.parser);
        error = answer(stream, &r);
        if (error >= 0)
            error = yibu_stream_drain(stream);
    }
    return error < 0 && error != -ECONNRESET && error != -EPIPE ? error : 0;
}

static const char *backend;

static int note_backend(yibu_core *core, void *arg)
{
    (void)core;
    (void)arg;
    backend = yibu_loop_backend(yibu_get_running_loop());
    return 0;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    if (bench.argc < 2 || chdir(bench.argv[0]) < 0)
        bench_fail("chdir", errno);
    const yibu_cores_options options = {.size = sizeof(options),
                                        .loops = (unsigned)bench_argument(&bench, 1, 1),
                                        .setup = note_backend};
    yibu_cores *cores;
    int r = yibu_start_cores(serve, NULL, "127.0.0.1", 0, &options, &cores);
    if (r < 0)
        bench_fail("yibu_start_cores", r);
    bench_report_port(yibu_cores_port(cores), backend);
    return yibu_cores_wait(cores);
}
