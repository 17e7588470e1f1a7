/* Plain system calls: recvfrom and sendto, or recvmmsg and sendmmsg, until there is nothing more;
 * then epoll, edge-triggered. */
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define LONGEST 2048
#define MOST 32

static int bind_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        bench_fail("bind", errno);
    bench_report_port(ntohs(address.sin_port), "epoll");
    return fd;
}

static void echo(int fd)
{
    struct sockaddr_storage from;
    char text[LONGEST];

    for (;;) {
        socklen_t length = sizeof(from);
        ssize_t n = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &length);
        if (n < 0)
            return;
        sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&from, length);
    }
}

static void echo_in_batches(int fd)
{
    static struct sockaddr_storage from[MOST];
    static char data[MOST][LONGEST];
    struct mmsghdr headers[MOST];
    struct iovec pieces[MOST];

    for (;;) {
        for (int i = 0; i < MOST; i++) {
            pieces[i] = (struct iovec){data[i], LONGEST};
            headers[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                                 .msg_namelen = sizeof(from[i]),
                                                 .msg_iov = &pieces[i],
                                                 .msg_iovlen = 1};
        }
        int n = recvmmsg(fd, headers, MOST, 0, NULL);
        if (n < 0)
            return;
        for (int i = 0; i < n; i++)
            pieces[i].iov_len = headers[i].msg_len;
        for (int sent = 0, more; sent < n; sent += more) {
            more = sendmmsg(fd, headers + sent, (unsigned)(n - sent), 0);
            if (more <= 0)
                break;
        }
    }
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    int fd = bind_anywhere(), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        bench_fail("epoll", errno);
    while (epoll_wait(epoll, &event, 1, -1) >= 0 || errno == EINTR)
        if (bench_argument(&bench, 2, 1) > 1)
            echo_in_batches(fd);
        else
            echo(fd);
    return 1;
}
