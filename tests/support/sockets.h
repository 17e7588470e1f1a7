/* Connected descriptors for tests. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static inline void test_pair(int pair[2])
{
    int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    assert_int_equal(socketpair(AF_UNIX, flags, 0, pair), 0);
}

static inline void test_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

static inline void test_close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* A listener on a port of the kernel's choice. */
static inline int test_listen(yibu_address *ret_address)
{
    int fd = yibu_tcp_listen("127.0.0.1", 0, NULL);
    assert_true(fd >= 0);
    assert_int_equal(yibu_getsockname(fd, ret_address), 0);
    return fd;
}

/* A blocking client, already in the listener's queue. */
static inline int test_connect(const yibu_address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address->storage, address->length), 0);
    return fd;
}

/* How many descriptors the process has open. */
static inline int test_count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

#endif
