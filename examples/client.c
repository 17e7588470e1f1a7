/* A TCP client with one time limit around the whole exchange: name look-up, connect, send, answer.
 *
 * usage: client HOST PORT TEXT [MILLISECONDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct request {
    const char *host, *text;
    uint16_t port;
    int64_t limit_ns;
} request;

static intptr_t print_answer(int fd)
{
    char buffer[4096];
    ssize_t n;
    while ((n = yibu_recv(fd, buffer, sizeof(buffer))) > 0)
        fwrite(buffer, 1, (size_t)n, stdout);
    return n;
}

static intptr_t exchange(const request *q)
{
    int fd = yibu_tcp_connect(q->host, q->port);
    if (fd < 0)
        return fd;
    intptr_t r = yibu_send_all(fd, q->text, strlen(q->text), NULL);
    if (r == 0)
        r = yibu_shutdown(fd, SHUT_WR);
    if (r == 0)
        r = print_answer(fd);
    yibu_close(fd);
    return r;
}

static intptr_t start(void *arg)
{
    const request *q = arg;
    yibu_timeout limit;
    intptr_t r = yibu_timeout_begin(&limit, q->limit_ns);
    if (r == 0)
        r = exchange(q);
    return yibu_timeout_end(&limit, r); /* -ETIMEDOUT where this limit cut the exchange short */
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: client HOST PORT TEXT [MILLISECONDS]\n");
        return 2;
    }
    request q = {.host = argv[1],
                 .port = (uint16_t)atoi(argv[2]),
                 .text = argv[3],
                 .limit_ns = YIBU_MS(argc > 4 ? atoi(argv[4]) : 5000)};
    intptr_t r = yibu_run(start, &q, NULL);
    if (!yibu_failed(r))
        return 0;
    fprintf(stderr, "client: %s\n", yibu_strerror(r));
    return 1;
}
