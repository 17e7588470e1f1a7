/* Servers for foreign clients.
 *
 * usage: datagrams udp                 echoes on a port of the kernel's choice, which it prints
 *        datagrams callback            the same in the callback form
 *        datagrams relay PORT          hands datagrams on to PORT, and the answers back
 *        datagrams unix PATH           echoes datagrams of a Unix socket
 *        datagrams seqpacket PATH      echoes records, a task for each connection
 *        datagrams send-unix PATH      sends its standard input there, a datagram a line */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

enum { LONGEST = 65536 };

static int announce(int fd)
{
    yibu_address address;
    int r = fd < 0 ? fd : yibu_getsockname(fd, &address);
    if (r == 0) {
        printf("ready %u\n", yibu_address_port(&address));
        fflush(stdout);
    }
    return r;
}

static YIBU_ASYNC(void, echo, int, fd)
{
    static char text[LONGEST];
    yibu_address from;
    ssize_t n = announce(fd);
    while (n >= 0) {
        n = yibu_recvfrom(fd, text, sizeof(text), &from);
        if (n >= 0 && from.length > 0)
            (void)yibu_sendto(fd, text, (size_t)n, &from);
    }
    return (int)n;
}

static void answer(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport, void *data,
                   size_t size, const yibu_address *from)
{
    (void)protocol;
    (void)yibu_datagram_transport_sendto(transport, data, size, from);
}

static YIBU_ASYNC(void, echo_in_callbacks, int, fd)
{
    static const yibu_datagram_methods methods = {.size = sizeof(methods),
                                                  .datagram_received = answer};
    static yibu_datagram_protocol protocol = {&methods};
    int r = yibu_datagram_transport_new(fd, &protocol, NULL, NULL);
    if (r == 0)
        r = announce(fd);
    return r < 0 ? r : yibu_sleep(YIBU_FOREVER);
}

typedef struct question {
    int fd;
    uint16_t port;
    yibu_address from;
    ssize_t size;
    char text[1500];
} question;

/* A socket for each question, so that its answer finds its way back. */
static intptr_t hand_on(void *arg)
{
    question *q = arg;
    yibu_timeout limit;
    int fd = yibu_udp_connect("127.0.0.1", q->port, NULL);
    intptr_t r = yibu_timeout_begin(&limit, YIBU_SECONDS(20));
    if (r == 0)
        r = yibu_sendto(fd, q->text, (size_t)q->size, NULL);
    if (r >= 0)
        r = yibu_recvfrom(fd, q->text, sizeof(q->text), NULL);
    if (r >= 0)
        r = yibu_sendto(q->fd, q->text, (size_t)r, &q->from);
    (void)yibu_timeout_end(&limit, r);
    yibu_close(fd);
    free(q);
    return 0;
}

static YIBU_ASYNC(void, relay, int, fd, uint16_t, port)
{
    int r = announce(fd);
    while (r >= 0) {
        question *q = malloc(sizeof(*q));
        if (!q)
            return -ENOMEM;
        q->fd = fd;
        q->port = port;
        q->size = yibu_recvfrom(fd, q->text, sizeof(q->text), &q->from);
        r = q->size < 0 ? (int)q->size : yibu_spawn(hand_on, q);
        if (r < 0)
            free(q);
    }
    return r;
}

static YIBU_ASYNC(void, echo_records, int, fd)
{
    char *text = malloc(LONGEST);
    ssize_t n = text ? 1 : 0;
    while (n > 0) {
        n = yibu_recvfrom(fd, text, LONGEST, NULL);
        if (n > 0)
            n = yibu_sendto(fd, text, (size_t)n, NULL);
    }
    free(text);
    yibu_close(fd);
    return 0;
}

static YIBU_ASYNC(void, serve_records, int, listener)
{
    int fd = announce(listener);
    while (fd >= 0) {
        fd = yibu_accept(listener, NULL);
        if (fd >= 0)
            (void)yibu_go(echo_records, fd);
    }
    return fd;
}

static YIBU_ASYNC(void, send_lines, const char *, path)
{
    char line[256];
    int fd = yibu_unix_connect(SOCK_DGRAM, path);
    ssize_t n = fd;
    while (n >= 0 && fgets(line, sizeof(line), stdin))
        n = yibu_sendto(fd, line, strlen(line), NULL);
    yibu_close(fd);
    return n < 0 ? (int)n : 0;
}

static YIBU_ASYNC(void, start, const char *, what, const char *, with)
{
    if (!strcmp(what, "unix"))
        return echo(yibu_unix_bind(with));
    if (!strcmp(what, "seqpacket"))
        return serve_records(yibu_unix_listen(SOCK_SEQPACKET, with, NULL));
    if (!strcmp(what, "send-unix"))
        return send_lines(with);
    int fd = yibu_udp_bind(NULL, 0, NULL);
    if (!strcmp(what, "callback"))
        return echo_in_callbacks(fd);
    return !strcmp(what, "relay") ? relay(fd, (uint16_t)atoi(with)) : echo(fd);
}

int main(int argc, char **argv)
{
    int r = start_run(NULL, argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
    if (r == 0 || r == -EINTR)
        return 0;
    fprintf(stderr, "datagrams: %s\n", yibu_strerror(r));
    return 1;
}
