/* The limit of readiness: one level-triggered epoll, one recv and one send a request. */
#include "bench.h"
#include "listen.h"

#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 1024
#define BUFFER_BYTES 16384

/* What could not be sent at once; the rest waits for EPOLLOUT. */
struct connection {
    int fd;
    size_t begin, end;
    char buffer[BUFFER_BYTES];
};

static int poller;

static void watch(int operation, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};

    if (epoll_ctl(poller, operation, fd, &event) < 0)
        bench_fail("epoll_ctl", errno);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct connection *c;

        if (fd < 0)
            return;
        c = malloc(sizeof(*c));
        c->fd = fd;
        c->begin = c->end = 0;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
    }
}

static void drop(struct connection *c)
{
    close(c->fd);
    free(c);
}

/* Returns false when the connection is gone. */
static int flush(struct connection *c)
{
    ssize_t sent = send(c->fd, c->buffer + c->begin, c->end - c->begin, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN)
        return 0;
    c->begin += sent > 0 ? (size_t)sent : 0;
    return 1;
}

static void serve(struct connection *c, uint32_t events)
{
    int waited = c->begin < c->end;

    if (!waited) {
        ssize_t received = recv(c->fd, c->buffer, sizeof(c->buffer), 0);

        if (received == 0 || (received < 0 && errno != EAGAIN)) {
            drop(c);
            return;
        }
        c->begin = 0;
        c->end = received > 0 ? (size_t)received : 0;
    }
    if ((c->begin < c->end && !flush(c)) || (events & EPOLLERR)) {
        drop(c);
        return;
    }
    if (waited != (c->begin < c->end))
        watch(EPOLL_CTL_MOD, c->fd, waited ? EPOLLIN : EPOLLOUT, c);
}

int main(void)
{
    static struct epoll_event events[EVENTS];
    int listener;

    poller = epoll_create1(EPOLL_CLOEXEC);
    listener = bench_listen(SOCK_NONBLOCK);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        }
    }
}
