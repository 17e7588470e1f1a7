/* A folder over HTTP/1.1, with keep-alive, HEAD and ranges (RFC 9110; a range that cannot be had is
 * ignored).  usage: http_files FOLDER [PORT]      (0, the default: whichever the kernel chooses) */
#include <errno.h>
#include <fcntl.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yibu.h>

typedef unsigned long long number;
typedef struct request {
    http_parser parser;
    char path[1024], range[64];
    bool in_range;
} request;

static int on_url(http_parser *parser, const char *text, size_t n)
{
    request *r = parser->data;
    return snprintf(r->path, sizeof(r->path), "%.*s", (int)n, text) >= (int)sizeof(r->path);
}

static int on_field(http_parser *parser, const char *text, size_t n)
{
    ((request *)parser->data)->in_range = n == 5 && strncasecmp(text, "range", n) == 0;
    return 0;
}

static int on_value(http_parser *parser, const char *text, size_t n)
{
    request *r = parser->data;
    snprintf(r->range, r->in_range ? sizeof(r->range) : 0, "%.*s", (int)n, text);
    return 0;
}

/* Reads the head of a request; false where no more comes, or none that could be understood. */
static bool read_request(yibu_stream *stream, request *r)
{
    static const http_parser_settings on = {
        .on_url = on_url, .on_header_field = on_field, .on_header_value = on_value};
    char *head;
    ssize_t n = yibu_stream_readuntil(stream, "\r\n\r\n", 4, &head);
    *r = (request){.parser.data = r};
    http_parser_init(&r->parser, HTTP_REQUEST);
    return n > 0 && http_parser_execute(&r->parser, &on, head, (size_t)n) == (size_t)n;
}

/* Whether one part of size bytes is asked for; else all of them are. */
static bool take_range(const char *range, number size, number *ret_start, number *ret_end)
{
    number first = size, last = size, suffix;
    if (sscanf(range, "bytes=-%llu", &suffix) == 1)
        first = suffix < size ? size - suffix : 0;
    else
        (void)sscanf(range, "bytes=%llu-%llu", &first, &last);
    bool is_part = first < size && first <= last && !strchr(range, ',');
    *ret_start = is_part ? first : 0;
    *ret_end = is_part && last < size ? last + 1 : size;
    return is_part;
}

static int answer(yibu_stream *stream, const request *r)
{
    struct statx about = {0};
    number start = 0, end = 0;
    char head[256], range[96] = "";
    int fd = strstr(r->path, "..") ? -1 : yibu_file_open(r->path + 1, O_RDONLY, 0);
    int status = r->parser.method == HTTP_GET || r->parser.method == HTTP_HEAD ? 404 : 405;
    if (status == 404 && yibu_file_stat(fd, &about) == 0 && S_ISREG(about.stx_mode))
        status = take_range(r->range, about.stx_size, &start, &end) ? 206 : 200;
    snprintf(range, status == 206 ? sizeof(range) : 0, "Content-Range: bytes %llu-%llu/%llu\r\n",
             start, end - 1, (number)about.stx_size);
    int n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\nContent-Length: %llu\r\n%s\r\n", status,
                     http_status_str((enum http_status)status), end - start, range);
    ssize_t sent = yibu_stream_write(stream, head, (size_t)n);
    if (sent == 0 && r->parser.method == HTTP_GET && end > start)
        sent = yibu_stream_sendfile(stream, fd, (int64_t)start, end - start, NULL);
    yibu_close(fd);
    return sent < 0 ? (int)sent : 0;
}

static intptr_t serve(yibu_stream *stream, void *arg)
{
    request r = {.parser.data = arg};
    int error = 0, body = F_CHUNKED | F_CONTENTLENGTH; /* which nobody would read */
    while (error == 0 && read_request(stream, &r)) {
        error = answer(stream, &r);
        if (!http_should_keep_alive(&r.parser) || (r.parser.flags & body))
            break;
    }
    return error;
}

static intptr_t run(void *port)
{
    yibu_server *server;
    int r = yibu_start_server(serve, NULL, NULL, (uint16_t)atoi(port), NULL, &server);
    if (r < 0)
        return r;
    printf("port %u\n", yibu_server_port(server));
    fflush(stdout);
    r = yibu_server_serve_forever(server);
    yibu_server_free(server);
    return r;
}

int main(int argc, char **argv)
{
    if (argc < 2 || chdir(argv[1]) < 0)
        return 2;
    intptr_t r = yibu_run(run, argc > 2 ? argv[2] : "0", NULL);
    if (r == -EINTR)
        return 0;
    fprintf(stderr, "http_files: %s\n", yibu_strerror(r));
    return 1;
}
