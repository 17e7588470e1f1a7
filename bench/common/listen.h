/* A listening socket on the loopback, on a port of the kernel's choice, for servers in C. */
#ifndef BENCH_LISTEN_H
#define BENCH_LISTEN_H

#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* TCP_NODELAY passes from the listener to what it accepts. */
static inline int bench_listen(int flags)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int on = 1;

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, SOMAXCONN) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        bench_fail("listen", errno);
    bench_report_port(ntohs(address.sin_port), "");
    return fd;
}

#endif
