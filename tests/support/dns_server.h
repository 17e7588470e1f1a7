/* A name server of a test's own: a thread that answers on a loopback port, UDP and TCP, what a
 * function makes of each query. */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#include <yibu/dns.h>

enum { DNS_HEADER = 12, DNS_ROOM = 65535 };

typedef struct dns_server dns_server;

/* Makes an answer of a query (name as "a.example", lower case) in reply, which begins as a copy of
 * the query with the answer's bit set.  Returns its size; 0: none is sent. */
typedef size_t dns_answerer(dns_server *server, const char *name, uint16_t type, bool tcp,
                            uint8_t *reply, size_t size);

struct dns_server {
    dns_answerer *answer;
    void *arg;
    uint16_t port;
    char address[32]; /* "127.0.0.1:port" */
    _Atomic(int) asked, asked_by_tcp;
    int udp, tcp, stop[2];
    pthread_t thread;
};

/* Appends bytes of an answer. */
static inline size_t dns_put(uint8_t *reply, size_t size, const void *data, size_t length)
{
    memcpy(reply + size, data, length);
    return size + length;
}

static inline size_t dns_put16(uint8_t *reply, size_t size, unsigned number)
{
    const uint8_t bytes[] = {(uint8_t)(number >> 8), (uint8_t)number};
    return dns_put(reply, size, bytes, sizeof(bytes));
}

static inline size_t dns_put32(uint8_t *reply, size_t size, uint32_t number)
{
    return dns_put16(reply, dns_put16(reply, size, number >> 16), number & 0xffff);
}

static inline size_t dns_put_name(uint8_t *reply, size_t size, const char *name)
{
    while (*name) {
        size_t length = strcspn(name, ".");
        reply[size++] = (uint8_t)length;
        size = dns_put(reply, size, name, length);
        name += length + (name[length] == '.');
    }
    reply[size++] = 0;
    return size;
}

enum { DNS_ANSWER = 6, DNS_AUTHORITY = 8 }; /* where the sections' counts are */

/* A record of the question's name, in a section. */
static inline size_t dns_put_record(uint8_t *reply, size_t size, int section, uint16_t type,
                                    uint32_t ttl, const void *data, size_t length)
{
    reply[section + 1]++;
    size = dns_put16(reply, size, 0xc000 | DNS_HEADER);
    size = dns_put16(reply, size, type);
    size = dns_put16(reply, size, 1);
    size = dns_put32(reply, size, ttl);
    size = dns_put16(reply, size, (unsigned)length);
    return dns_put(reply, size, data, length);
}

static inline size_t dns_put_a(uint8_t *reply, size_t size, uint32_t ttl, const char *address)
{
    struct in_addr a;
    assert_int_equal(inet_pton(AF_INET, address, &a), 1);
    return dns_put_record(reply, size, DNS_ANSWER, YIBU_DNS_A, ttl, &a, sizeof(a));
}

/* An SOA for answers that say no. */
static inline size_t dns_put_soa(uint8_t *reply, size_t size, uint32_t ttl, uint32_t minimum)
{
    uint8_t data[64];
    size_t length = dns_put_name(data, 0, "ns.example");
    length = dns_put_name(data, length, "host.example");
    for (uint32_t i = 1; i <= 4; i++)
        length = dns_put32(data, length, i);
    length = dns_put32(data, length, minimum);
    return dns_put_record(reply, size, DNS_AUTHORITY, YIBU_DNS_SOA, ttl, data, length);
}

static inline void dns_set_rcode(uint8_t *reply, unsigned rcode)
{
    reply[3] = (uint8_t)((reply[3] & 0xf0) | rcode);
}

/* The question's name; returns where its type is. */
static inline size_t dns_question(const uint8_t *query, char *name)
{
    size_t at = DNS_HEADER;
    char *end = name;
    for (; query[at]; at += query[at] + 1u) {
        for (size_t i = 1; i <= query[at]; i++)
            *end++ = (char)query[at + i];
        *end++ = '.';
    }
    end[end > name ? -1 : 0] = '\0';
    return at + 1;
}

static inline size_t dns_serve(dns_server *server, bool tcp, uint8_t *message)
{
    char name[512];
    size_t at = dns_question(message, name);
    uint16_t type = (uint16_t)(message[at] << 8 | message[at + 1]);
    message[2] |= 0x80;
    message[3] = 0x80;
    memset(message + DNS_ANSWER, 0, 6); /* an OPT of the query is dropped with its count */
    atomic_fetch_add(&server->asked, 1);
    if (tcp)
        atomic_fetch_add(&server->asked_by_tcp, 1);
    return server->answer(server, name, type, tcp, message, at + 4);
}

static inline void dns_serve_udp(dns_server *server, uint8_t *message)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof(from);
    ssize_t n = recvfrom(server->udp, message, 512, 0, (struct sockaddr *)&from, &length);
    if (n < DNS_HEADER)
        return;
    size_t size = dns_serve(server, false, message);
    if (size > 0)
        (void)sendto(server->udp, message, size, 0, (struct sockaddr *)&from, length);
}

/* One query a connection. */
static inline void dns_serve_tcp(dns_server *server, uint8_t *message)
{
    int fd = accept(server->tcp, NULL, NULL);
    uint8_t prefix[2];
    if (recv(fd, prefix, 2, MSG_WAITALL) == 2 &&
        recv(fd, message, (size_t)(prefix[0] << 8 | prefix[1]), MSG_WAITALL) > DNS_HEADER) {
        size_t size = dns_serve(server, true, message);
        dns_put16(prefix, 0, (unsigned)size);
        if (size > 0 && send(fd, prefix, 2, MSG_NOSIGNAL) == 2)
            (void)send(fd, message, size, MSG_NOSIGNAL);
    }
    close(fd);
}

/* Storms of signals are for the loop. */
static inline void *dns_server_run(void *arg)
{
    dns_server *server = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    uint8_t *message = malloc(DNS_ROOM);
    struct pollfd fds[] = {
        {server->udp, POLLIN, 0}, {server->tcp, POLLIN, 0}, {server->stop[0], POLLIN, 0}};
    while (poll(fds, 3, -1) > 0 && !fds[2].revents) {
        if (fds[0].revents)
            dns_serve_udp(server, message);
        if (fds[1].revents)
            dns_serve_tcp(server, message);
    }
    free(message);
    return NULL;
}

/* Binds both to one port of the kernel's choice. */
static inline bool dns_bind(dns_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->udp, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(server->udp, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    if (bind(server->tcp, (struct sockaddr *)&address, length) == 0 && listen(server->tcp, 64) == 0)
        return true;
    close(server->udp);
    close(server->tcp);
    return false;
}

static inline void dns_server_start(dns_server *server, dns_answerer *answer, void *arg)
{
    *server = (dns_server){.answer = answer, .arg = arg};
    while (!dns_bind(server))
        ;
    snprintf(server->address, sizeof(server->address), "127.0.0.1:%u", server->port);
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, dns_server_run, server), 0);
}

static inline void dns_server_stop(dns_server *server)
{
    assert_int_equal(write(server->stop[1], "", 1), 1);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->stop[1]);
    close(server->udp);
    close(server->tcp);
}

#endif
