/* Asks several web servers for their front page at once, and reports in the order they were named.
 * The whole takes as long as the slowest, or the time limit of one.
 *
 * usage: fetch HOST[:PORT]… */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct page {
    char host[256];
    uint16_t port;
    char status[64]; /* first line of the answer */
    size_t bytes;
    yibu_task *task;
} page;

static intptr_t receive(int fd, page *p)
{
    char buffer[4096];
    ssize_t n;
    while ((n = yibu_recv(fd, buffer, sizeof(buffer))) > 0) {
        if (p->bytes == 0)
            snprintf(p->status, sizeof(p->status), "%.*s", (int)strcspn(buffer, "\r\n"), buffer);
        p->bytes += (size_t)n;
    }
    return n;
}

static intptr_t fetch(void *arg)
{
    page *p = arg;
    char request[512];
    int length = snprintf(request, sizeof(request), "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", p->host);
    int fd = yibu_tcp_connect(p->host, p->port);
    if (fd < 0)
        return fd;
    intptr_t r = yibu_send_all(fd, request, (size_t)length, NULL);
    if (r == 0)
        r = receive(fd, p);
    yibu_close(fd);
    return r;
}

static void parse(const char *text, page *ret_page)
{
    const char *colon = strrchr(text, ':');
    int length = (int)(colon ? (size_t)(colon - text) : strlen(text));
    *ret_page = (page){.port = colon ? (uint16_t)atoi(colon + 1) : 80};
    snprintf(ret_page->host, sizeof(ret_page->host), "%.*s", length, text);
}

static void report(page *p)
{
    intptr_t r = yibu_wait_for(p->task, YIBU_SECONDS(10));
    if (yibu_failed(r))
        printf("%s: %s\n", p->host, yibu_strerror(r));
    else
        printf("%s: %s, %zu bytes\n", p->host, p->status, p->bytes);
    yibu_task_unref(p->task);
}

static intptr_t fetch_all(void *arg)
{
    char **names = arg;
    int count = 0;
    while (names[count])
        count++;
    page *pages = count > 0 ? calloc((size_t)count, sizeof(*pages)) : NULL;
    if (!pages)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        parse(names[i], &pages[i]);
        pages[i].task = yibu_create_task(fetch, &pages[i], NULL);
    }
    for (int i = 0; i < count; i++)
        report(&pages[i]);
    free(pages);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: fetch HOST[:PORT]...\n");
        return 2;
    }
    return yibu_failed(yibu_run(fetch_all, argv + 1, NULL));
}
