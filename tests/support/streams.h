/* Connected loopback sockets, and what tests ask about descriptors. */
#ifndef STREAMS_H
#define STREAMS_H

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

/* An abstract name that no other process uses, until the next call. */
static inline const char *abstract_name(const char *what)
{
    static char name[64];
    (void)snprintf(name, sizeof(name), "@yibu-%s-%d", what, (int)getpid());
    return name;
}

/* A listener on a port of the kernel's choice. */
static inline int listen_anywhere(uint16_t *ret_port)
{
    int fd = yibu_tcp_listen("127.0.0.1", 0, NULL);
    assert_true(fd >= 0);
    yibu_address address;
    assert_int_equal(yibu_getsockname(fd, &address), 0);
    *ret_port = yibu_address_port(&address);
    assert_int_not_equal(*ret_port, 0);
    return fd;
}

typedef struct pair {
    int client, server;
} pair;

/* Two ends of one connection.  In a task. */
static inline pair connect_pair(void)
{
    uint16_t port;
    int listener = listen_anywhere(&port);
    pair p;
    p.client = yibu_tcp_connect("127.0.0.1", port);
    assert_true(p.client >= 0);
    p.server = yibu_accept(listener, NULL);
    assert_true(p.server >= 0);
    assert_int_equal(yibu_close(listener), 0);
    return p;
}

static inline void close_pair(pair p)
{
    assert_int_equal(yibu_close(p.client), 0);
    assert_int_equal(yibu_close(p.server), 0);
}

/* Makes the next close of fd send a reset instead of the end of the stream. */
static inline void close_will_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
}

/* How many descriptors are open. */
static inline int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int count = 0;
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count - 3; /* ".", "..", the folder's own */
}

/* Allows as many open descriptors as the system lets us, and says how many. */
static inline rlim_t raise_descriptor_limit(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/* The byte at a place of a stream that no shifted, lost or repeated part looks like. */
static inline uint8_t stream_byte(size_t place)
{
    uint32_t x = (uint32_t)place * 2654435761u;
    return (uint8_t)(x ^ x >> 13 ^ x >> 24);
}

static inline uint8_t *new_stream(size_t size)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = stream_byte(i);
    return bytes;
}

static inline void check_stream(const uint8_t *bytes, size_t size, size_t place)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != stream_byte(place + i))
            fail_msg("byte %zu of the stream is wrong", place + i);
}

#endif
