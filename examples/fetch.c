/* Asks several web servers for their front page at once, and reports in the order they were named.
 * The whole takes as long as the slowest, or the time limit of one.
 *
 * usage: fetch HOST[:PORT]… */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct site {
    char host[256];
    uint16_t port;
} site;

typedef struct answer {
    char status[64]; /* its first line */
    size_t bytes;
} answer;

static int receive(int fd, answer *ret)
{
    char buffer[4096];
    ssize_t n;
    ret->bytes = 0;
    ret->status[0] = '\0';
    while ((n = yibu_recv(fd, buffer, sizeof(buffer))) > 0) {
        if (ret->bytes == 0)
            snprintf(ret->status, sizeof(ret->status), "%.*s", (int)strcspn(buffer, "\r\n"),
                     buffer);
        ret->bytes += (size_t)n;
    }
    return (int)n;
}

static YIBU_ASYNC(answer, fetch, site, from)
{
    char request[512];
    int length =
        snprintf(request, sizeof(request), "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", from.host);
    int fd = yibu_tcp_connect(from.host, from.port);
    if (fd < 0)
        return fd;
    int r = yibu_send_all(fd, request, (size_t)length, NULL);
    if (r == 0)
        r = receive(fd, ret);
    yibu_close(fd);
    return r;
}

static site parse(const char *text)
{
    const char *colon = strrchr(text, ':');
    int length = (int)(colon ? (size_t)(colon - text) : strlen(text));
    site parsed = {.port = colon ? (uint16_t)atoi(colon + 1) : 80};
    snprintf(parsed.host, sizeof(parsed.host), "%.*s", length, text);
    return parsed;
}

static void report(const char *host, yibu_task *task)
{
    answer from_host = {.bytes = 0};
    int r = (int)yibu_wait_for(task, YIBU_SECONDS(10));
    if (r == 0)
        r = fetch_result(task, &from_host);
    if (r < 0)
        printf("%s: %s\n", host, yibu_strerror(r));
    else
        printf("%s: %s, %zu bytes\n", host, from_host.status, from_host.bytes);
}

static YIBU_ASYNC(void, fetch_all, char **, names, int, count)
{
    yibu_task **tasks = calloc((size_t)count, sizeof(tasks[0]));
    if (!tasks)
        return -ENOMEM;
    for (int i = 0; i < count; i++)
        tasks[i] = yibu_start(fetch, parse(names[i])); /* copies its argument */
    for (int i = 0; i < count; i++) {
        report(parse(names[i]).host, tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    free(tasks);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: fetch HOST[:PORT]...\n");
        return 2;
    }
    return fetch_all_run(NULL, argv + 1, argc - 1) < 0;
}
